"""The items of a Realtime conversation, from the neutral messages and from what is sent while it goes on.

- Nothing of a voice is kept in a message but its words, so what was spoken before comes back as text (the API takes no
  spoken words of the model anyway: "cannot populate assistant audio messages").
- Thoughts and provider items are other wires' and are left out.
- The wire has no word for a tool's failure: the result begins with "Error: ".
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from streaming.duplex.elements import Image, StreamElement, ToolResponse
from streaming.duplex.errors import CannotSendError
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    ImagePart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

# The API's word for a longer id: "Expected a string with maximum length 32".
_LONGEST_ID = 32
_PICTURES = ("image/png", "image/jpeg")


def call_id_for(given: str) -> str:
    """Return a call's id as the server is told it: ids of other providers may be too long for it."""
    return given if 0 < len(given) <= _LONGEST_ID else hashlib.sha256(given.encode()).hexdigest()[:_LONGEST_ID]


# -- while it goes on


def user_content(element: StreamElement) -> list[JsonValue]:
    """Return what the user writes and shows.

    Raises:
        CannotSendError: the picture is of a kind that the API does not take.
    """
    content: list[JsonValue] = []
    if element.image is not None:
        content.append(_picture(element.image))
    if element.text:
        content.append(_input_text(element.text))
    return content


def message_item(role: str, content: list[JsonValue]) -> JsonObject:
    """Return a message."""
    return {"type": "message", "role": role, "content": content}


def result_item(call_id: str, response: ToolResponse) -> JsonObject:
    """Return a tool's result for a call, as the server knows it."""
    return _result(call_id, response.output, is_error=response.is_error)


def _picture(image: Image) -> JsonValue:
    if image.media_type not in _PICTURES:
        raise CannotSendError(f"OpenAI Realtime takes {' and '.join(_PICTURES)}, not {image.media_type[:100]}")
    if not image.data:
        raise CannotSendError("the image is empty")
    return _input_image(image.media_type, base64.b64encode(image.data).decode("ascii"))


def _input_text(text: str) -> JsonObject:
    return {"type": "input_text", "text": text}


def _input_image(media_type: str, data: str) -> JsonObject:
    return {"type": "input_image", "image_url": f"data:{media_type};base64,{data}"}


def _result(call_id: str, output: str, *, is_error: bool) -> JsonObject:
    told = f"Error: {output}" if is_error else output
    return {"type": "function_call_output", "call_id": call_id, "output": told}


# -- what was said before


def history_items(messages: Sequence[Message]) -> list[JsonObject]:
    """Return the items that tell a new session what was said.

    Raises:
        CannotSendError: a part that Realtime has no words for; names it.
    """
    return [item for message in messages for item in _items(message)]


def _items(message: Message) -> Iterator[JsonObject]:
    content: list[JsonValue] = []
    for part in message.parts:
        item = _ITEMS.get(type(part), _no_item)(part)
        if item is None:
            if said := _content(part, message.role):
                content.append(said)
            continue
        if content:
            yield message_item(message.role, content)
            content = []
        yield item
    if content:
        yield message_item(message.role, content)


def _no_item(_part: Part) -> None:
    return None


def _call(part: ToolCallPart) -> JsonObject:
    return {
        "type": "function_call",
        "call_id": call_id_for(part.id),
        "name": part.name,
        "arguments": part.arguments,
    }


def _tool_result(part: ToolResultPart) -> JsonObject:
    if not all(isinstance(piece, TextPart) for piece in part.content):
        raise CannotSendError("OpenAI Realtime takes nothing but text in a tool result")
    output = "".join(piece.text for piece in part.content if isinstance(piece, TextPart))
    return _result(call_id_for(part.tool_call_id), output, is_error=part.is_error)


_ITEMS: Mapping[type, Callable[..., JsonObject | None]] = {ToolCallPart: _call, ToolResultPart: _tool_result}


def _content(part: Part, role: str) -> JsonObject | None:
    if isinstance(part, ReasoningPart | ProviderItem):
        return None
    text = _WORDS.get(type(part), _no_words)(part)
    if text is not None:
        kind = "output_text" if role == "assistant" else "input_text"
        return {"type": kind, "text": text} if text else None
    if isinstance(part, ImagePart) and role == "user" and part.data and part.media_type in _PICTURES:
        return _input_image(part.media_type, part.data)
    raise CannotSendError(f"OpenAI Realtime takes no {part.type} part of this kind in a message of role {role}")


def _no_words(_part: Part) -> None:
    return None


def _text(part: TextPart) -> str:
    return part.text


def _refusal(part: RefusalPart) -> str:
    return part.text


def _transcript(part: AudioPart) -> str | None:
    return part.transcript


_WORDS: Mapping[type, Callable[..., str | None]] = {TextPart: _text, RefusalPart: _refusal, AudioPart: _transcript}
