"""The contents of a Gemini request, from the neutral messages.

What goes back to Gemini of its own answers:

- Every thought signature, on the part that it came with: without it the next turn loses the model's thoughts, and
  a function call even fails. Thoughts that carry none are for people, and stay out.
- What only Gemini understands, whole.

The first function call of a model turn must be signed. One that Gemini did not sign, as it came from another
provider, gets the value that Google documents for this: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from collections.abc import Callable, Iterable, Mapping

from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    MediaPart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers.gemini.finish import CONTINUATION_TOKEN
from streaming.providers.gemini.function_response import response_of
from streaming.providers.gemini.parts import ModelPart
from streaming.providers.requests import arguments_object

UNSIGNED = "skip_thought_signature_validator"
_ROLES: Mapping[Role, str] = {"user": "user", "tool": "user", "assistant": "model"}


def continuation(messages: list[Message], provider: str) -> tuple[list[Message], str]:
    """Split off the answer that Gemini wants to go on with: return the messages before it, and its token.

    The same request again, with the token, is how it goes on; the token stands for what was said.
    """
    token = ""
    end = len(messages)
    while end and (given := _token(messages[end - 1], provider)):
        token = token or given
        end -= 1
    return messages[:end], token


def _token(message: Message, provider: str) -> str:
    last = message.parts[-1] if message.role == "assistant" and message.parts else None
    given = None if last is None or isinstance(last, ToolResultPart) else _own(last, provider).get(CONTINUATION_TOKEN)
    return given if isinstance(given, str) else ""


def system_parts(system: str | None, messages: Iterable[Message]) -> list[JsonValue]:
    """Return the system instruction: the call's own first, then what stands between the messages.

    Raises:
        CannotExpress: a system message holds more than text.
    """
    parts: list[JsonValue] = [] if system is None else [{"text": system}]
    for message in messages:
        for part in message.parts if message.role == "system" else ():
            if not isinstance(part, TextPart):
                raise _not_in(part, message.role)
            parts.append({"text": part.text})
    return parts


def contents(messages: Iterable[Message], provider: str) -> list[JsonValue]:
    """Return the conversation without its system messages, turns of one role merged.

    Raises:
        CannotExpress: a part that Gemini has no words for, or a tool result that answers no call.
    """
    turns: list[tuple[str, list[JsonValue]]] = []
    calls: dict[str, ToolCallPart] = {}
    for message in messages:
        if message.role == "system":
            continue
        parts = _parts(message, calls, provider)
        if parts and turns and turns[-1][0] == _ROLES[message.role]:
            turns[-1][1].extend(parts)
        elif parts:
            turns.append((_ROLES[message.role], parts))
    return [{"role": role, "parts": parts} for role, parts in turns]


def _parts(message: Message, calls: dict[str, ToolCallPart], provider: str) -> list[JsonValue]:
    parts: list[JsonValue] = []
    signed = False
    for part in message.parts:
        if isinstance(part, ToolResultPart) and message.role == "tool":
            parts += _tool_result(part, calls, provider)
        elif isinstance(part, ToolCallPart) and message.role == "assistant":
            parts.append(_tool_call(part, provider, signed=signed))
            calls[part.id] = part
            signed = True
        else:
            express = _EXPRESS[message.role].get(type(part))
            if express is None:
                raise _not_in(part, message.role)
            parts += express(part, provider)
    return parts


def _not_in(part: Part, role: Role) -> CannotExpress:
    return CannotExpress(f"this wire takes no {part.type} part in a message of role {role}")


def _own(part: ModelPart | RefusalPart, provider: str) -> JsonObject:
    return part.own(provider) or {}


def _with_beside(payload: JsonObject, part: ModelPart, provider: str) -> JsonObject:
    """Return a part with what it carries beside its payload."""
    own = _own(part, provider)
    return payload | {key: value for key, value in own.items() if key not in (CONTINUATION_TOKEN, "functionCall")}


def _text(part: TextPart, provider: str) -> list[JsonValue]:
    said = _with_beside({"text": part.text}, part, provider)
    return [said] if part.text or len(said) > 1 else []


def _refusal(part: RefusalPart, _provider: str) -> list[JsonValue]:
    return [{"text": part.text}] if part.text else []  # another provider's: here such words are plain text


def _reasoning(part: ReasoningPart, provider: str) -> list[JsonValue]:
    thought = _with_beside({"text": part.text, "thought": True}, part, provider)
    return [thought] if "thoughtSignature" in thought else []


def _media(part: MediaPart, provider: str) -> list[JsonValue]:
    if part.data is None:
        raise CannotExpress(f"the data of an {part.type} part has not been fetched")
    blob: JsonObject = {"mimeType": part.media_type, "data": part.data}
    return [_with_beside({"inlineData": blob}, part, provider)]


def _item(part: ProviderItem, provider: str) -> list[JsonValue]:
    whole = {key: value for key, value in _own(part, provider).items() if key != CONTINUATION_TOKEN}
    return [whole] if whole else []


def _call_fields(part: ToolCallPart, provider: str) -> JsonObject:
    """Return what stands in a function call beside name and arguments: its id, unless Gemini gave it none."""
    own = part.own(provider)
    if own is None:
        return {"id": part.id}  # another provider's call
    fields = own.get("functionCall")
    return dict(fields) if isinstance(fields, dict) else {}


def _tool_call(part: ToolCallPart, provider: str, *, signed: bool) -> JsonValue:
    call = _call_fields(part, provider) | {"name": part.name, "args": arguments_object(part)}
    said = _with_beside({"functionCall": call}, part, provider)
    return said if signed or "thoughtSignature" in said else said | {"thoughtSignature": UNSIGNED}


def _tool_result(part: ToolResultPart, calls: Mapping[str, ToolCallPart], provider: str) -> list[JsonValue]:
    call = calls.get(part.tool_call_id)
    if call is None:
        raise CannotExpress(f"the tool_result {part.tool_call_id!r} answers no tool_call before it")
    text = "".join(item.text for item in part.content if isinstance(item, TextPart))
    result: JsonObject = {"name": call.name, "response": response_of(text, is_error=part.is_error)}
    given = _call_fields(call, provider).get("id")
    if given is not None:
        result["id"] = given
    parts: list[JsonValue] = [{"functionResponse": result}]
    for item in part.content:
        if not isinstance(item, TextPart):
            parts += _media(item, provider)
    return parts


_Express = Callable[..., list[JsonValue]]
_FROM_ANYONE: dict[type, _Express] = {TextPart: _text, ImagePart: _media, AudioPart: _media, FilePart: _media}
_FROM_THE_MODEL: dict[type, _Express] = {RefusalPart: _refusal, ReasoningPart: _reasoning, ProviderItem: _item}
_EXPRESS: dict[Role, dict[type, _Express]] = {
    "user": _FROM_ANYONE,
    "tool": {},
    "assistant": _FROM_ANYONE | _FROM_THE_MODEL,
}
