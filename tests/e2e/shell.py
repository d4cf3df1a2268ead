"""The `millstream` command as a user runs it: in a pipe, or on a terminal."""

import asyncio
import errno
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

MILLSTREAM = Path(sys.executable).with_name("millstream")
_LINES = 24
_HANGS_AFTER_S = 300
# What a viewer rightly says where Redis, a worker or the viewer itself stood still for a second or two.
_OF_STANDSTILLS = ("Redis is unreachable", "Redis is reachable again", "queued: no worker", "attempt 1 is running, its")
# No test can be sure to press Ctrl-C again within a second and a half.
_UNHURRIED = "from cli import following, main; following._SECOND_CTRL_C_WITHIN_S = 300.0; main()"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def said(self) -> str:
        """Standard error without what a machine that stands still at times has a viewer say."""
        return "".join(line for line in self.err.splitlines(keepends=True) if not line.startswith(_OF_STANDSTILLS))


class Running:
    """A command in pipes, which are read as something comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started = time.monotonic()
        self._out = bytearray()
        self._err = bytearray()

    async def printed(self, words: str) -> None:
        """Wait until standard output holds these words."""
        await self._until(words, self._process.stdout, self._out)

    async def told(self, words: str) -> None:
        """Wait until standard error holds these words."""
        await self._until(words, self._process.stderr, self._err)

    async def _until(self, words: str, stream: asyncio.StreamReader | None, held: bytearray) -> None:
        assert stream is not None
        async with asyncio.timeout(_HANGS_AFTER_S):
            while words.encode() not in held:
                line = await stream.readline()
                assert line, f"it ended without {words!r}: {(self._out + self._err).decode()}"
                held += line

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def ended(self) -> Done:
        """Wait for its end."""
        async with asyncio.timeout(_HANGS_AFTER_S):
            out, err = await self._process.communicate()
        seconds = time.monotonic() - self._started
        return Done(self._process.returncode, (self._out + out).decode(), (self._err + err).decode(), seconds)


@asynccontextmanager
async def running(environ: Mapping[str, str], *arguments: str, unhurried: bool = False) -> AsyncIterator[Running]:
    """Start a command in pipes, and see to it that it ends; unhurried, it waits long for a second Ctrl-C."""
    program = [sys.executable, "-c", _UNHURRIED] if unhurried else [MILLSTREAM]
    process = await asyncio.create_subprocess_exec(
        *program,
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def run(environ: Mapping[str, str], *arguments: str, stdin: bytes = b"") -> Done:
    """Run a command in pipes to its end."""

    def blocking() -> Done:
        started = time.monotonic()
        done = subprocess.run(
            [MILLSTREAM, *arguments],
            input=stdin,
            capture_output=True,
            env=environ,
            timeout=_HANGS_AFTER_S,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode(), time.monotonic() - started)

    return await asyncio.to_thread(blocking)


async def run_into_head(environ: Mapping[str, str], *arguments: str) -> Done:
    """Run `millstream ... | head -1`: the reader takes one line and goes."""

    def blocking() -> Done:
        started = time.monotonic()
        command = [str(MILLSTREAM), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            process.stdout.close()
            err = process.stderr.read()
        return Done(process.returncode, line.decode(), err.decode(), time.monotonic() - started)

    return await asyncio.to_thread(blocking)


class Terminal:
    """A command on a pseudo-terminal, and everything it wrote there."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self.raw = bytearray()

    @property
    def text(self) -> str:
        """What was written, without cursor movements and styles."""
        return _CONTROL.sub("", self.raw.decode(errors="replace"))

    async def shows(self, words: str) -> None:
        """Wait until these words have been written."""
        async with asyncio.timeout(_HANGS_AFTER_S):
            while words not in self.text:
                assert await asyncio.to_thread(self._read), f"it ended without {words!r}: {self.text}"

    async def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        async with asyncio.timeout(_HANGS_AFTER_S):
            while await asyncio.to_thread(self._read):
                pass
            return await asyncio.to_thread(self._process.wait)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65_536)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux: the other side is closed
                return False
            raise
        self.raw += data
        return bool(data)


@contextmanager
def terminal(
    environ: Mapping[str, str], *arguments: str, columns: int = 80, cwd: Path | None = None
) -> Iterator[Terminal]:
    """Start a command on a pseudo-terminal, and see to it that it ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, columns, 0, 0))
    on_terminal = {**environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        [MILLSTREAM, *arguments], stdin=slave, stdout=slave, stderr=slave, env=on_terminal, cwd=cwd
    ) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            process.wait()
            os.close(master)


def descendants(marker: str) -> list[str]:
    """Return the processes in whose environment a marker is, by their command lines."""
    if not Path("/proc").is_dir():  # macOS
        listed = subprocess.run(["/bin/ps", "axeww", "-o", "command"], capture_output=True, check=True, text=True)
        return [line for line in listed.stdout.splitlines() if marker in line]
    return [command for process in Path("/proc").glob("[0-9]*") if (command := _command_if_marked(process, marker))]


def _command_if_marked(process: Path, marker: str) -> str:
    try:
        if marker.encode() in (process / "environ").read_bytes():
            return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        pass  # it has ended, or is another user's
    return ""
