"""The inputs worth keeping: those that reached code no other input did, one file a target, one input a line."""

import base64
from pathlib import Path

from streaming.jsontext import dumps
from tests.recordings import recordings

_FOLDER = Path(__file__).parent / "corpus"


def kept(target: str) -> list[bytes]:
    """Return what earlier runs kept."""
    file = _FOLDER / f"{target}.txt"
    return [base64.b64decode(line) for line in file.read_bytes().splitlines()] if file.exists() else []


def keep(target: str, inputs: list[bytes]) -> None:
    """Keep these inputs instead of the earlier ones."""
    _FOLDER.mkdir(exist_ok=True)
    lines = sorted(base64.b64encode(data) for data in inputs)
    (_FOLDER / f"{target}.txt").write_bytes(b"".join(line + b"\n" for line in lines))


def seeds(target: str) -> list[bytes]:
    """Return the fixtures as inputs: what a real provider sends is the best beginning."""
    wire, _, kind = target.rpartition("-")
    if kind == "session":
        return []  # those kept began as what the fakes say
    found = recordings(wire.replace("-", "_")).values()
    match kind:
        case "stream":
            return [b"\0" + recording.stream for recording in found]
        case "unary":
            return [dumps(recording.unary) for recording in found]
        case _:
            return [b'{"error":{"message":"m","type":"t","code":"c","status":"s","details":[]}}']
