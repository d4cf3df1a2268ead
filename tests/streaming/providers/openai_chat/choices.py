"""A choice fed with deltas, as the tests of its fields need it."""

from streaming.deltas import Delta
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_chat.choice import Choice


def fed(*deltas: JsonValue, finish_reason: str | None = "stop") -> tuple[JsonObject, list[Delta]]:
    """Return a choice's final form after these deltas, and what they showed."""
    choice = Choice(0)
    shown: list[Delta] = []
    for delta in deltas:
        choice.feed({"index": 0, "delta": delta, "finish_reason": None}, shown)
    choice.feed({"index": 0, "delta": {}, "finish_reason": finish_reason}, shown)
    return choice.final(), shown
