import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import pytest
from temporalio.service import RPCError

from deploy.sandbox.processes import LOOPBACK
from streaming.jsontext import JsonObject
from tests.e2e.proxy import Proxy, port_of, proxy_to
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.shell import Done, run, run_into_head, running, terminal
from tests.e2e.watching import overheard
from tests.tables import candidate, provider

pytestmark = pytest.mark.usefixtures("worker")

QUESTION = "What does a mill do?"
ENDLESS: JsonObject = {"tokens": 50_000, "pace_s": 0.02}
SHORT: JsonObject = {"tokens": 60, "pace_s": 0.02}


@pytest.fixture(scope="module")
def environ(rig: Rig) -> Mapping[str, str]:
    """The environment of commands that talk to the stack and its worker's task queue."""
    return rig.worker_environ()


@dataclass(frozen=True)
class Asked:
    """A turn that `millstream ask` started and followed to its end."""

    turn_id: str
    command: Done
    result: JsonObject


@pytest.fixture(scope="module")
async def asked(rig: Rig, environ: Mapping[str, str]) -> Asked:
    """The one turn that the tests of its aftermath share."""
    turn_id = f"asked-{uuid4().hex[:8]}"
    command = await run(environ, "ask", QUESTION, "--id", turn_id)
    return Asked(turn_id, command, await rig.client.get_workflow_handle(turn_id, result_type=dict).result())


@pytest.fixture
async def endless(rig: Rig) -> AsyncIterator[str]:
    """A running turn whose answer does not end by itself."""
    script = await rig.script(ENDLESS)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 300}))

    async def streaming() -> bool:
        return any(entry.chunks_sent > 20 for entry in await rig.requests(script))

    await eventually(streaming)
    yield handle.id
    with contextlib.suppress(RPCError):  # it was stopped
        await handle.terminate()


@dataclass(frozen=True)
class Held:
    """A worker whose provider waits where a test has it wait: nothing else keeps a turn from ending by itself."""

    queue: str
    environ: Mapping[str, str]
    provider: Proxy

    @contextmanager
    def still(self) -> Iterator[None]:
        """Hold back whatever the provider says meanwhile."""
        self.provider.freeze()
        try:
            yield
        finally:
            self.provider.thaw()


@pytest.fixture(scope="module")
async def held(rig: Rig) -> AsyncIterator[Held]:
    """The worker that the tests share which need time in the middle of a turn."""
    queue = f"held-{uuid4().hex[:8]}"
    async with proxy_to(port_of(rig.stack.provider_url)) as proxy:
        config = rig.stack.log_dir / f"{queue}.toml"
        config.write_text(
            provider("scripted", f"http://{LOOPBACK}:{proxy.port}/v1") + candidate("default", "scripted", "model-a")
        )
        variables = {"MILLSTREAM_CONFIG": str(config)}
        worker = await rig.worker(queue, **variables)
        yield Held(queue, rig.worker_environ(queue, **variables), proxy)
        worker.kill()


@asynccontextmanager
async def by_proxy(rig: Rig, environ: Mapping[str, str]) -> AsyncIterator[tuple[Mapping[str, str], Proxy]]:
    """Give an environment with another way to Temporal: frozen, no result can come before the text that is live."""
    async with proxy_to(port_of(rig.stack.temporal_address)) as temporal:
        yield {**environ, "TEMPORAL_ADDRESS": f"{LOOPBACK}:{temporal.port}"}, temporal


async def someone_watches(rig: Rig, turn_id: str) -> bool:
    """Whether Redis has a subscriber to a turn."""
    [(_, subscribers)] = await rig.redis.pubsub_numsub(rig.channels.live(turn_id))
    return bool(subscribers)


# -- ask


async def test_ask_in_a_pipe_prints_exactly_the_durable_text(asked: Asked) -> None:
    """What a script reads is the result that Temporal keeps."""
    assert asked.command.code == 0
    assert asked.command.out == text_of(asked.result) + "\n"


async def test_ask_tells_the_turns_id_on_standard_error(asked: Asked) -> None:
    """Output stays clean, and the turn can be found again."""
    assert asked.command.said == f"turn {asked.turn_id}\n"


async def test_asking_again_with_the_same_id_and_text_attaches(asked: Asked, environ: Mapping[str, str]) -> None:
    """A script that is run again does not pay for a second answer."""
    again = await run(environ, "ask", QUESTION, "--id", asked.turn_id)

    assert (again.code, again.out) == (0, asked.command.out)
    assert again.said == f"turn {asked.turn_id} exists: attached to it\n"


async def test_a_dash_reads_the_text_from_standard_input(asked: Asked, environ: Mapping[str, str]) -> None:
    """The same text by another way is the same turn."""
    again = await run(environ, "ask", "-", "--id", asked.turn_id, stdin=QUESTION.encode())

    assert (again.code, again.out) == (0, asked.command.out)
    assert "attached" in again.err


async def test_ask_as_json_prints_the_result_as_temporal_keeps_it(asked: Asked, environ: Mapping[str, str]) -> None:
    """A program gets the whole result, as one object."""
    printed = await run(environ, "ask", QUESTION, "--id", asked.turn_id, "--json")

    assert json.loads(printed.out) == asked.result


async def test_an_id_in_use_for_another_text_is_refused(asked: Asked, environ: Mapping[str, str]) -> None:
    """An id is not silently answered with another question's answer."""
    refused = await run(environ, "ask", "What does a dam do?", "--id", asked.turn_id)

    assert (refused.code, refused.out) == (1, "")
    assert refused.said == f"millstream: turn {asked.turn_id!r} exists with another input: choose another id\n"


async def test_text_that_grows_too_large_as_json_is_refused_with_both_sizes(environ: Mapping[str, str]) -> None:
    """The server's limit is told in its own measure."""
    refused = await run(environ, "ask", "-", stdin=b'"' * 2_000_000)

    assert (refused.code, refused.out) == (1, "")
    assert "the turn's input is 4,000,0" in refused.err
    assert "bytes as JSON and Temporal takes 2,080,000: send less text" in refused.err


async def test_a_failed_turn_exits_with_1_and_says_why(environ: Mapping[str, str]) -> None:
    """A script notices a failure without reading words, and a person reads them."""
    failed = await run(environ, "ask", "Hi", "--route", "nowhere")

    assert (failed.code, failed.out) == (1, "")
    assert "failed: UnknownRoute: route: no route 'nowhere' in this worker's settings; it has" in failed.err


async def test_ctrl_c_detaches_and_the_turn_goes_on(rig: Rig, held: Held) -> None:
    """Leaving is not stopping."""
    turn_id = f"detached-{uuid4().hex[:8]}"
    with held.still():
        async with running(held.environ, "ask", QUESTION, "--id", turn_id) as asking:
            await asking.told(turn_id)
            asking.interrupt()
            left = await asking.ended()
    result: JsonObject = await rig.client.get_workflow_handle(turn_id, result_type=dict).result()

    assert (left.code, left.out) == (130, "")
    assert f"detached; the turn goes on: millstream watch {turn_id} (Ctrl-C again stops it)" in left.err
    assert result["finish_reason"] == "stop"


async def test_a_second_ctrl_c_stops_the_turn_and_prints_what_it_had_said(rig: Rig, held: Held) -> None:
    """Pressing twice ends the turn itself, and its partial text is the durable result."""
    turn_id = f"stopped-{uuid4().hex[:8]}"
    async with (
        overheard(rig, turn_id) as frames,
        running(held.environ, "ask", QUESTION, "--id", turn_id, unhurried=True) as asking,
    ):

        async def said_something() -> bool:
            return any(frame.additions for frame in frames)

        await asking.told(turn_id)
        await eventually(said_something)
        with held.still():
            asking.interrupt()
            await asking.told("detached")
            asking.interrupt()
            stopped = await asking.ended()
    result: JsonObject = await rig.client.get_workflow_handle(turn_id, result_type=dict).result()

    assert stopped.code == 0
    assert "stopped\n" in stopped.err
    assert stopped.out == text_of(result) + "\n"
    assert text_of(result)
    assert result["finish_reason"] == "interrupted"


async def test_on_a_terminal_the_text_appears_as_it_arrives_and_is_proved(rig: Rig, environ: Mapping[str, str]) -> None:
    """People see the text grow, who speaks, and in the end that it is the durable one."""
    async with by_proxy(rig, environ) as (there, temporal):
        with terminal(there, "ask", QUESTION) as shown:
            await shown.shows("You asked: “What does")
            await shown.shows("scripted/model-a · attempt 1")
            early = shown.text
            temporal.freeze()
            await shown.shows("✨")
            temporal.thaw()
            code = await shown.ended()

    assert "the text on screen is it" not in early
    assert code == 0
    last = shown.text.rstrip().splitlines()[-3:]
    assert last[0].endswith("enough for a thousand years. ✨")
    assert last[1].startswith("scripted/model-a · stop · attempt 1 · ")
    assert last[2].endswith("…: the text on screen is it")


# -- watch


async def test_watch_follows_a_running_turn_to_its_durable_text(rig: Rig, environ: Mapping[str, str]) -> None:
    """A second terminal gets the same answer."""
    handle = await rig.start(turn(await rig.script(SHORT)))
    watched = await run(environ, "watch", handle.id)

    assert (watched.code, watched.said) == (0, "")
    assert watched.out == text_of(await handle.result()) + "\n"


async def test_watch_shows_a_turn_that_has_ended(asked: Asked, environ: Mapping[str, str]) -> None:
    """Coming late costs the show and not the result."""
    watched = await run(environ, "watch", asked.turn_id)

    assert (watched.code, watched.out) == (0, asked.command.out)


async def test_without_redis_the_result_still_comes(rig: Rig, asked: Asked, environ: Mapping[str, str]) -> None:
    """Who cannot see the text live is told so, and gets it all the same."""
    watched = await run({**environ, "REDIS_URL": f"redis://{rig.nobody}"}, "watch", asked.turn_id)

    assert (watched.code, watched.out) == (0, asked.command.out)
    assert "Redis is unreachable: no live text until it is back; the result will come from Temporal" in watched.err


async def test_watch_as_json_gives_every_frame_and_last_the_result(rig: Rig, environ: Mapping[str, str]) -> None:
    """A program can build the text from the lines, and check it against the last."""
    queue = f"watched-{uuid4().hex[:8]}"
    handle = await rig.start(turn(await rig.script({"tokens": 100, "pace_s": 0.02})), queue=queue)
    async with (
        by_proxy(rig, environ) as (there, temporal),
        running(there, "watch", handle.id, "--json") as watching,
    ):
        await watching.printed('"queued"')
        await rig.worker(queue)
        await watching.printed('"provider": "scripted"')
        temporal.freeze()
        await watching.printed('"k": "end"')
        temporal.thaw()
        watched = await watching.ended()
    told = [json.loads(line) for line in watched.out.splitlines()]
    lines = [line for line in told if line["k"] != "state"]
    text = ""
    for line in lines:
        additions = "".join(addition for _, kind, addition in line.get("p", []) if kind == "text")
        text = additions if line["k"] in ("begin", "snap") else text + additions

    assert told[0] | {"k": "state", "status": "queued"} == told[0]
    assert lines[0]["k"] in ("begin", "snap")
    assert {"delta", "end"} <= {line["k"] for line in lines}
    assert lines[-1] == {"k": "result", "result": await handle.result()}
    assert text == text_of(await handle.result())


async def test_watch_tells_a_failed_turn_and_exits_with_1(rig: Rig, environ: Mapping[str, str]) -> None:
    """A turn that failed before anyone watched is told all the same."""
    handle = await rig.start(turn(await rig.script({"status": 400})))
    watched, as_json = await asyncio.gather(
        run(environ, "watch", handle.id), run(environ, "watch", handle.id, "--json")
    )

    assert (watched.code, as_json.code) == (1, 1)
    assert "failed: RouteExhausted: no candidate of the route can answer this turn" in watched.err
    assert json.loads(as_json.out.splitlines()[-1])["k"] == "failed"


async def test_a_reader_that_goes_away_ends_watch_quietly(endless: str, environ: Mapping[str, str]) -> None:
    """`millstream watch --json TURN | head -1` is an ordinary thing to do."""
    left = await run_into_head(environ, "watch", endless, "--json")

    assert json.loads(left.out)["k"] in ("begin", "snap", "state")
    assert (left.code, left.said) == (130, "")
    assert left.seconds < 60


async def test_a_terminal_gets_model_text_as_text(rig: Rig, environ: Mapping[str, str]) -> None:
    """A model cannot fill the clipboard or colour the screen."""
    hostile = "\x1b]52;c;aGVsbG8=\x07[bold]mill[/bold]"
    handle = await rig.start(turn(await rig.script({"text": hostile, "pace_s": 0.05})))
    with terminal(environ, "watch", handle.id) as shown:
        code = await shown.ended()

    assert code == 0
    assert "\\x1b]52;c;aGVsbG8=\\x07[bold]mill[/bold]" in shown.text
    assert b"\x1b]52" not in shown.raw


async def test_a_terminal_shows_why_the_text_starts_over(rig: Rig, held: Held) -> None:
    """Text that is taken back is not taken back silently."""
    script = await rig.script({**SHORT, "cut_after": 50}, SHORT)
    async with by_proxy(rig, held.environ) as (there, temporal):
        with held.still():
            handle = await rig.start(turn(script), queue=held.queue)
            with terminal(there, "watch", handle.id, columns=200) as shown:
                await shown.shows("scripted/model-a · attempt 1")
                held.provider.thaw()
                await shown.shows("↻")
                temporal.freeze()
                await shown.shows("00059")
                temporal.thaw()
                code = await shown.ended()

    assert code == 0
    assert "✗ scripted/model-a · attempt 1: ConnectionLost: the connection broke" in shown.text
    assert "↻ scripted/model-a · attempt 2: the text starts over" in shown.text
    assert shown.text.rstrip().endswith("the text on screen is it")


# -- stop


async def test_stop_ends_a_streaming_turn_at_once_and_prints_its_partial_text(
    rig: Rig, endless: str, environ: Mapping[str, str]
) -> None:
    """The partial is printed, durable, and what everyone else who watches gets."""
    async with running(environ, "watch", endless, "--json") as watching:
        await eventually(partial(someone_watches, rig, endless))
        stopped = await run(environ, "stop", endless)
        watched = await watching.ended()
    result: JsonObject = await rig.client.get_workflow_handle(endless, result_type=dict).result()

    assert (stopped.code, stopped.err) == (0, "")
    assert stopped.seconds < 120  # by the hint: the next heartbeat has its answer after 240 s
    assert stopped.out == text_of(result) + "\n"
    assert stopped.out.startswith(" 00000 00001")
    assert json.loads(watched.out.splitlines()[-1]) == {"k": "result", "result": result}


async def test_stop_of_a_turn_that_has_ended_is_refused_politely(asked: Asked, environ: Mapping[str, str]) -> None:
    """There is nothing to stop, and nothing breaks."""
    refused = await run(environ, "stop", asked.turn_id)

    assert (refused.code, refused.out) == (1, "")
    assert refused.said == f"millstream: turn {asked.turn_id!r} has ended: there is nothing to interrupt\n"


@pytest.mark.parametrize("command", ["watch", "stop"])
async def test_an_unknown_turn_exits_with_4(environ: Mapping[str, str], command: str) -> None:
    """A wrong id is told as such, at once, and so is one that no turn can have."""
    for turn_id in ("no-such-turn", "", "x" * 2000):
        refused = await run(environ, command, turn_id)

        assert (refused.code, refused.out) == (4, "")
        assert refused.err.splitlines()[-1] == f"millstream: no turn {turn_id!r}"
        assert refused.seconds < 120
