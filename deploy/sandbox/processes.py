"""Child processes that end when we say so, and when we are killed.

Each runs in a session of its own, so a terminal's Ctrl-C reaches us alone and we stop them in order.
Each has a leash: a shell that waits on a pipe only we hold open. However we die, the kernel closes the
pipe, and the leash kills the child's whole process group. That works on Linux and macOS, and needs no
code between fork and exec, where the threads of this process would make any code unsafe.
"""

import asyncio
import os
import secrets
import socket
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from subprocess import DEVNULL, PIPE, STDOUT, Popen

from deploy.sandbox.errors import SandboxError

LOOPBACK = "127.0.0.1"
_GRACE = 5.0
_POLL = 0.02
# Below those from which systems choose for outgoing connections (Linux: from 32768, macOS: from 49152): such a
# connection, even one that meets itself, could hold a port while the server that is to have it is not up.
_PORTS = range(20_000, 32_000)
_TRIES_FOR_A_PORT = 200
_LEASH = 'read -r _; kill -s KILL -- "-$1"'


class RunningServer:
    """A child process, its output so far, and the leash that ends it with us."""

    def __init__(self, name: str, process: Popen[bytes], leash: Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._leash = leash

    @property
    def pid(self) -> int:
        """The child's process id, which is also its group's."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the child ended, or None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Read what the child has written, to either stream."""
        return self.log.read_text(errors="replace")

    def last_lines(self, count: int = 20) -> str:
        """Read the end of the output, for an error message."""
        with self.log.open(errors="replace") as lines:
            return "".join(deque(lines, maxlen=count)).strip() or "(it wrote nothing)"

    async def ended(self) -> int:
        """Wait until the child has ended, and return its exit code."""
        while True:
            if (code := self.exit_code) is not None:
                return code
            await asyncio.sleep(_POLL)

    async def stop(self, grace: float = _GRACE) -> None:
        """Ask the child to end, and end it and what it started if it does not, or if we are cancelled.

        Args:
            grace: Seconds it is given to end by itself.
        """
        try:
            if self.exit_code is None:
                self._signal(SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self.ended()
        finally:
            self.kill()

    def kill(self) -> None:
        """End the child and what it started, at once, and let go of the leash."""
        if self._leash.returncode is not None:
            return  # ended before: the group's id may be another's by now
        self._signal(SIGKILL)
        self._process.wait()
        with self._leash:
            self._leash.kill()

    def _signal(self, signal: Signals) -> None:
        # macOS answers a signal to a group of zombies with a permission error.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal)


class Servers:
    """The child processes of one sandbox, and the folder they write in."""

    def __init__(self, folder: Path, exits: AsyncExitStack) -> None:
        self.folder = folder
        self._exits = exits

    def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None
    ) -> RunningServer:
        """Start a child that is stopped, at the latest, with the others.

        Args:
            name: What messages call it.
            command: The program and its arguments.
            environ: The whole environment it gets.
            cwd: Where it runs; the servers' own folder unless told.

        Returns:
            The running child.

        Raises:
            SandboxError: The program cannot be run at all.
        """
        descriptor, log = tempfile.mkstemp(prefix=f"{name.lower()}-", suffix=".log", dir=self.folder)
        with os.fdopen(descriptor, "wb") as output:
            try:
                process = Popen(
                    command,
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=STDOUT,
                    env=environ,
                    cwd=cwd or self.folder,
                    start_new_session=True,
                )
            except OSError as failure:
                raise SandboxError(f"{name} cannot be run: {failure}") from failure
        server = RunningServer(name, process, _leash_on(process), Path(log))
        self._exits.push_async_callback(server.stop)
        return server


@asynccontextmanager
async def running_servers() -> AsyncIterator[Servers]:
    """Give a place to start servers in, and stop them in reverse order whatever happens."""
    with tempfile.TemporaryDirectory(prefix="millstream-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as exits:
            yield Servers(Path(folder), exits)


def free_ports(count: int) -> list[int]:
    """Choose loopback ports that nobody listens on at this moment, all different.

    Raises:
        SandboxError: None is free.
    """
    with ExitStack() as held:
        return [_held_port(held) for _ in range(count)]


def free_port() -> int:
    """Choose a loopback port that nobody listens on at this moment."""
    return free_ports(1)[0]


def _held_port(held: ExitStack) -> int:
    for _ in range(_TRIES_FOR_A_PORT):
        port = secrets.choice(_PORTS)
        with suppress(OSError):
            held.enter_context(socket.create_server((LOOPBACK, port)))
            return port
    raise SandboxError(f"no free port from {_PORTS.start} to {_PORTS.stop - 1} on {LOOPBACK}")


def _leash_on(process: Popen[bytes]) -> Popen[bytes]:
    command = ["/bin/sh", "-c", _LEASH, "leash", str(process.pid)]
    try:
        return Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)
    except OSError:
        process.kill()
        process.wait()
        raise
