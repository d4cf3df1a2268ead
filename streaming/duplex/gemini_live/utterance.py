"""What the user is saying, in pieces that name no utterance: it lasts until what comes of it has ended."""

from streaming.duplex.elements import Transcript
from streaming.jsontext import GrowingText


class Utterance:
    """The words of one turn of the user's.

    Gemini sends them in no order with its answer, and marks their end rarely. So they are whole when the answer ends
    or is cut, for what was said by then was said before.

    Args:
        names: what the ids of this connection's utterances begin with.
    """

    def __init__(self, names: str) -> None:
        self._names = names
        self._number = 1
        self._text = GrowingText()

    def add(self, text: str, *, finished: bool) -> Transcript | None:
        """Take a piece; return what it adds."""
        added = self._text.add(text)
        if finished:
            return self.end()
        return Transcript("user", added, item_id=self._item_id) if added else None

    def end(self) -> Transcript | None:
        """Nothing follows; return the whole, None where nothing was said."""
        self._text.close()
        whole, item_id = self._text.text, self._item_id
        if not whole:
            return None
        self._text = GrowingText()
        self._number += 1
        return Transcript("user", whole, final=True, item_id=item_id)

    @property
    def _item_id(self) -> str:
        return f"{self._names}{self._number}"
