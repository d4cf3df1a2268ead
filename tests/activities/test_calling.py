import asyncio
import json
from dataclasses import dataclass, field

import pytest

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
from streaming.messages import Usage
from streaming.providers.wire import Answer, Quirks
from tests.activities.candidates import KEY, candidate
from tests.activities.servers import DONE, HEAD, RESET, WAIT, chunk, saying, serving
from tests.recordings import OPENAI_CHAT, said

HELLO = {"messages": [{"role": "user", "content": "Why is the sky blue?"}]}
NO_DONE = Quirks(no_done=True)


@dataclass
class Tried:
    """One try: the call, what was shown of it, and how it ended."""

    call: CandidateCall
    shown: Transcript = field(default_factory=Transcript)
    beats: int = 0
    answer: Answer | None = None

    def show(self, deltas: list[Delta]) -> None:
        """Take deltas as a viewer would."""
        for delta in deltas:
            self.shown.add(delta)

    def beat(self) -> None:
        """Count a beat."""
        self.beats += 1

    async def run(self, transport: Transport) -> Answer:
        """Make the call."""
        self.answer = await self.call.run(transport, self.beat, self.show)
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

    async def outcome(self) -> str:
        """Return how the provider saw the end of its one answer."""
        for _ in range(200):
            [entry] = await self._provider.requests(self._script)
            if entry.outcome != "running":
                break
            await asyncio.sleep(0.01)
        return entry.outcome


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
    assert tried.beats == 1
    assert await caller.outcome() == "complete"


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
    async with serving(saying(HEAD + chunk(OPENAI_CHAT["text"].stream), WAIT)) as server, asyncio.timeout(5):
        tried = Tried(CandidateCall(candidate(url=server.url), TurnInput.model_validate(HELLO)))
        await tried.run(transport)
        await server.hung_up.wait()


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
        ({"body": "plain", "content_type": "text/plain"}, TruncatedStream, "[DONE]"),
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


# -- clocks


@pytest.mark.parametrize(
    ("response", "clocks", "clock", "text"),
    [
        ({"headers_after_s": 60}, {"first_token_s": 0.2}, "first_token_s", ""),
        ({"first_token_s": 60}, {"first_token_s": 0.2}, "first_token_s", ""),
        ({"pings_only": True, "comments_every_s": 0.02}, {"first_token_s": 0.2, "idle_s": 0.1}, "first_token_s", ""),
        ({"tokens": 9, "silent_after": 0}, {"first_token_s": 0.2, "idle_s": 0.1}, "first_token_s", ""),
        ({"tokens": 9, "silent_after": 2}, {"idle_s": 0.2}, "idle_s", " 00000 00001"),
        (
            {"tokens": 9, "ping_after": 2, "comments_every_s": 0.02},
            {"stall_s": 0.4, "idle_s": 0.3},
            "stall_s",
            " 00000 00001",
        ),
        ({"headers_after_s": 60}, {"try_s": 0.2}, "try_s", ""),
        (
            {"status": 200, "text": "a", "json_although_stream": True, "headers_after_s": 60},
            {"try_s": 0.2},
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
    assert await caller.outcome() == "client closed"


async def test_a_long_stream_outlives_its_silences(caller: Caller) -> None:
    """Only the gaps count, however long it takes in all."""
    tried = await caller.answered({"tokens": 20, "pace_s": 0.03}, first_token_s=0.5, idle_s=0.4, stall_s=0.4)

    assert len(tried.shown.text) == 120


# -- halfway


async def test_a_call_can_be_asked_for_what_has_come_so_far(caller: Caller, transport: Transport) -> None:
    """An interrupt keeps what was bought; cancelling closes the connection."""
    await caller.failed({"tokens": 9, "silent_after": 3}, idle_s=0.1)
    tried = caller.tried(caller.candidate())
    with pytest.raises(NotTheWire):
        tried.call.answer()
    task = asyncio.create_task(tried.run(transport))
    async with asyncio.timeout(5):
        while len(tried.shown.text) < 18:  # noqa: ASYNC110 - what a viewer sees sets no event
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

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
