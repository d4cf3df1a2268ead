import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import typer

from cli.app import EXIT_CODES, app
from deploy.sandbox.processes import LOOPBACK, free_port

MILLSTREAM = Path(sys.executable).with_name("millstream")
COMMANDS = list(typer.main.get_group(app).commands)


class Shell:
    """The console script, run as a user runs it, where no Temporal server answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environ = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "TERM": "dumb",
            "COLUMNS": "100",
            "TEMPORAL_ADDRESS": f"{LOOPBACK}:{free_port()}",
        }

    def millstream(
        self, *arguments: str | bytes, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        done = subprocess.run(
            [MILLSTREAM, *arguments],
            input=stdin,
            capture_output=True,
            env={**self.environ, **(variables or {})},
            cwd=self._folder,
            timeout=300,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def test_help_lists_every_command_and_says_where_things_are(shell: Shell) -> None:
    """Someone who knows nothing learns what there is and what to set."""
    helped = shell.millstream("--help")

    assert helped.returncode == 0
    assert all(command in helped.stdout for command in COMMANDS)
    assert all(word in helped.stdout for word in ("TEMPORAL_ADDRESS", "REDIS_URL", "millstream.toml"))
    assert all(f"{code}: " in helped.stdout for code in EXIT_CODES)


def test_no_command_at_all_is_answered_with_the_help(shell: Shell) -> None:
    """A bare `millstream` teaches, and counts as usage."""
    helped = shell.millstream()

    assert helped.returncode == 2
    assert "Commands" in helped.stdout + helped.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(shell: Shell, command: str) -> None:
    """Each `--help` is there, with an example where there is something to say, and needs no server."""
    helped = shell.millstream(command, "--help")

    assert helped.returncode == 0
    assert f"millstream {command}" in helped.stdout
    assert ("Example" in helped.stdout) == (command not in ("worker", "sandbox", "demo"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["grind"], "No such command 'grind'"),
        (["ask"], "Missing argument 'TEXT'"),
        (["ask", "Hi", "--model", "x"], "No such option"),
        (["ask", "Hi", "--id", ""], "--id is empty: leave it out for an id of its own"),
        (["watch"], "Missing argument 'TURN'"),
        (["ask", ""], "there is nothing to ask: the text is empty"),
        (["ask", " \n"], "there is nothing to ask: the text is empty"),
        (["ask", "-"], "there is nothing to ask: the text is empty"),
        ([b"ask", b"\xff"], "the text is not UTF-8"),
        ([b"ask", b"Hi", b"--system", b"\xff"], "--system is not UTF-8"),
    ],
)
def test_wrong_usage_is_told_and_exits_with_2(shell: Shell, arguments: list[str | bytes], told: str) -> None:
    """A mistake in the command is answered before anything is connected."""
    refused = shell.millstream(*arguments)

    assert refused.returncode == 2
    assert told in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (b"\xff\xfeH\x00i\x00", "standard input is not UTF-8: invalid start byte at byte 0"),
        (b"long " * 2_000_000, "standard input is too large: Temporal takes 2,080,000 bytes for a whole turn"),
    ],
    ids=["utf-16", "10 MB"],
)
def test_standard_input_that_is_no_turn_is_refused(shell: Shell, stdin: bytes, told: str) -> None:
    """What cannot become a turn is refused before it is sent anywhere."""
    refused = shell.millstream("ask", "-", stdin=stdin)

    assert (refused.returncode, refused.stderr) == (2, f"millstream: {told}\n")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"MILLSTREAM_LIVES": "1"}, "unknown environment variable MILLSTREAM_LIVES"),
        ({"MILLSTREAM_LIVE__ENABLED": "perhaps"}, "MILLSTREAM_LIVE__ENABLED: live.enabled: Input should be"),
        ({"MILLSTREAM_CONFIG": "missing.toml"}, "MILLSTREAM_CONFIG names missing.toml, which is not a file"),
    ],
)
@pytest.mark.parametrize("command", [["ask", "Hi"], ["worker"], ["providers"]], ids=["ask", "worker", "providers"])
def test_refused_settings_exit_with_2_and_one_sentence(
    shell: Shell, command: list[str], variables: dict[str, str], told: str
) -> None:
    """A wrong setting is told by its name, by every process."""
    refused = shell.millstream(*command, variables={"OPENAI_API_KEY": "sk-test", **variables})

    assert refused.returncode == 2
    assert told in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_malformed_redis_url_exits_with_2_and_is_not_quoted(shell: Shell) -> None:
    """A password does not end in a terminal's scrollback."""
    refused = shell.millstream("ask", "Hi", variables={"REDIS_URL": "redis://user:hunter/2@host"})

    assert refused.returncode == 2
    assert "REDIS_URL is malformed" in refused.stderr
    assert "hunter" not in refused.stderr


def test_a_worker_without_a_route_says_what_to_do(shell: Shell) -> None:
    """The likeliest first mistake has the clearest answer."""
    refused = shell.millstream("worker")

    assert refused.returncode == 2
    assert "no route: set one of OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, or write" in refused.stderr
    assert "[[routes.default]] into millstream.toml" in refused.stderr


@pytest.mark.parametrize("command", [["ask", "Hi"], ["watch", "x"], ["stop", "x"], ["worker"]])
def test_no_temporal_server_is_told_with_its_address_and_exits_with_5(shell: Shell, command: list[str]) -> None:
    """Who forgot to start Temporal learns it at once, and how."""
    unreachable = shell.millstream(*command, variables={"OPENAI_API_KEY": "sk-test"})
    address = shell.environ["TEMPORAL_ADDRESS"]

    assert unreachable.returncode == 5
    assert f"no Temporal server answers at {address}: start one with `millstream sandbox`" in unreachable.stderr
    assert "or set TEMPORAL_ADDRESS (Connection refused)" in unreachable.stderr
    assert len(unreachable.stderr.splitlines()) == 1


@pytest.fixture
async def black_hole() -> AsyncIterator[str]:
    """The address of a server that accepts connections and never says a word."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(swallow, LOOPBACK, 0) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


async def test_a_server_that_never_answers_is_given_up_within_seconds(shell: Shell, black_hole: str) -> None:
    """A wrong port or a silent firewall does not hang the command."""
    unreachable = await asyncio.to_thread(shell.millstream, "watch", "x", variables={"TEMPORAL_ADDRESS": black_hole})

    assert unreachable.returncode == 5
    assert "(no answer within 10 s)" in unreachable.stderr


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"TEMPORAL_PROFILE": "nobody"}, "Temporal's client configuration cannot be read: Profile 'nobody' not found"),
        ({"TEMPORAL_ADDRESS": "::"}, "no Temporal server answers at ::"),
    ],
)
def test_an_unusable_temporal_configuration_is_one_sentence(shell: Shell, variables: dict[str, str], told: str) -> None:
    """Temporal's own configuration is checked like ours."""
    refused = shell.millstream("watch", "x", variables=variables)

    assert refused.returncode == 5
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_sandbox_that_cannot_start_says_what_was_tried(shell: Shell) -> None:
    """With an address that nobody serves, the sandbox does not silently start another server."""
    refused = shell.millstream("sandbox", variables={"REDIS_URL": f"redis://{LOOPBACK}:{free_port()}"})

    assert refused.returncode == 1
    assert "millstream: " in refused.stderr
    assert "Traceback" not in refused.stderr
