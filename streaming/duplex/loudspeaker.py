"""How far sound that was handed out has been played, as far as a clock can tell. Pure."""


class Loudspeaker:
    """Plays without a pause what it is given, from the moment it is given it: whoever plays may have a deep buffer.

    Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._silent_from = 0.0

    def play(self, ms: float, now: float) -> None:
        """Give it so much sound."""
        self._silent_from = max(self._silent_from, now) + ms / 1000

    def unplayed_ms(self, now: float) -> float:
        """Return how much of what it was given is still to be played."""
        return max(self._silent_from - now, 0.0) * 1000

    def stop(self) -> None:
        """It falls silent, and forgets what it has not played."""
        self._silent_from = 0.0
