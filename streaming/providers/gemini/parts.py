"""One part of a Gemini content as a neutral part.

Beside its payload a part may carry a thought signature and more of the provider's own; all of it is kept in
`provider_data`, laid out as it goes back (`contents.py`): the part's own keys but for what the neutral part says.
"""

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.messages import AudioPart, FilePart, ImagePart, ProviderItem, ReasoningPart, TextPart, ToolCallPart
from streaming.providers.call_ids import CallIds
from streaming.providers.values import string

Media = ImagePart | AudioPart | FilePart
ModelPart = TextPart | ReasoningPart | ToolCallPart | Media | ProviderItem
"""What Gemini writes."""

# What stands beside a part's payload and is none itself.
_BESIDE = frozenset({"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"})
_MAX_RESPONSE_ID = 40


def call_ids(response_id: JsonValue) -> CallIds:
    """Return the ids of one message's calls; a made-up one holds the response's own, to be one in the conversation."""
    return CallIds("_".join(filter(None, ("call", string(response_id)[:_MAX_RESPONSE_ID]))))


def part_of(raw: JsonValue, place: int, provider: str, ids: CallIds) -> ModelPart | None:
    """Return the neutral part, or None where the part says nothing.

    What only Gemini understands (code, its result, server-side tools, drafts of images) becomes a provider item.

    Raises:
        NotTheWire: it is not a part of this wire.
    """
    if not isinstance(raw, dict):
        raise NotTheWire("a part is not a JSON object")
    said: JsonObject = {key: value for key, value in raw.items() if value is not None}
    if "functionCall" in said:
        return _tool_call(said, place, provider, ids)
    if "inlineData" in said and (media := _media(said, provider)):
        return media
    kind = next((key for key in said if key not in _BESIDE), "text")
    if kind == "text" or "text" in said:
        return _text(said, provider)
    return ProviderItem(kind=string(kind), provider_data={provider: said})


def _text(said: JsonObject, provider: str) -> TextPart | ReasoningPart | None:
    text = said.get("text", "")
    if not isinstance(text, str):
        raise NotTheWire("the text of a part is not a string")
    own = {key: value for key, value in said.items() if key not in ("text", "thought")}
    data: dict[str, JsonValue] = {provider: own} if own else {}
    if said.get("thought") is True:
        return ReasoningPart(text=text, provider_data=data) if text or own else None
    if text:
        return TextPart(text=text, provider_data=data)
    # A signature with nothing said is a thought that the provider keeps to itself.
    return ReasoningPart(text="", provider_data={provider: own | {"thought": False}}) if own else None


def _tool_call(said: JsonObject, place: int, provider: str, ids: CallIds) -> ToolCallPart:
    call = said["functionCall"]
    if not isinstance(call, dict):
        raise NotTheWire("a function call is not a JSON object")
    own = {key: value for key, value in said.items() if key != "functionCall"}
    beside: JsonObject = {key: value for key, value in call.items() if key not in ("name", "args")}
    if beside:
        own["functionCall"] = beside
    args = call.get("args")
    return ToolCallPart(
        id=ids.take(string(call.get("id")), place),
        name=string(call.get("name")),
        arguments=dumps({} if args is None else args).decode(),
        provider_data={provider: own},
    )


def _media(said: JsonObject, provider: str) -> Media | None:
    blob = said["inlineData"]
    if not isinstance(blob, dict) or said.get("thought") is True:
        return None  # a draft belongs to the thoughts, not to the answer
    media_type, data = string(blob.get("mimeType")), string(blob.get("data"))
    if not media_type or not data:
        return None
    own = {key: value for key, value in said.items() if key != "inlineData"}
    provider_data: dict[str, JsonValue] = {provider: own} if own else {}
    if media_type.startswith("image/"):
        return ImagePart(media_type=media_type, data=data, provider_data=provider_data)
    if media_type.startswith("audio/"):
        return AudioPart(media_type=media_type, data=data, provider_data=provider_data)
    name = string(blob.get("displayName")) or None
    return FilePart(media_type=media_type, data=data, filename=name, provider_data=provider_data)
