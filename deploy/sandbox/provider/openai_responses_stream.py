"""Cuts a unary `response` into the events of the stream that amounts to it."""

from collections.abc import Iterator
from itertools import count

from pydantic import BaseModel, ConfigDict, JsonValue

from deploy.sandbox.provider.answers import tokens
from deploy.sandbox.provider.format import Event
from deploy.sandbox.provider.openai_format import padding
from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.provider.writing import objects

_TERMINAL = ("completed", "incomplete", "failed")
# What a response does not have yet while it is made.
_UNMADE: JsonObject = {
    "output": [],
    "usage": None,
    "completed_at": None,
    "error": None,
    "incomplete_details": None,
}
# The items whose one text grows: the field it is in, and what its events are called.
_GROWING = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}
# What the server's own tools tell of their progress before and after that text.
_STAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "web_search_call": (("in_progress", "searching"), ("completed",)),
    "file_search_call": (("in_progress", "searching"), ("completed",)),
    "code_interpreter_call": (("in_progress",), ("interpreting", "completed")),
    "image_generation_call": (("in_progress", "generating"), ("completed",)),
    "mcp_call": (("in_progress",), ("completed",)),
    "mcp_list_tools": (("in_progress",), ("completed",)),
}
# The parts whose text grows: the field it is in.
_TEXT_OF = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}


class StreamOptions(BaseModel):
    """How the client wants its stream."""

    model_config = ConfigDict(strict=True)

    include_obfuscation: bool | None = None


def response_events(response: JsonObject, *, padded: bool) -> Iterator[Event]:
    """Yields the stream's events, numbered.

    Args:
        response: The whole response.
        padded: Whether deltas carry padding.
    """
    for number, event in zip(count(), _unnumbered(response), strict=False):
        body = {"type": event.name, "sequence_number": number, **_object(event.data)}
        if padded and isinstance(body.get("delta"), str):
            body["obfuscation"] = padding(body["delta"])
        yield event._replace(data=body)


def unmade(response: JsonObject, status: str) -> JsonObject:
    """Returns a response before it is made, or one that never will be."""
    return {key: _UNMADE.get(key, value) for key, value in response.items()} | {"status": status}


def _object(data: JsonObject | str) -> JsonObject:
    return data if isinstance(data, dict) else {}


def _event(name: str, data: JsonObject, *, content: bool = False, terminator: bool = False) -> Event:
    return Event(data, content, f"response.{name}", terminator)


def _unnumbered(response: JsonObject) -> Iterator[Event]:
    opening = unmade(response, "in_progress")
    if response.get("background"):
        queued = unmade(response, "queued")
        yield _event("created", {"response": queued})
        yield _event("queued", {"response": queued})
    else:
        yield _event("created", {"response": opening})
    yield _event("in_progress", {"response": opening})
    for index, item in enumerate(objects(response.get("output"))):
        yield from _item(item, index)
    status = response.get("status")
    if status in _TERMINAL:
        yield _event(str(status), {"response": response}, terminator=True)


def _item(item: JsonObject, index: int) -> Iterator[Event]:
    kind = str(item.get("type"))
    place: JsonObject = {"item_id": item.get("id"), "output_index": index}
    before, after = _STAGES.get(kind, ((), ()))
    field, grows = _GROWING.get(kind, ("", ""))
    whole = kind not in ("message", "reasoning", *_GROWING)
    yield _event("output_item.added", {"output_index": index, "item": _opened(item, field)})
    for stage in before:
        yield _event(f"{kind}.{stage}", place)
    if field:
        yield from _growth(grows, field, str(item.get(field, "")), place)
    yield from _summary(objects(item.get("summary")), place)
    for position, part in enumerate(objects(item.get("content"))):
        yield from _part(part, {**place, "content_index": position})
    for stage in after:
        told = "failed" if stage == "completed" and item.get("status") == "failed" else stage
        yield _event(f"{kind}.{told}", place)
    yield _event("output_item.done", {"output_index": index, "item": item}, content=whole)


def _opened(item: JsonObject, field: str) -> JsonObject:
    unmade: JsonObject = {"status": "in_progress", "summary": [], "content": [], field: ""}
    # What is encrypted, and what a server's tool found, is known only in the end.
    late = ("encrypted_content", "result", "results", "outputs", "output", "action")
    return {key: unmade.get(key, value) for key, value in item.items() if key not in late}


def _growth(grows: str, field: str, text: str, place: JsonObject) -> Iterator[Event]:
    for piece in tokens(text):
        yield _event(f"{grows}.delta", {**place, "delta": piece}, content=True)
    yield _event(f"{grows}.done", {**place, field: text})


def _summary(parts: list[JsonObject], place: JsonObject) -> Iterator[Event]:
    for position, part in enumerate(parts):
        at = {**place, "summary_index": position}
        yield _event("reasoning_summary_part.added", {**at, "part": part | {"text": ""}})
        yield from _growth("reasoning_summary_text", "text", str(part.get("text", "")), at)
        yield _event("reasoning_summary_part.done", {**at, "part": part})


def _part(part: JsonObject, place: JsonObject) -> Iterator[Event]:
    kind = str(part.get("type"))
    field = _TEXT_OF.get(kind)
    if field is None:
        yield _event("content_part.added", {**place, "part": part}, content=True)
    else:
        unmade: JsonObject = {field: "", "annotations": [], "logprobs": []}
        yield _event("content_part.added", {**place, "part": {key: unmade.get(key, part[key]) for key in part}})
        yield from _text(part, place) if kind == "output_text" else _growth(kind, field, str(part[field]), place)
    yield _event("content_part.done", {**place, "part": part})


def _text(part: JsonObject, place: JsonObject) -> Iterator[Event]:
    text = str(part.get("text", ""))
    probabilities = objects(part.get("logprobs"))
    told = [(str(entry["token"]), [entry]) for entry in probabilities] or [(piece, []) for piece in tokens(text)]
    for piece, entries in told:
        logprobs: list[JsonValue] = [*entries]
        yield _event("output_text.delta", {**place, "delta": piece, "logprobs": logprobs}, content=True)
    for position, annotation in enumerate(objects(part.get("annotations"))):
        added: JsonObject = {**place, "annotation_index": position, "annotation": annotation}
        yield _event("output_text.annotation.added", added, content=True)
    yield _event("output_text.done", {**place, "text": text, "logprobs": [*probabilities]})
