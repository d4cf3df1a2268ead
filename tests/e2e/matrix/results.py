"""What a cell looks at in a turn's result."""

from streaming.jsontext import JsonObject, JsonValue
from streaming.reasons import Reason
from tests.e2e.matrix.cells import Tried


def parts_of(result: JsonObject) -> list[tuple[JsonValue, JsonValue]]:
    """Return the type and text of each part of the message."""
    message = result["message"]
    assert isinstance(message, dict)
    return [(part["type"], part.get("text")) for part in _objects(message["parts"])]


def errors_of(result: JsonObject) -> list[JsonObject]:
    """Return why tries failed."""
    return _objects([tried["error"] for tried in _objects(result["tries"])])


def tries_of(result: JsonObject) -> tuple[Tried, ...]:
    """Return the trail; attempts that made no call, because it was too early for any, were no passes."""
    tries = _objects(result["tries"])
    attempts = sorted({int(str(tried["attempt"])) for tried in tries})
    return tuple(_tried(tried, attempts.index(int(str(tried["attempt"]))) + 1) for tried in tries)


def _tried(tried: JsonObject, in_pass: int) -> Tried:
    candidate, error = f"{tried['provider']}/{tried['model']}", tried["error"]
    if not isinstance(error, dict):
        return Tried(in_pass, candidate)
    return Tried(in_pass, candidate, str(error["type"]), Reason(str(error["reason"])), bool(error["hopeless"]))


def _objects(value: JsonValue) -> list[JsonObject]:
    assert isinstance(value, list)
    return [item for item in value if isinstance(item, dict)]
