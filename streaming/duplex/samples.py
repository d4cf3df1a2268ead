"""Sound as it comes down: base64 in pieces that are cut anywhere, made whole samples again. Pure."""

from binascii import a2b_base64

from streaming.duplex.elements import BYTES_PER_SAMPLE


class Samples:
    """The sound of one part of an answer: half a sample waits for its other half."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = b""

    def take(self, base64: str) -> bytes:
        """Return the whole samples that a piece adds.

        Raises:
            ValueError: it is not base64.
        """
        data = a2b_base64(base64, strict_mode=True)
        if self._half or len(data) % BYTES_PER_SAMPLE:
            data = self._half + data
            whole = len(data) - len(data) % BYTES_PER_SAMPLE
            data, self._half = data[:whole], data[whole:]
        return data

    def forget(self) -> None:
        """What comes next does not go on from here."""
        self._half = b""
