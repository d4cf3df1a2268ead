"""Cuts a unary `GenerateContentResponse` into the chunks of the stream that amounts to it."""

from collections.abc import Iterator

from deploy.sandbox.provider.answers import tokens
from deploy.sandbox.provider.format import Event, interleaved
from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.provider.writing import objects

_FRAME = ("modelVersion", "responseId")
_EARLY_USAGE = ("promptTokenCount", "promptTokensDetails", "cachedContentTokenCount")


def response_events(response: JsonObject) -> Iterator[Event]:
    """Yields the stream's chunks; nothing says that the last one is the last."""
    candidates = objects(response.get("candidates"))
    if not candidates:
        yield Event(response)
        return
    usage = response.get("usageMetadata")
    frame = {key: response[key] for key in _FRAME if key in response}
    if isinstance(usage, dict):
        early = {key: usage[key] for key in _EARLY_USAGE if key in usage}
        frame["usageMetadata"] = {**early, "totalTokenCount": usage.get("promptTokenCount")}
    yield from interleaved(_chunks(candidate, frame) for candidate in candidates)
    if usage is not None or any("finishReason" in candidate for candidate in candidates):
        yield Event(_closing(response, candidates))


def _chunks(candidate: JsonObject, frame: JsonObject) -> Iterator[Event]:
    content = candidate["content"]
    parts = objects(content["parts"]) if isinstance(content, dict) else []
    for part in parts:
        for piece in _pieces(part):
            said: JsonObject = {"content": {"parts": [piece], "role": "model"}, "index": candidate.get("index", 0)}
            yield Event({"candidates": [said], **frame}, content=True)


def _pieces(part: JsonObject) -> Iterator[JsonObject]:
    text = part.get("text")
    if not isinstance(text, str):
        yield part
        return
    beside = {key: value for key, value in part.items() if key not in ("text", "thoughtSignature")}
    for piece in tokens(text):
        yield {"text": piece, **beside}
    # A text's signature comes when the text is there.
    if "thoughtSignature" in part:
        yield {"text": "", **beside, "thoughtSignature": part["thoughtSignature"]}


def _closing(response: JsonObject, candidates: list[JsonObject]) -> JsonObject:
    ended: list[JsonObject] = [
        {**candidate, "content": {"parts": [{"text": ""}], "role": "model"}} for candidate in candidates
    ]
    return {**response, "candidates": [*ended]}
