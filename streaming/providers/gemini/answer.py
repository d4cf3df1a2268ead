"""The `GenerateContentResponse`, checked and mapped to the neutral answer: one path, streamed or unary."""

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, mended_object
from streaming.messages import FinishReason, Message, ReasoningPart, TextPart, Usage
from streaming.providers.gemini.errors import raise_streamed_error
from streaming.providers.gemini.finish import (
    CONTINUATION_TOKEN,
    FINISH_REASONS,
    block_reason,
    raise_failed_finish,
    said_reason,
)
from streaming.providers.gemini.parts import ModelPart, call_ids, part_of
from streaming.providers.gemini.stream import Accumulator
from streaming.providers.values import count, string
from streaming.providers.wire import Answer

# Fields of a candidate that say where its text comes from.
_SOURCES = ("citationMetadata", "groundingMetadata", "urlContextMetadata")


def unary(body: JsonValue) -> JsonObject:
    """Check a unary response, or a stream that came as one JSON list because a gateway dropped `alt=sse`.

    Raises:
        StreamedError: the body is an error object, or a candidate ended in a failure.
        TruncatedStream: it is a list of chunks that is not a whole answer.
        NotTheWire: it is no `GenerateContentResponse`.
    """
    raise_streamed_error(body)
    if isinstance(body, list):
        return _joined(body)
    if not isinstance(body, dict):
        raise NotTheWire("the response is not a JSON object")
    for candidate in _candidates(body):
        raise_failed_finish(candidate)
    return mended_object(body)


def _joined(chunks: list[JsonValue]) -> JsonObject:
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.take(chunk)
    accumulator.end()
    return accumulator.final()


def answer(final: JsonObject, provider: str) -> Answer:
    """Map a `GenerateContentResponse` to the neutral answer.

    A blocked prompt has no candidates: that is an answer of no parts, ended by the content filter.

    Raises:
        NotTheWire: there is no candidate and no reason why, or one is not of this wire.
    """
    candidates = _candidates(final) or [{}]
    first = candidates[0]
    messages = [_message(candidate, final.get("responseId"), provider) for candidate in candidates]
    return Answer(
        choices=messages,
        finish_reason=_finish_reason(first, messages[0], block_reason(final)),
        provider_finish_reason=said_reason(first.get("finishReason")) or block_reason(final),
        model=string(final.get("modelVersion")) or None,
        usage=_usage(final.get("usageMetadata")),
    )


def _candidates(response: JsonObject) -> list[JsonObject]:
    given = response.get("candidates")
    candidates = given if isinstance(given, list) else []
    if not candidates and not block_reason(response):
        raise NotTheWire("the response has no candidate")
    objects = [candidate for candidate in candidates if isinstance(candidate, dict)]
    if len(objects) < len(candidates):
        raise NotTheWire("a candidate is not a JSON object")
    return objects


def _finish_reason(candidate: JsonObject, message: Message, blocked: str) -> FinishReason:
    reason = said_reason(candidate.get("finishReason"))
    if not reason and blocked:
        return "content_filter"
    if reason == "CONTINUATION" and message.parts and string(candidate.get(CONTINUATION_TOKEN)):
        return "paused"
    finish = FINISH_REASONS.get(reason, "stop")
    if finish == "stop" and any(part.type == "tool_call" for part in message.parts):
        return "tool_calls"
    return finish


def _message(candidate: JsonObject, response_id: JsonValue, provider: str) -> Message:
    content = candidate.get("content")
    raw = content.get("parts") if isinstance(content, dict) else None
    ids = call_ids(response_id)
    numbered = enumerate(raw if isinstance(raw, list) else [])
    parts: list[ModelPart] = [part for place, item in numbered if (part := part_of(item, place, provider, ids))]
    if all(isinstance(part, ReasoningPart) and not part.text for part in parts):
        parts = []  # signatures alone are nothing said
    _annotate(parts, candidate)
    token = candidate.get(CONTINUATION_TOKEN)
    if parts and candidate.get("finishReason") == "CONTINUATION" and string(token):
        data = parts[-1].provider_data | {provider: (parts[-1].own(provider) or {}) | {CONTINUATION_TOKEN: token}}
        parts[-1] = parts[-1].model_copy(update={"provider_data": data})
    return Message(role="assistant", parts=parts)


def _annotate(parts: list[ModelPart], candidate: JsonObject) -> None:
    """Put the candidate's sources on its last text, each under its own name: their offsets are the provider's."""
    sources = [{name: candidate[name]} for name in _SOURCES if candidate.get(name)]
    place = next((at for at in reversed(range(len(parts))) if isinstance(parts[at], TextPart)), None)
    if sources and place is not None:
        parts[place] = parts[place].model_copy(update={"annotations": sources})


def _usage(usage: JsonValue) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    thoughts = count(usage, "thoughtsTokenCount")
    return Usage(
        # Tokens of server-side tools' results are input too, and not among the prompt's own.
        input_tokens=_sum(count(usage, "promptTokenCount"), count(usage, "toolUsePromptTokenCount")),
        # Other wires count thoughts among the output.
        output_tokens=_sum(count(usage, "candidatesTokenCount"), thoughts),
        cache_read_tokens=count(usage, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
    )


def _sum(*counts: int | None) -> int | None:
    said = [count for count in counts if count is not None]
    return sum(said) if said else None
