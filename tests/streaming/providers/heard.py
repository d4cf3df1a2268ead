"""What a stream comes to: the parts that its deltas make, and the provider's own object."""

import json
from collections.abc import Iterable

from streaming.deltas import Delta, of_message
from streaming.errors import ProviderError
from streaming.jsontext import JsonValue
from streaming.live.transcript import Transcript
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks, Wire

Shown = tuple[str, str, str, str]
"""Type, id, name and text of a part, as a viewer has them."""


def shown(deltas: Iterable[Delta]) -> list[Shown]:
    """Return the parts that deltas make."""
    transcript = Transcript()
    for delta in deltas:
        transcript.add(delta)
    return [(part.type, part.id, part.name, part.text) for part in transcript.parts]


def text_of(parts: list[Shown]) -> str:
    """Return the text as a viewer has it."""
    return "".join(text for kind, *_, text in parts if kind == "text")


class Heard:
    """A whole stream, read in these pieces."""

    def __init__(self, wire: Wire, pieces: Iterable[bytes], quirks: Quirks | None = None) -> None:
        reader = StreamReader(wire, quirks or Quirks())
        deltas: list[Delta] = []
        for piece in pieces:
            deltas += reader.feed(piece)
        self.complete_before_the_end = reader.complete
        deltas += reader.eof()
        self.final = reader.final()
        self.parts = shown(deltas)

    @property
    def text(self) -> str:
        """The text as a viewer has it."""
        return text_of(self.parts)


def check_unary(wire: Wire, body: JsonValue) -> None:
    """Read a JSON body: it is an answer, which viewers are shown word for word, or a failure of ours."""
    reader = UnaryReader(wire)
    reader.feed(json.dumps(body).encode())
    try:
        deltas = reader.eof()
    except ProviderError as error:
        str(error).encode()
        return

    message = wire.answer(reader.final(), "").message
    message.model_dump_json()
    assert message.text == text_of(shown(deltas))
    assert shown(of_message(message)) == shown(deltas)
