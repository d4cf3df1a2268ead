"""A `chat.completion` message, mapped to neutral parts.

The message has a field for each kind of thing said, and so no order among them: reasoning comes first, then
text, images, sound, a refusal, tool calls. Within a list of content parts, the list's order stays.
"""

from collections.abc import Callable, Iterable
from itertools import groupby

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.messages import (
    AudioPart,
    ImagePart,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from streaming.providers.call_ids import CallIds
from streaming.providers.values import objects, string

# Compatible servers name their reasoning field one way or the other (vLLM and OpenRouter; DeepSeek).
REASONING_FIELDS = ("reasoning", "reasoning_content")
# How the base64 of a sound begins, by its format's magic bytes; the answer does not name the format.
_SOUNDS = (
    ("UklGR", "audio/wav"),
    ("ZkxhQ", "audio/flac"),
    ("T2dnU", "audio/ogg"),
    ("SUQz", "audio/mpeg"),
    ("//", "audio/mpeg"),
)
# No magic bytes: raw 16-bit samples, the one format that OpenAI streams.
_RAW_SOUND = "audio/pcm"
_CALL_FIELDS = frozenset({"id", "type", "index", "function", "custom"})


def parts_of(message: JsonObject, provider: str) -> list[Part]:
    """Return what a message says; what only `provider` understands is attached under its name.

    Raises:
        NotTheWire: a tool call is not an object.
    """
    parts = _reasoning(message, provider)
    parts += _content(message, provider)
    _images(parts, objects(message.get("images")), provider)
    parts += _audio(message.get("audio"), provider)
    if refusal := string(message.get("refusal")):
        parts.append(RefusalPart(text=refusal))
    parts += _tool_calls(message, provider)
    return parts


def _reasoning(message: JsonObject, provider: str) -> list[Part]:
    own: dict[str, JsonValue] = {}
    details = objects(message.get("reasoning_details"))
    text = "".join(string(item.get("text")) or string(item.get("summary")) for item in details)
    for name in REASONING_FIELDS:
        if said := text_of(message.get(name)):
            own["field"], text = name, said
            break
    if details:
        own["reasoning_details"] = list(details)
    return [ReasoningPart(text=text, provider_data={provider: own})] if own else []


def _content(message: JsonObject, provider: str) -> list[Part]:
    content = message.get("content")
    parts: list[Part] = []
    if isinstance(content, list):
        for kind, group in groupby(content, kind_of):
            _BY_KIND[kind](parts, objects(list(group)), provider)
    elif text := string(content):
        parts.append(TextPart(text=text))
    annotations = message.get("annotations")
    if isinstance(annotations, list):
        _annotate(parts, annotations)
    return parts


def _annotate(parts: list[Part], annotations: Iterable[JsonValue]) -> None:
    """Put these annotations on the last text among the parts."""
    last = next((part for part in reversed(parts) if isinstance(part, TextPart)), None)
    if last is not None:
        # Not a copy with more of them, or many that come one by one would cost the square of their number.
        last.annotations.extend(annotations)


def kind_of(item: JsonValue) -> str:
    """Return what kind of content part this is: "other" for one we do not know, "" for none."""
    if not isinstance(item, dict):
        return ""
    kind = item.get("type")
    if isinstance(kind, str) and kind in _BY_KIND:
        return kind
    return "text" if isinstance(item.get("text"), str) else "other"


def _text(parts: list[Part], items: list[JsonObject], _provider: str) -> None:
    if text := "".join(string(item.get("text")) for item in items):
        parts.append(TextPart(text=text))


def _thinking(parts: list[Part], items: list[JsonObject], provider: str) -> None:
    parts += [
        ReasoningPart(text=text_of(item.get("thinking")), provider_data={provider: {"part": item}}) for item in items
    ]


def _references(parts: list[Part], items: list[JsonObject], provider: str) -> None:
    if parts and isinstance(parts[-1], TextPart):
        _annotate(parts, items)
    else:
        _others(parts, items, provider)


def _images(parts: list[Part], items: list[JsonObject], provider: str) -> None:
    for item in items:
        url = image_url(item)
        head, comma, data = url.partition(";base64,")
        if comma and head.startswith("data:"):
            parts.append(ImagePart(media_type=head.removeprefix("data:") or "image/png", data=data))
        elif url:
            parts.append(ImagePart(url=url))
        else:
            _others(parts, [item], provider)


def _others(parts: list[Part], items: list[JsonObject], provider: str) -> None:
    parts += [ProviderItem(kind=string(item.get("type")), provider_data={provider: {"part": item}}) for item in items]


def _nothing(_parts: list[Part], _items: list[JsonObject], _provider: str) -> None:
    pass


# Each appends to the parts what neighbouring items of its kind say.
_BY_KIND: dict[str, Callable[[list[Part], list[JsonObject], str], None]] = {
    "text": _text,
    "thinking": _thinking,
    "reference": _references,
    "image_url": _images,
    "other": _others,
    "": _nothing,
}


def _audio(audio: JsonValue, provider: str) -> list[Part]:
    if not isinstance(audio, dict) or not audio:
        return []
    data = string(audio.get("data"))
    media_type = next((kind for start, kind in _SOUNDS if data.startswith(start)), _RAW_SOUND)
    own: dict[str, JsonValue] = {key: audio[key] for key in ("id", "expires_at") if audio.get(key) is not None}
    transcript = string(audio.get("transcript")) or None
    return [AudioPart(media_type=media_type, data=data, transcript=transcript, provider_data={provider: own})]


def call_id(given: JsonValue) -> str:
    """Return a tool call's id; "" for what Mistral sends where there is none: the word "null"."""
    return "" if given == "null" else string(given)


def _tool_calls(message: JsonObject, provider: str) -> list[Part]:
    ids = CallIds()
    given = message.get("tool_calls")
    calls = [_tool_call(call, ids, provider) for call in (given if isinstance(given, list) else [])]
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and legacy:
        calls.append(_tool_call({"function": legacy}, ids, provider))
    return calls


def _tool_call(call: JsonValue, ids: CallIds, provider: str) -> Part:
    if not isinstance(call, dict):
        raise NotTheWire("a tool call is not an object")
    own: dict[str, JsonValue] = {key: value for key, value in call.items() if value and key not in _CALL_FIELDS}
    said = call.get("function")
    arguments = said.get("arguments") if isinstance(said, dict) else None
    custom = call.get("custom")
    if isinstance(custom, dict) and not isinstance(said, dict):
        said, arguments = custom, custom.get("input")
        own["type"] = "custom"
    return ToolCallPart(
        id=ids.take(call_id(call.get("id"))),
        name=string(said.get("name")) if isinstance(said, dict) else "",
        arguments=json_text(arguments),
        provider_data={provider: own} if own else {},
    )


def json_text(arguments: JsonValue) -> str:
    """Return a call's arguments as the text they came as; some servers send the object itself."""
    return string(arguments) if isinstance(arguments, str | None) else dumps(arguments).decode()


def image_url(item: JsonValue) -> str:
    """Return where an image is, or the data URI that it is; "" for what is no image."""
    image = item.get("image_url") if isinstance(item, dict) else None
    return string(image.get("url")) if isinstance(image, dict) else string(image)


def text_of(content: JsonValue) -> str:
    """Return the text of a string, or of a list of content parts."""
    if isinstance(content, list):
        return "".join(string(item.get("text")) for item in content if isinstance(item, dict))
    return string(content)
