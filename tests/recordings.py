"""The recorded streams in `tests/fixtures`, each beside the unary body of the same answer."""

import json
from dataclasses import dataclass
from pathlib import Path

from streaming.jsontext import JsonObject, JsonValue

_ROOT = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Recording:
    """One answer, as a provider's streaming and its unary endpoint give it."""

    name: str
    stream: bytes
    unary: JsonObject


def _read(directory: Path) -> Recording:
    unary = json.loads((directory / "unary.json").read_bytes())
    return Recording(directory.name, (directory / "stream.sse").read_bytes(), unary)


def recordings(wire: str) -> dict[str, Recording]:
    """Return the recordings of one wire by name; its folder is the wire's package name."""
    return {directory.name: _read(directory) for directory in sorted((_ROOT / wire).iterdir())}


OPENAI_CHAT = recordings("openai_chat")


def said(value: JsonValue) -> JsonValue:
    """Return `value` without what says nothing: a null, an empty list or object, or its key."""
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items() if item not in (None, [], {})}
    return [said(item) for item in value] if isinstance(value, list) else value
