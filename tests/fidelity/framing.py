"""How the same events may look on the wire: line ends, comments, ids, byte order mark, and where the bytes are cut."""

import random
from collections.abc import Sequence

from tests.fidelity.cases import StreamEvent

_LINE_ENDS = (b"\n", b"\r\n", b"\r")
_KEEPALIVES = (b": keep-alive", b":", b": OPENROUTER PROCESSING", b"id: 7", b"retry: 3000", b"data:")


def framed(rng: random.Random, events: Sequence[StreamEvent]) -> bytes:
    """Return the events as one legal event stream."""
    ends = rng.choice([[end] for end in _LINE_ENDS] + [list(_LINE_ENDS)])
    body = bytearray(rng.choice([b"", b"", b"\xef\xbb\xbf"]))
    for event in events:
        while rng.random() < 0.1:
            _add_line(body, rng.choice(_KEEPALIVES), rng.choice(ends))
            _add_line(body, b"", rng.choice(ends))
        for line in _lines(rng, event):
            _add_line(body, line, rng.choice(ends))
        _add_line(body, b"", rng.choice(ends))
    return bytes(body)


def _add_line(body: bytearray, line: bytes, end: bytes) -> None:
    if not line and end == b"\n" and body.endswith(b"\r"):
        end = b"\r\n"  # after a CR, an LF alone would only complete its line
    body += line + end


def _lines(rng: random.Random, event: StreamEvent) -> list[bytes]:
    space = rng.choice([b" ", b" ", b""])
    named = [b"event:" + space + event.type.encode()] if event.type else []
    text = event.data
    if rng.random() < 0.05 and text.startswith(b"{"):
        text = b"{\n" + text[1:]  # JSON over several data lines
    data = [b"data:" + (b" " if part.startswith(b" ") else space) + part for part in text.split(b"\n")]
    lines = [*named, *data] if rng.random() < 0.8 else [*data, *named]
    if rng.random() < 0.1:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice([b": ping", b"id: 1", b"x-unknown: y"]))
    return lines


def cut(rng: random.Random, body: bytes) -> list[bytes]:
    """Return the body in the pieces in which a network might deliver it."""
    size = rng.choice([1, 2, 7, 64, 1024, len(body) or 1])
    if size == 1 and len(body) > 2000:
        size = 13  # byte by byte is for short ones
    steady = rng.random() < 0.5
    pieces: list[bytes] = []
    at = 0
    while at < len(body):
        step = size if steady else rng.randint(1, 2 * size)
        pieces.append(body[at : at + step])
        at += step
    return pieces
