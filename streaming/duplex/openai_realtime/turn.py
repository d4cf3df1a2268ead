"""The user's turn: what of it the server has, and who has to ask for the answer. Pure."""


class UserTurn:
    """One user turn after the other; a turn ends with `end`.

    With turns by hand the answer is asked for at once. A server that listens by itself takes what it hears as items of
    its own accord and answers them unasked. What it did not take by the end is committed for it, and what becomes of
    that tells whether an answer has to be asked for: not where it had heard and taken all speech before, or the user
    would be answered twice.

    Args:
        listens: whether the server finds the ends of turns by itself.
    """

    def __init__(self, *, listens: bool) -> None:
        self.listens = listens
        """Whether the server finds the ends of turns by itself, and cuts its answer when the user speaks."""
        self.speaking = False
        """The server hears the user; it will take that, and answer it."""
        self.answer_due = False
        """The server has taken what it heard, and will answer it unasked."""
        self._unsettled = False
        """We have committed, and do not know yet what came of it."""
        self._uncommitted = False
        self._wrote = False
        self._taken = False
        self._stopped = ""

    def sound(self) -> None:
        """Sound was sent."""
        self._uncommitted = True

    def write(self) -> None:
        """Something was written or shown."""
        self._wrote = True

    def end(self) -> tuple[bool, bool]:
        """End it; return whether to commit the sound, and whether to ask for the answer now."""
        commit, self._uncommitted = self._uncommitted, False
        if not self.listens:
            return commit, True
        if commit or self._unsettled:
            self._unsettled = True
            return commit, False
        return False, self._settled()

    def speech_started(self) -> None:
        """The server hears the user."""
        self.speaking = self.listens
        self.answer_due = False

    def speech_stopped(self, item_id: str) -> None:
        """The server hears the user no more, and will take it under this id."""
        self._stopped = item_id

    def committed(self, item_id: str) -> bool:
        """The server has made an item of sound; return whether to ask for the answer now."""
        if not self.listens:
            return False
        if self._unsettled and (not item_id or item_id != self._stopped):
            return self.commit_settled()
        self._uncommitted = False
        self._taken = self.answer_due = True
        self.speaking = False
        return False

    def commit_settled(self) -> bool:
        """It is known what came of our commit; return whether to ask for the answer now."""
        if not self._unsettled:
            return False
        self._unsettled = False
        return self._settled()

    def answered(self) -> None:
        """An answer has begun, or none will."""
        self.answer_due = False

    @property
    def answer_open(self) -> bool:
        """Whether an answer to the user may come that nobody has asked for yet."""
        return self.answer_due or self._unsettled

    def _settled(self) -> bool:
        ask = self._wrote or self.speaking or not self._taken
        self._wrote = self._taken = self.speaking = False
        return ask
