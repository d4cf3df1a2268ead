import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from activities.calling import CandidateCall
from activities.routes import Candidate
from activities.transport import Transport
from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.journal import Entry
from streaming.contracts import TurnInput
from streaming.errors import ClockRanOut, ConnectionLost, ProviderError, StatusError, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject
from streaming.providers import openai_responses
from tests.activities.candidates import candidate
from tests.activities.servers import DONE, HEAD, RESET, Answer, Served, chunk, saying, serving
from tests.activities.test_calling import HELLO, Tried, reply
from tests.streaming.providers.test_background import CREATED, STANDING, body, piece, whole

SLOW: JsonObject = {"tokens": 40, "pace_s": 0.05}
HELD: JsonObject = SLOW | {"silent_after": 10}
"""Goes on in the background, but not in its first body: a machine that stands still does not find it finished."""
TEXT = "".join(f" {number:05}" for number in range(40))
Servers = Callable[..., AbstractAsyncContextManager[Served]]


def background(url: str, **clocks: float) -> Candidate:
    """Return a candidate that answers in the background."""
    return replace(candidate(url=url), clocks=clocks, wire=openai_responses, background=True)


def trying(url: str, script: str = "", resume: str | None = None, **clocks: float) -> Tried:
    """Return a try that has not begun."""
    settings: JsonObject = {"extra": {"p": {"metadata": {"script": script}}}}
    turn = TurnInput.model_validate(HELLO | {"settings": settings})
    return Tried(CandidateCall(background(url, **clocks), turn, resume))


async def seen(tried: Tried, length: int = 60) -> None:
    """Wait until so much was shown."""
    async with asyncio.timeout(60):
        while len(tried.shown.text) < length:  # noqa: ASYNC110 - what a viewer sees sets no event
            await asyncio.sleep(0.01)


@pytest.fixture
def script(request: pytest.FixtureRequest) -> str:
    """A script name of the test's own."""
    return str(request.node.name).replace("/", "_").replace(" ", "_")


def paths(entries: list[Entry]) -> list[str]:
    """Return what was asked, the response's id left out."""
    words = [entry.path.split("/")[2:] for entry in entries]
    return ["/".join([*word[:1], *["id" for _ in word[1:2]], *word[2:]]) for word in words]


async def asked(provider: ScriptedProvider, script: str, *expected: str) -> list[Entry]:
    """Return the requests once there are as many as expected."""
    async with asyncio.timeout(60):
        while len(entries := await provider.requests(script)) < len(expected):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    assert paths(entries) == list(expected)
    return entries


# -- within a try


@pytest.mark.parametrize("cut", ["close", "reset", "eof"])
async def test_a_cut_response_is_read_on_in_the_same_try(
    provider: ScriptedProvider, transport: Transport, script: str, cut: str
) -> None:
    """After the last event taken; it was asked for once, and each word is shown once."""
    await provider.put(script, [SLOW | {"cut_after": 10, "cut": cut}])
    tried = trying(provider.url, script)
    answer = await tried.run(transport)

    assert answer.message.text == tried.shown.text == TEXT
    _, again = await asked(provider, script, "responses", "responses/id")
    assert again.query["stream"] == "true"
    # created, queued, in_progress, the item, its part, then ten pieces
    assert again.query["starting_after"] == "14"


async def test_it_is_asked_for_in_the_background(provider: ScriptedProvider, transport: Transport, script: str) -> None:
    """Which needs storing; a whole one is not cancelled."""
    await provider.put(script, [{"text": "a"}])
    tried = trying(provider.url, script)
    await tried.run(transport)

    [entry] = await asked(provider, script, "responses")
    assert {key: entry.body[key] for key in ("background", "store", "stream")} == dict.fromkeys(
        ("background", "store", "stream"), True
    )
    assert tried.call.raw()["background"] is True


async def test_what_cannot_be_streamed_any_more_is_asked_for_until_it_is_finished(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """The rest is then shown in one piece."""
    await provider.put(script, [SLOW | {"cut_after": 10, "streamed_s": 0}])
    tried = trying(provider.url, script)
    answer = await tried.run(transport)

    assert answer.message.text == tried.shown.text == TEXT
    first, *again = await provider.requests(script)
    assert paths([first, *again]) == ["responses", *["responses/id"] * len(again)]
    assert [entry.stream for entry in again] == [True, *[False] * (len(again) - 1)]
    assert len(again) > 1


async def test_a_unary_candidate_is_never_in_the_background(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """It would be answered with what is not finished."""
    await provider.put(script, [{"text": "a"}])
    turn = TurnInput.model_validate(HELLO | {"settings": {"extra": {"p": {"metadata": {"script": script}}}}})
    await Tried(CandidateCall(replace(background(provider.url), stream=False), turn)).run(transport)

    [entry] = await asked(provider, script, "responses")
    assert "background" not in entry.body


async def test_an_answer_that_was_refused_was_not_begun(transport: Transport) -> None:
    """It will not be billed."""
    async with answering(saying(refusing(status=503))) as server:
        tried = trying(server.url)
        with pytest.raises(StatusError):
            await tried.run(transport)

    assert not tried.call.begun


# -- of an earlier attempt


async def left(provider: ScriptedProvider, transport: Transport, script: str) -> str:
    """Return what a worker that stopped in the middle of a response left behind."""
    tried = trying(provider.url, script)
    running = asyncio.create_task(tried.run(transport))
    await seen(tried)
    assert not running.done()
    resume = tried.call.resume
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert resume is not None
    return resume


async def test_another_attempt_reads_the_same_response_from_its_beginning(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """Nothing is made anew; until the first event it hands on what it was given itself."""
    await provider.put(script, [HELD, {"text": "another"}])
    resume = await left(provider, transport, script)
    tried = trying(provider.url, script, resume)
    given = tried.call.resume
    answer = await tried.run(transport)

    assert given == resume
    assert tried.gone == 0
    assert answer.message.text == tried.shown.text == TEXT
    assert tried.call.resume is not None
    assert tried.call.resume.split(":")[0] == resume.split(":")[0]
    _, again = await asked(provider, script, "responses", "responses/id")
    assert again.query == {"stream": "true"}


async def test_a_response_that_is_gone_is_asked_for_anew(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """In the same try, for nothing of it was shown."""
    await provider.put(script, [HELD | {"kept_s": 0}, {"text": "another"}])
    resume = await left(provider, transport, script)
    tried = trying(provider.url, script, resume)
    answer = await tried.run(transport)

    assert answer.message.text == tried.shown.text == "another"
    assert tried.gone == 1
    assert tried.call.resume is not None
    assert tried.call.resume.split(":")[0] != resume.split(":")[0]
    await asked(provider, script, "responses", "responses")


@pytest.mark.parametrize("resume", ["", "x", "../resp_1:4", None])
async def test_what_says_nothing_about_a_response_resumes_none(
    provider: ScriptedProvider, transport: Transport, script: str, resume: str | None
) -> None:
    """It may be of another version."""
    await provider.put(script, [{"text": "a"}])
    tried = trying(provider.url, script, resume)
    await tried.run(transport)

    await asked(provider, script, "responses")


async def test_other_wires_resume_nothing(provider: ScriptedProvider, transport: Transport, script: str) -> None:
    """There is nothing to come back to."""
    await provider.put(script, [{"text": "a"}])
    settings: JsonObject = {"extra": {"p": {"metadata": {"script": script}}}}
    turn = TurnInput.model_validate(HELLO | {"settings": settings})
    tried = Tried(CandidateCall(candidate(url=provider.url), turn, "resp_1:4"))

    assert tried.call.resume is None
    await tried.run(transport)
    assert tried.call.resume is None


# -- stopping what nobody wants


async def test_a_failed_try_stops_its_response(provider: ScriptedProvider, transport: Transport, script: str) -> None:
    """Without waiting for it: another candidate may be asked at once."""
    await provider.put(script, [SLOW | {"silent_after": 5}])
    tried = trying(provider.url, script, idle_s=0.5)
    with pytest.raises(ClockRanOut, match="idle_s"):
        await tried.run(transport)

    await asked(provider, script, "responses", "responses/id/cancel")


async def test_a_cancelled_call_stops_nothing_until_it_is_given_up(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """A worker that stops leaves the response to the next; an interrupt does not."""
    await provider.put(script, [HELD])
    tried = trying(provider.url, script)
    running = asyncio.create_task(tried.run(transport))
    await seen(tried)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.1)
    await asked(provider, script, "responses")

    tried.call.give_up(transport)
    await asked(provider, script, "responses", "responses/id/cancel")


async def test_a_worker_that_was_stopped_for_long_stops_nothing(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """By then its attempt is over, and another one reads the response."""
    await provider.put(script, [{"tokens": 40, "silent_after": 5}])
    tried = trying(provider.url, script, idle_s=2, heartbeat_s=1)
    running = asyncio.create_task(tried.run(transport))
    await seen(tried, 30)
    time.sleep(2.5)  # noqa: ASYNC251 - as SIGSTOP does
    with pytest.raises(ClockRanOut):
        await running
    await asyncio.sleep(0.1)

    await asked(provider, script, "responses")


# -- beats


async def test_beats_wait_for_something_to_resume(
    provider: ScriptedProvider, transport: Transport, script: str
) -> None:
    """The first one is sent to Temporal at once, the next a good while later: the first has to say it."""
    await provider.put(script, [{"tokens": 5, "headers_after_s": 0.5, "silent_after": 2}])
    tried = trying(provider.url, script)
    resumes: list[str | None] = []
    tried.beat = lambda: resumes.append(tried.call.resume)  # type: ignore[method-assign]
    running = asyncio.create_task(tried.run(transport))
    async with asyncio.timeout(60):
        while not resumes:  # noqa: ASYNC110 - a beat sets no event
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert all(resumes)


async def test_beats_do_not_wait_for_ever(provider: ScriptedProvider, transport: Transport, script: str) -> None:
    """Or a slow provider would look like a dead worker."""
    await provider.put(script, [{"text": "a", "headers_after_s": 2.5}])
    tried = trying(provider.url, script, heartbeat_s=2)
    await tried.run(transport)

    assert tried.beats


# -- servers that do as they like


@asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[Served]:
    """Serve each connection's own answer; the last one's repeats."""
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    async with serving(answer) as server:
        yield server


def streaming(*events: JsonObject, ending: bytes = DONE) -> Answer:
    """Return an answer of these events."""
    return saying(HEAD + chunk(body(*events)), ending)


def given(response: JsonObject) -> Answer:
    """Return an answer of this JSON."""
    return saying(reply(json.dumps(response).encode(), content_type="application/json"))


BEGUN = streaming(CREATED, piece(1, "a"), ending=RESET)
END: JsonObject = {"type": "response.completed", "sequence_number": 3, "response": whole("ab")}
RESTED = streaming(piece(2, "b"), END)
refusing = partial(reply, b'{"error":{"message":"no","type":"t"}}')


@pytest.mark.parametrize(
    "answers",
    [
        [BEGUN, RESTED],
        [BEGUN, streaming(CREATED, piece(1, "a"), piece(2, "b"), END)],
        [BEGUN, streaming(), streaming(piece(2, "b"), ending=RESET), streaming(), streaming(END)],
        [BEGUN, saying(RESET), saying(RESET), RESTED],
        [BEGUN, saying(refusing(status=503)), saying(refusing(status=429)), RESTED],
        [BEGUN, streaming(), streaming(), streaming(), given(whole("ab"))],
        [BEGUN, saying(refusing(status=400)), given(whole("ab"))],
        [BEGUN, saying(refusing(status=422)), saying(refusing(status=503)), given(whole("ab"))],
        [BEGUN, given(STANDING), given(whole("ab"))],
        [BEGUN, given(whole("ab"))],
    ],
    ids=range(10),
)
async def test_the_way_back_may_be_long(transport: Transport, answers: list[Answer]) -> None:
    """Whatever is in the way of a response, it is the same one, and shown once."""
    async with answering(*answers) as server:
        tried = trying(server.url)
        answer = await tried.run(transport)

    assert answer.message.text == tried.shown.text == "ab"
    assert [request.head.split(" ")[0] for request in server.requests] == ["POST", *["GET"] * (len(answers) - 1)]


FAILED: JsonObject = {
    "type": "response.failed",
    "sequence_number": 2,
    "response": STANDING | {"status": "failed", "error": {"code": "server_error", "message": "no"}},
}


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([BEGUN, streaming(FAILED)], StreamedError, "server_error"),
        ([BEGUN, saying(refusing(status=404))], ConnectionLost, "connection"),
        ([streaming(CREATED, piece(1, "a")), saying(refusing(status=404))], TruncatedStream, "does not have"),
        ([BEGUN, saying(refusing(status=401))], ConnectionLost, "connection"),
        ([BEGUN, *[streaming()] * 3, given(STANDING | {"status": "cancelled"})], StreamedError, "cancelled"),
        ([BEGUN, saying(refusing(status=503))], StatusError, "503"),
        ([BEGUN, saying(RESET)], ConnectionLost, "reset"),
    ],
    ids=["failed", "gone after a break", "gone after an end", "key withdrawn", "cancelled", "down", "unreachable"],
)
async def test_a_response_that_cannot_become_whole_is_a_failure(
    transport: Transport, answers: list[Answer], error: type[ProviderError], words: str
) -> None:
    """Of the provider's own words, or of what broke it; never a hopeless one because the way back is closed."""
    async with answering(*answers) as server:
        tried = trying(server.url)
        with pytest.raises(error, match=words):
            await tried.run(transport)

    assert tried.shown.text == "a"
    assert tried.call.begun
    assert len(server.requests) <= 12  # aiohttp repeats a GET whose connection broke at once


async def test_a_response_that_is_lost_halfway_is_not_asked_for_anew_in_the_same_try(transport: Transport) -> None:
    """Its words are on the screens: another try begins another screen."""
    answers = [streaming(CREATED, piece(1, "a")), saying(refusing(status=404))]
    async with answering(*answers) as server:
        tried = trying(server.url, resume="resp_1:9")
        with pytest.raises(ConnectionLost, match="no longer has"):
            await tried.run(transport)

    assert "POST /responses HTTP" not in "".join(request.head for request in server.requests)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_try_s_clocks_run_on(transport: Transport, *, stream: bool) -> None:
    """A response that is made for ever ends when they do."""
    never = streaming(piece(2, "b")) if stream else given(STANDING)
    async with answering(BEGUN, never) as server:
        tried = trying(server.url, stall_s=0.5, idle_s=5)
        with pytest.raises(ClockRanOut, match="stall_s"):
            await tried.run(transport)
