"""Rules of every wire's request where providers differ: what is laid over, rewritten, or refused."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from streaming.contracts import GenerationSettings
from streaming.errors import CannotExpress, NotTheWire
from streaming.jsontext import JsonObject, JsonValue, loads
from streaming.messages import MediaPart, Message, ToolCallPart
from streaming.providers.call_ids import with_ids

# pydantic-ai's word too: a model that sees it in its own call understands what happened.
INVALID_JSON = "INVALID_JSON"
_STREAM_KEYS = frozenset({"stream", "stream_options"})


def with_extra(body: JsonObject, extra: JsonObject) -> JsonObject:
    """Return the body with the settings' `extra` laid over it; its `tools` come after ours, not in their place."""
    merged = body | {key: value for key, value in extra.items() if key not in _STREAM_KEYS}
    ours, theirs = body.get("tools"), extra.get("tools")
    if isinstance(ours, list) and isinstance(theirs, list):
        merged["tools"] = ours + theirs
    return merged


def renamed(body: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """Return the body with its keys as the server calls them: `Quirks.renames`."""
    return {names.get(key, key): value for key, value in body.items()}


def refuse_settings(settings: GenerationSettings, names: Iterable[str], whose: str) -> None:
    """Refuse what a wire or a server has no words for.

    Raises:
        CannotExpress: one of these settings is given; names it.
    """
    given = [name for name in sorted(names) if getattr(settings, name) is not None]
    if given:
        raise CannotExpress(f"{whose} has no {', '.join(f'settings.{name}' for name in given)}")


def arguments_object(call: ToolCallPart) -> JsonObject:
    """Return a call's arguments as the object that some wires want.

    Arguments that are no JSON object were a model's mistake: it is shown what it wrote, under a key that says so.
    """
    if not call.arguments.strip():
        return {}  # some servers send nothing where there is nothing to say
    try:
        arguments = loads(call.arguments.encode("utf-8", "replace"))
    except NotTheWire:
        arguments = None
    return arguments if isinstance(arguments, dict) else {INVALID_JSON: call.arguments}


def data_uri(part: MediaPart) -> str:
    """Return inline media as a data URI (RFC 2397)."""
    return f"data:{part.media_type};base64,{part.data}"


def with_fitting_ids(messages: list[Message], allowed: "re.Pattern[str]", length: int) -> list[Message]:
    """Return the messages with every tool call id that does not match `allowed` replaced, call and result alike.

    Ids come from other providers too, whose alphabets and lengths differ; the same id always becomes the same one.
    """

    def fitting(given: str) -> str:
        return given if allowed.fullmatch(given) else hashlib.sha256(given.encode()).hexdigest()[:length]

    return with_ids(messages, fitting, fitting)


def fits_strict_mode(schema: JsonValue) -> bool:
    """Return whether a JSON Schema keeps OpenAI's rules for strict mode: closed objects, every property required."""
    if isinstance(schema, list):
        return all(fits_strict_mode(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    return _is_closed(schema) and all(fits_strict_mode(item) for item in schema.values())


def _is_closed(schema: JsonObject) -> bool:
    kinds, properties, required = (schema.get(key) for key in ("type", "properties", "required"))
    if "object" not in (kinds if isinstance(kinds, list) else [kinds]) and not isinstance(properties, dict):
        return True
    names = set(properties) if isinstance(properties, dict) else set()
    listed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    return schema.get("additionalProperties") is False and names <= listed
