import asyncio
import gzip
import json
from dataclasses import dataclass, field, replace

import pytest

from activities.attachments import ByValue
from activities.calling import CandidateCall
from activities.routes import Candidate
from activities.transport import Transport
from deploy.sandbox.provider.client import ScriptedProvider
from streaming.contracts import TurnInput
from streaming.deltas import Delta
from streaming.errors import (
    CannotExpress,
    ClockRanOut,
    ConnectionLost,
    EmptyAnswer,
    NotTheWire,
    ProviderError,
    StatusError,
    StreamedError,
    TruncatedStream,
)
from streaming.jsontext import JsonObject
from streaming.live.transcript import Transcript
from streaming.messages import Message, Usage
from streaming.providers import anthropic_messages
from streaming.providers.wire import Answer, Quirks
from tests.activities.candidates import KEY, candidate
from tests.activities.servers import DONE, HEAD, RESET, WAIT, chunk, saying, serving
from tests.recordings import OPENAI_CHAT, said

HELLO = {"messages": [{"role": "user", "content": "Why is the sky blue?"}]}
NO_DONE = Quirks(no_done=True)


async def as_given(messages: list[Message], _: frozenset[str]) -> list[Message]:
    """Return messages without attachments."""
    return messages


@dataclass
class Tried:
    """One try: the call, what was shown of it, and how it ended."""

    call: CandidateCall
    shown: Transcript = field(default_factory=Transcript)
    beats: int = 0
    gone: int = 0
    answer: Answer | None = None
    by_value: ByValue = as_given

    def show(self, deltas: list[Delta]) -> None:
        """Take deltas as a viewer would."""
        for delta in deltas:
            self.shown.add(delta)

    def beat(self) -> None:
        """Count a beat."""
        self.beats += 1

    def lose(self) -> None:
        """Count that an earlier attempt's response is gone."""
        self.gone += 1

    async def run(self, transport: Transport) -> Answer:
        """Make the call."""
        self.answer = await self.call.run(transport, self.by_value, self.beat, self.show, self.lose)
        return self.answer


class Caller:
    """Calls the scripted provider as the settings of a candidate say."""

    def __init__(self, provider: ScriptedProvider, transport: Transport, script: str) -> None:
        self._provider = provider
        self._transport = transport
        self._script = script

    def tried(self, one: Candidate, **turn: object) -> Tried:
        """Return a try that has not begun; the turn asks for this test's script."""
        settings: JsonObject = {"extra": {one.provider: {"metadata": {"script": self._script}}}}
        return Tried(CandidateCall(one, TurnInput.model_validate(HELLO | {"settings": settings} | turn)))

    def candidate(self, **options: object) -> Candidate:
        """Return a candidate at the provider."""
        return candidate(url=self._provider.url, **options)  # type: ignore[arg-type]

    async def answered(self, response: JsonObject, **options: object) -> Tried:
        """Return a try that came to an answer."""
        await self._provider.put(self._script, [response])
        tried = self.tried(self.candidate(**options))
        await tried.run(self._transport)
        assert tried.answer is not None
        assert tried.answer.message.text == tried.shown.text
        return tried

    async def failed(self, response: JsonObject, **options: object) -> tuple[ProviderError, Tried]:
        """Return the failure of a try, whose words are safe to show."""
        await self._provider.put(self._script, [response])
        tried = self.tried(self.candidate(**options))
        with pytest.raises(ProviderError) as failure:
            await tried.run(self._transport)
        assert KEY not in str(failure.value)
        assert "127.0.0.1" not in str(failure.value)
        return failure.value, tried

    async def outcomes(self) -> set[str]:
        """Return how the provider saw the ends of its answers, once none is under way."""
        async with asyncio.timeout(60):
            while True:
                outcomes: set[str] = {entry.outcome for entry in await self._provider.requests(self._script)}
                if "running" not in outcomes:
                    return outcomes
                await asyncio.sleep(0.01)


@pytest.fixture
def caller(provider: ScriptedProvider, transport: Transport, request: pytest.FixtureRequest) -> Caller:
    """Calls with a script of the test's own."""
    return Caller(provider, transport, str(request.node.name).replace("/", "_").replace(" ", "_"))


# -- answers


async def test_an_answer_is_shown_as_it_comes_and_returned_whole(caller: Caller) -> None:
    """With its usage, and the provider's own object."""
    tried = await caller.answered({"text": "Grüße aus 東京 🌾", "completion": {"model": "m-1"}})

    answer = tried.answer
    assert answer is not None
    assert (answer.message.text, answer.finish_reason, answer.model) == ("Grüße aus 東京 🌾", "stop", "m-1")
    assert answer.usage != Usage()
    assert tried.call.raw()["object"] == "chat.completion"
    assert await caller.outcomes() == {"complete"}


async def test_a_unary_candidate_gives_the_same_answer(caller: Caller) -> None:
    """The same object, in one delta."""
    response: JsonObject = {"message": {"reasoning": "hm", "content": "a"}, "completion": {"id": "i", "created": 5}}
    streamed = await caller.answered(response)
    unary = await caller.answered(response, stream=False)

    assert said(streamed.call.raw()) == said(unary.call.raw())
    assert streamed.answer == unary.answer


async def test_json_although_a_stream_was_asked_for_is_an_answer(caller: Caller) -> None:
    """Gateways do that; what it says counts."""
    tried = await caller.answered({"text": "one two", "json_although_stream": True})

    assert tried.shown.text == "one two"


@pytest.mark.parametrize("chunk_bytes", [1, 7])
async def test_the_cuts_of_the_bytes_do_not_matter(caller: Caller, chunk_bytes: int) -> None:
    """Nor the line ends, nor a byte order mark."""
    tried = await caller.answered(
        {"text": "Grüße 🌾 und Küsse", "chunk_bytes": chunk_bytes, "newline": "\r\n", "bom": True}
    )

    assert tried.shown.text == "Grüße 🌾 und Küsse"


async def test_a_server_without_done_needs_its_quirk(caller: Caller) -> None:
    """With it the finish reason is the end; without, the stream was cut."""
    tried = await caller.answered({"text": "one two", "no_done": True}, quirks=NO_DONE)
    failure, _ = await caller.failed({"text": "one two", "no_done": True})

    assert tried.shown.text == "one two"
    assert type(failure) is TruncatedStream


@pytest.mark.parametrize("ending", [b"", RESET, DONE, b"nonsense"], ids=["close", "reset", "end", "garbage"])
async def test_a_dirty_close_after_done_is_success(transport: Transport, ending: bytes) -> None:
    """What the protocol says comes first, whichever way the connection ends."""
    recording = OPENAI_CHAT["text"]
    async with serving(saying(HEAD + chunk(recording.stream), ending)) as server:
        tried = Tried(CandidateCall(candidate(url=server.url), TurnInput.model_validate(HELLO)))
        await tried.run(transport)

    assert said(recording.unary) == said(tried.call.raw())


async def test_done_without_its_blank_line_and_a_dirty_close_is_success(transport: Transport) -> None:
    """The marker was there."""
    recording = OPENAI_CHAT["text"]
    async with serving(saying(HEAD + chunk(recording.stream.rstrip()), RESET)) as server:
        tried = Tried(CandidateCall(candidate(url=server.url), TurnInput.model_validate(HELLO)))
        await tried.run(transport)

    assert said(recording.unary) == said(tried.call.raw())
    assert tried.shown.text


@pytest.mark.parametrize("whole", [True, False])
async def test_whole_json_and_a_dirty_close_is_success(transport: Transport, *, whole: bool) -> None:
    """A unary answer is its own terminal marker; half of one is a lost connection."""
    recording = OPENAI_CHAT["text"]
    body = json.dumps(recording.unary).encode()
    head = HEAD.replace(b"text/event-stream", b"application/json")
    async with serving(saying(head + chunk(body if whole else body[:-1]), RESET)) as server:
        tried = Tried(CandidateCall(candidate(url=server.url), TurnInput.model_validate(HELLO)))
        if whole:
            await tried.run(transport)
        else:
            with pytest.raises(ConnectionLost):
                await tried.run(transport)

    assert whole == (said(recording.unary) == said(tried.call.raw()))
    assert whole == bool(tried.shown.text)


async def test_a_server_that_never_hangs_up_after_done_holds_nothing_up(transport: Transport) -> None:
    """The answer is whole; the connection is given up."""
    async with serving(saying(HEAD + chunk(OPENAI_CHAT["text"].stream), WAIT)) as server, asyncio.timeout(60):
        tried = Tried(CandidateCall(candidate(url=server.url), TurnInput.model_validate(HELLO)))
        await tried.run(transport)
        await server.hung_up.wait()


# -- what the body is decides

EVENTS = OPENAI_CHAT["text"].stream
JSON = json.dumps(OPENAI_CHAT["text"].unary).encode()
TYPES = [
    None,
    "text/event-stream",
    "application/json; charset=utf-8",
    "text/plain",
    "application/octet-stream",
    "text/html",
]


def reply(*pieces: bytes, status: int = 200, **headers: str | None) -> bytes:
    """Return a response in chunks; underscores in the headers' names stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items() if value is not None]
    head = f"HTTP/1.1 {status} Said\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{''.join(lines)}\r\n"
    return head.encode() + b"".join(chunk(piece) for piece in pieces if piece) + DONE


async def tried_at(transport: Transport, *response: bytes, **options: object) -> Tried:
    """Return a try at a server that says this; it came to an answer."""
    async with serving(saying(*response)) as server:
        one = candidate(url=server.url, **options)  # type: ignore[arg-type]
        tried = Tried(CandidateCall(one, TurnInput.model_validate(HELLO)))
        await tried.run(transport)
    return tried


async def failed_at(transport: Transport, *response: bytes, **options: object) -> ProviderError:
    """Return the failure of a try at a server that says this."""
    with pytest.raises(ProviderError) as failure:
        await tried_at(transport, *response, **options)
    return failure.value


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize(
    "pieces",
    [[EVENTS], [b"\n\n", EVENTS], [b"\xef\xbb\xbf", EVENTS], [b"d", EVENTS[1:]], [b": comment\n\n", EVENTS]],
    ids=["events", "blank lines", "byte order mark", "one byte", "comment"],
)
async def test_events_are_read_whatever_they_are_called(
    transport: Transport, pieces: list[bytes], content_type: str | None, *, stream: bool
) -> None:
    """And whether they were asked for or not."""
    tried = await tried_at(transport, reply(*pieces, content_type=content_type), stream=stream)

    assert said(OPENAI_CHAT["text"].unary) == said(tried.call.raw())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("content_type", [*TYPES, "application/problem+json"])
@pytest.mark.parametrize(
    "pieces", [[JSON], [b"\n", b"\r\n ", JSON], [b"{", JSON[1:]]], ids=["json", "blank", "one byte"]
)
async def test_json_is_read_whatever_it_is_called(
    transport: Transport, pieces: list[bytes], content_type: str | None, *, stream: bool
) -> None:
    """DeepSeek's keepalives before it are blank lines."""
    tried = await tried_at(transport, reply(*pieces, content_type=content_type), stream=stream)

    assert said(OPENAI_CHAT["text"].unary) == said(tried.call.raw())


@pytest.mark.parametrize("body", [EVENTS, JSON], ids=["events", "json"])
async def test_a_compressed_answer_is_read(transport: Transport, body: bytes) -> None:
    """Although none was asked for; one that is cut is no answer."""
    packed = gzip.compress(body)
    tried = await tried_at(transport, reply(packed, content_encoding="gzip"))
    cut = await failed_at(transport, reply(packed[: len(packed) // 2], content_encoding="gzip"))

    assert said(OPENAI_CHAT["text"].unary) == said(tried.call.raw())
    assert type(cut) is TruncatedStream


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("content_type", "body", "kind", "words"),
    [
        ("text/html", b"<html>busy", NotTheWire, "HTTP 200 with text/html: '<html>busy'"),
        ("text/event-stream", b" <!doctype html>", NotTheWire, "HTTP 200 with text/event-stream: ' <!doctype"),
        (None, b"<html>", NotTheWire, "HTTP 200 with no content type: '<html>'"),
        (None, b"upstream error", NotTheWire, "HTTP 200 with no content type: 'upstream error'"),
        ("text/plain", b"upstream error", NotTheWire, "HTTP 200 with text/plain: 'upstream error'"),
        ("application/json", b"null", NotTheWire, "HTTP 200 with application/json: 'null'"),
        ("application/json", b'"no"', NotTheWire, "HTTP 200 with application/json: '\"no\"'"),
        ("application/octet-stream", b"\x00\xff", NotTheWire, "octet-stream: '\\x00\ufffd'"),
        ("application/json", b"{}", NotTheWire, "no choices"),
        ("application/json", b"[]", NotTheWire, "not a JSON object"),
        ("application/x-ndjson", b"{}\n{}\n", TruncatedStream, "not whole JSON"),
        ("text/event-stream", b"upstream error", TruncatedStream, "[DONE]"),
        ("text/event-stream", b"", TruncatedStream, "[DONE]"),
        (None, b" \r\n", TruncatedStream, "[DONE]"),
        ("text/plain", b"data: no\n\n", NotTheWire, "not JSON"),
        ("text/event-stream", b'{"error":{"message":"no","type":"server_error"}}', StreamedError, "server_error: no"),
        (None, b'{"error":{"message":"no","code":402}}', StreamedError, "402: no"),
        ("text/plain", b'data: {"error":"no"}\n\n', StreamedError, "error in the stream: no"),
    ],
    ids=range(18),
)
async def test_what_is_neither_events_nor_json_is_quoted(
    transport: Transport, content_type: str | None, body: bytes, kind: type[ProviderError], words: str, *, stream: bool
) -> None:
    """And an error object is one, whatever it is called."""
    failure = await failed_at(transport, reply(body, content_type=content_type), stream=stream)

    assert kind is type(failure)
    assert words in str(failure)


# -- what is no answer


@pytest.mark.parametrize(
    ("response", "kind", "words"),
    [
        (
            {"body": "<html>busy</html>", "content_type": "text/html"},
            NotTheWire,
            "HTTP 200 with text/html: '<html>busy",
        ),
        ({"body": '{"id":', "content_type": "application/json"}, TruncatedStream, "not whole JSON"),
        ({"body": '{"id":1}', "content_type": "application/json"}, NotTheWire, "no choices"),
        ({"body": "plain", "content_type": "text/plain"}, NotTheWire, "HTTP 200 with text/plain: 'plain'"),
        ({"body": "", "content_type": "text/event-stream"}, TruncatedStream, "[DONE]"),
        (
            {"body": '{"error":{"message":"boom","type":"server_error"}}', "content_type": "application/json"},
            StreamedError,
            "server_error: boom",
        ),
        ({"raw_events": ["data: {malformed"]}, NotTheWire, "not JSON: '{malformed'"),
        ({"raw_events": ["data: [1]"]}, NotTheWire, "not a JSON object"),
        ({"raw_events": ["data: [DONE]"]}, TruncatedStream, "no finish reason"),
        ({"raw_events": ['event: error\ndata: {"message":"boom"}']}, StreamedError, "boom"),
        ({"tokens": 3, "error_after": 0, "error": {"message": "boom", "code": 502}}, StreamedError, "502: boom"),
        ({"tokens": 3, "error_after": 2, "error": {"message": "boom"}}, StreamedError, "boom"),
        ({"tokens": 3, "cut_after": 2, "cut": "close"}, ConnectionLost, "broke"),
        ({"tokens": 3, "cut_after": 2, "cut": "reset"}, ConnectionLost, ""),
        ({"tokens": 3, "cut_after": 2, "cut": "eof"}, TruncatedStream, "[DONE]"),
        ({"tokens": 3, "finish_reason": None}, TruncatedStream, "no finish reason"),
        ({"tokens": 3, "finish_reason": "error"}, StreamedError, "broke off"),
        ({"text": ""}, EmptyAnswer, "without saying anything"),
        ({"text": "", "json_although_stream": True}, EmptyAnswer, "without saying anything"),
    ],
    ids=range(19),
)
async def test_what_is_no_answer_fails_by_its_name(
    caller: Caller, response: JsonObject, kind: type[ProviderError], words: str
) -> None:
    """Whatever came before it was shown, and is no message."""
    failure, tried = await caller.failed(response)

    assert kind is type(failure)
    assert words in str(failure)
    assert tried.shown.text == "".join(f" {at:05d}" for at in range(len(tried.shown.text) // 6))


async def test_an_empty_answer_can_be_accepted(caller: Caller) -> None:
    """Where the route says so, or where it ended for a reason of its own."""
    accepted = await caller.answered({"text": ""}, accept_empty=True)
    cut = await caller.answered({"text": "", "finish_reason": "length"})

    assert accepted.answer is not None
    assert accepted.answer.message.parts == []
    assert cut.answer is not None
    assert cut.answer.finish_reason == "length"


async def test_what_the_wire_cannot_say_is_not_sent(caller: Caller, transport: Transport) -> None:
    """The provider hears nothing of it."""
    messages = [{"role": "user", "content": [{"type": "reasoning", "text": "a"}]}]
    tried = caller.tried(caller.candidate(), messages=messages)
    with pytest.raises(CannotExpress, match="reasoning"):
        await tried.run(transport)


# -- error statuses


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_status_tells_all_that_the_provider_said(caller: Caller, *, stream: bool) -> None:
    """Its words, its request id, and when to come back."""
    headers: JsonObject = {"retry-after": "7", "x-request-id": "req_1", "x-should-retry": "false"}
    error: JsonObject = {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}
    failure, _ = await caller.failed({"status": 429, "error": error, "headers": headers}, stream=stream)

    assert isinstance(failure, StatusError)
    assert str(failure) == "HTTP 429 requests rate_limit_exceeded: slow down (request req_1)"
    assert (failure.status, failure.kind, failure.code) == (429, "requests", "rate_limit_exceeded")
    assert (failure.retry_after_s, failure.should_retry, failure.request_id) == (7.0, False, "req_1")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (
            {"status": 502, "body": "<html>bad gateway</html>", "content_type": "text/html"},
            "'<html>bad gateway</html>'",
        ),
        ({"status": 500, "body": ""}, "''"),
        ({"status": 500, "body": "x" * 100_000}, repr("x" * 200) + "..."),
        ({"status": 500, "raw_base64": "/////w=="}, "'\ufffd\ufffd\ufffd\ufffd'"),
        ({"status": 400, "body": '[{"error":{"message":"in a list"}}]'}, "in a list"),
        ({"status": 404, "body": '{"detail":"Not Found"}'}, '\'{"detail":"Not Found"}\''),
        ({"status": 201, "text": "created"}, "data: "),
    ],
    ids=range(7),
)
async def test_an_error_status_with_any_body_is_a_status_error(
    caller: Caller, response: JsonObject, words: str
) -> None:
    """Its beginning is quoted where it is no error object of the wire's."""
    headers: JsonObject = {"headers": {"x-request-id": ""}}
    failure, _ = await caller.failed(response | headers)

    assert isinstance(failure, StatusError)
    assert (failure.status, failure.retry_after_s, failure.should_retry) == (response["status"], None, None)
    assert words in str(failure)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (
            400,
            {"message": "filtered", "type": None, "param": "prompt", "code": "content_filter", "status": 400},
            "content_filter",
        ),
        (
            400,
            {"message": "refused", "type": "invalid_request_error", "code": "content_policy_violation"},
            "content_policy_violation",
        ),
        (403, {"message": "m requires moderation on p. Your input was flagged for x.", "code": 403}, "403"),
    ],
    ids=["azure", "openai", "openrouter"],
)
async def test_a_filtered_prompt_is_a_finished_turn(
    transport: Transport, status: int, error: JsonObject, code: str, *, stream: bool
) -> None:
    """Others say the same with a finish reason; another candidate is not asked what this one would not answer."""
    body = json.dumps({"error": error}).encode()
    tried = await tried_at(transport, reply(body, status=status, content_type="application/json"), stream=stream)

    assert tried.answer == Answer([Message(role="assistant", parts=[])], "content_filter", code, None, Usage())
    assert (tried.call.raw(), tried.shown.text) == ({}, "")


# -- whose request it was

SAID = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ([reply(b"{}", status=500, x_request_id="req_1")], StatusError),
        ([reply(b'{"request_id":"req_1"}', status=500)], StatusError),
        ([reply(b'data: {"error":"no"}\n\n', request_id="req_1")], StreamedError),
        ([reply(b'{"error":"no"}', x_generation_id="req_1")], StreamedError),
        ([reply(b"<html>", x_amzn_requestid="req_1")], NotTheWire),
        ([reply(b"data: [DONE]\n\n", apim_request_id="req_1")], TruncatedStream),
        ([reply(EVENTS[:200], request_id="req_1")[: -len(DONE)], RESET], ConnectionLost),
        ([reply(SAID, request_id="req_1")[: -len(DONE)], WAIT], ClockRanOut),
        (
            [reply(b'{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}', request_id="req_1")],
            EmptyAnswer,
        ),
    ],
    ids=range(9),
)
async def test_every_failure_after_the_head_names_the_request(
    transport: Transport, response: list[bytes], kind: type[ProviderError]
) -> None:
    """So that a support ticket can."""
    # Silence runs out only after content, and so after the head; nothing else here waits for a clock.
    clocks = {"idle_s": 0.5} if kind is ClockRanOut else {}
    failure = await failed_at(transport, *response, **clocks)

    assert (type(failure), failure.request_id) == (kind, "req_1")
    assert str(failure).endswith(" (request req_1)")


async def test_an_error_event_may_name_the_request_itself(transport: Transport) -> None:
    """As Anthropic's does, for those who lose the headers."""
    event = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no"},"request_id":"req_1"}\n\n'
    async with serving(saying(reply(event))) as server:
        one = replace(candidate(url=server.url), wire=anthropic_messages)
        with pytest.raises(StreamedError, match=r"api_error: no \(request req_1\)$"):
            await Tried(CandidateCall(one, TurnInput.model_validate(HELLO))).run(transport)


async def test_a_failure_before_the_head_names_none(transport: Transport) -> None:
    """There was nobody to give it a name."""
    failure = await failed_at(transport, RESET)

    assert (type(failure), failure.request_id) == (ConnectionLost, "")
    assert "request" not in str(failure)


# -- clocks


@pytest.mark.parametrize(
    ("response", "clocks", "clock", "text"),
    [
        ({"headers_after_s": 60}, {"first_token_s": 1}, "first_token_s", ""),
        ({"first_token_s": 60}, {"first_token_s": 1}, "first_token_s", ""),
        ({"pings_only": True, "comments_every_s": 0.02}, {"first_token_s": 1, "idle_s": 0.5}, "first_token_s", ""),
        ({"tokens": 9, "silent_after": 0}, {"first_token_s": 1, "idle_s": 0.5}, "first_token_s", ""),
        ({"tokens": 9, "silent_after": 2}, {"idle_s": 1}, "idle_s", " 00000 00001"),
        (
            {"tokens": 9, "ping_after": 2, "comments_every_s": 0.02},
            {"stall_s": 1, "idle_s": 30},
            "stall_s",
            " 00000 00001",
        ),
        ({"headers_after_s": 60}, {"try_s": 1}, "try_s", ""),
        (
            {"status": 200, "text": "a", "json_although_stream": True, "headers_after_s": 60},
            {"try_s": 1},
            "try_s",
            "",
        ),
    ],
    ids=["no head", "no event", "pings", "role only", "silence", "stall", "try", "unary"],
)
async def test_each_silence_has_its_clock(
    caller: Caller, response: JsonObject, clocks: dict[str, float], clock: str, text: str
) -> None:
    """The connection is closed when it runs out, and the provider need not go on."""
    failure, tried = await caller.failed(response, **clocks)

    assert isinstance(failure, ClockRanOut)
    assert (failure.clock, failure.seconds) == (clock, clocks[clock])
    assert text == tried.shown.text
    # A provider that stood still meanwhile may never have begun.
    assert await caller.outcomes() <= {"client closed"}


async def test_a_long_stream_outlives_its_silences(caller: Caller) -> None:
    """Only the gaps count, however long it takes in all."""
    tried = await caller.answered({"tokens": 60, "pace_s": 0.052}, first_token_s=3, idle_s=3, stall_s=3)

    assert len(tried.shown.text) == 360


# -- beats


async def test_no_beat_comes_before_the_request(provider: ScriptedProvider, transport: Transport) -> None:
    """The first is sent to Temporal at once, the next a good while later: it has to tell that somebody was asked."""
    await provider.put("beaten", [{"text": "a", "headers_after_s": 0.6}])
    turn = HELLO | {"settings": {"extra": {"p": {"metadata": {"script": "beaten"}}}}}
    tried = Tried(CandidateCall(candidate(url=provider.url), TurnInput.model_validate(turn)))
    asked: list[bool] = []

    async def slowly(messages: list[Message], _by_url: frozenset[str]) -> list[Message]:
        await asyncio.sleep(0.6)
        return messages

    tried.by_value, tried.beat = slowly, lambda: asked.append(tried.call.asked)  # type: ignore[method-assign]
    await tried.run(transport)

    assert asked
    assert all(asked)


# -- halfway


async def test_a_call_can_be_asked_for_what_has_come_so_far(caller: Caller, transport: Transport) -> None:
    """An interrupt keeps what was bought; cancelling closes the connection."""
    await caller.failed({"tokens": 9, "silent_after": 3}, idle_s=0.5)
    tried = caller.tried(caller.candidate())
    with pytest.raises(NotTheWire):
        tried.call.answer()
    assert tried.call.so_far() is None
    tried.call.asked = True
    assert tried.call.so_far() == Answer.empty()
    task = asyncio.create_task(tried.run(transport))
    async with asyncio.timeout(60):
        while len(tried.shown.text) < 18:  # noqa: ASYNC110 - what a viewer sees sets no event
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert tried.call.so_far() == tried.call.answer()
    assert tried.call.answer().message.text == " 00000 00001 00002"


async def test_the_request_is_made_of_the_turn_and_the_candidate(
    provider: ScriptedProvider, transport: Transport
) -> None:
    """The candidate's model, the turn's words, and `extra` of this provider only."""
    extra = {"p": {"metadata": {"script": "made"}, "user": "u"}, "other": {"user": "not this"}}
    turn = {"system": "Be brief.", "settings": {"seed": 7, "extra": extra}}
    await provider.put("made", [{"text": "a"}])
    tried = Tried(CandidateCall(candidate("wheel", url=provider.url + "/"), TurnInput.model_validate(HELLO | turn)))
    await tried.run(transport)
    [entry] = await provider.requests("made")

    assert entry.body == {
        "model": "wheel",
        "messages": [{"role": "system", "content": "Be brief."}, *HELLO["messages"]],
        "seed": 7,
        "metadata": {"script": "made"},
        "user": "u",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_call_knows_whether_its_request_may_have_been_sent(transport: Transport) -> None:
    """Nothing can be billed for one that ended while its attachments were fetched."""

    async def never(_messages: list[Message], _by_url: frozenset[str]) -> list[Message]:
        await asyncio.sleep(60)
        return []

    async with serving(saying(HEAD + chunk(OPENAI_CHAT["text"].stream), DONE)) as server:
        one = candidate(url=server.url)
        hurried = TurnInput.model_validate(HELLO | {"limits": {"first_token_s": 0.05}})
        waiting = Tried(CandidateCall(one, hurried), by_value=never)
        with pytest.raises(ClockRanOut):
            await waiting.run(transport)
        sent = Tried(CandidateCall(one, TurnInput.model_validate(HELLO)))
        await sent.run(transport)

    assert (waiting.call.asked, sent.call.asked) == (False, True)
