"""A tool's result as the object that Gemini wants, in a request and in a live session alike."""

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, loads


def response_of(output: str, *, is_error: bool) -> JsonObject:
    """Return a function response's `response`: a JSON object as it is, anything else under a key of its own.

    `output` and `error` are the keys that the API names for that (`FunctionResponse` in the SDK's types). An object
    with `$ref` for a key, however deep, goes as text: Gemini takes it for a reference to one of the response's parts,
    and refuses what refers to none (https://github.com/NousResearch/hermes-agent/issues/93014).
    """
    if is_error:
        return {"error": output}
    try:
        value = loads(output.encode("utf-8", "replace"))
    except NotTheWire:
        value = None
    return value if isinstance(value, dict) and not _refers(value) else {"output": output}


def _refers(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return "$ref" in value or any(map(_refers, value.values()))
    return isinstance(value, list) and any(map(_refers, value))
