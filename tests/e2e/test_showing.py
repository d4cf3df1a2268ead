"""`millstream demo` and `millstream sandbox`, each with servers of its own."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from cli import showing
from cli.following import connections
from deploy.sandbox.processes import LOOPBACK, RunningServer
from tests.e2e.proxy import port_of, proxy_to
from tests.e2e.rig import Rig, clean_environ
from tests.e2e.shell import descendants, run, terminal


@pytest.fixture
def marker() -> str:
    """A word in the environment of one command and of everything it starts."""
    return f"mark-{uuid4().hex}"


@pytest.fixture
def own_stack(marker: str) -> Mapping[str, str]:
    """The environment of a newcomer: no server named."""
    return {**clean_environ(os.environ), "MILL_MARKER": marker}  # noqa: TID251 - a test run is a composition root


async def test_the_demo_streams_survives_a_kill_and_leaves_nothing_behind(
    own_stack: Mapping[str, str], marker: str
) -> None:
    """The whole promise, run as a newcomer runs it."""
    done = await run(own_stack, "demo")

    assert (done.code, done.said) == (0, "")
    assert done.out.count("the text on screen is it") == 2
    assert "⚡ kill -9 " in done.out
    assert "attempt 2: the text starts over (worker lost)" in done.out
    assert descendants(marker) == []


async def test_the_demos_result_may_overtake_its_last_frames(rig: Rig, worker: RunningServer) -> None:
    """Where Redis is slow the demo waits for them: that it is behind is no failure."""
    async with proxy_to(port_of(rig.stack.redis_url)) as slow:
        slow.delay_s = 0.3
        environ = {**rig.worker_environ(), "REDIS_URL": f"redis://{LOOPBACK}:{slow.port}/0"}
        scene = showing._Scene(Console(file=StringIO()), rig.stack, rig.servers, environ, worker)
        async with connections(environ) as connected:
            assert await showing._stream(scene, connected, {}, kill_worker=False)


async def test_ctrl_c_ends_the_demo_and_leaves_nothing_behind(own_stack: Mapping[str, str], marker: str) -> None:
    """Who has seen enough is not left with servers running, and asking to end is no error."""
    with terminal(own_stack, "demo") as shown:
        await shown.shows("You asked")
        served = descendants(marker)
        shown.interrupt()
        code = await shown.ended()

    assert len(served) > 4
    assert code == 0
    assert "Traceback" not in shown.text
    assert descendants(marker) == []


async def test_the_sandbox_says_where_things_are_until_ctrl_c(own_stack: Mapping[str, str], marker: str) -> None:
    """The lines it prints are enough to use it from another terminal."""
    with terminal(own_stack, "sandbox") as shown:
        await shown.shows("Ctrl-C ends everything.")
        exports = dict(line.split("export ")[1].split("=", 1) for line in shown.text.splitlines() if "export " in line)
        reached = await run({**own_stack, **exports}, "watch", "no-such-turn")
        shown.interrupt()
        code = await shown.ended()

    assert reached.code == 4
    assert "Temporal UI   http://127.0.0.1:" in shown.text
    assert code == 0
    assert descendants(marker) == []


async def test_the_sandbox_uses_the_settings_of_the_folder_it_is_started_in(
    own_stack: Mapping[str, str], marker: str, tmp_path: Path
) -> None:
    """The worker is told where the user's settings are, and not to look in the project's folder."""
    (tmp_path / "millstream.toml").write_text(
        '[providers.mine]\nwire = "openai-chat"\nbase_url = "http://localhost:1"\napi_key_env = "MY_KEY"\n'
        '[[routes.default]]\nprovider = "mine"\nmodel = "m"\n'
    )
    with terminal({**own_stack, "MY_KEY": "x"}, "sandbox", cwd=tmp_path) as shown:
        await shown.shows("Ctrl-C ends everything.")
        shown.interrupt()
        code = await shown.ended()

    assert "Provider      yours" in shown.text
    assert code == 0
    assert descendants(marker) == []
