import asyncio
import socket
from collections.abc import Mapping
from itertools import chain

import pytest

from deploy.sandbox.errors import PortTakenError, SandboxError
from deploy.sandbox.processes import LOOPBACK, Servers, free_port
from deploy.sandbox.redis import RedisServer, find_redis, start_redis
from deploy.sandbox.serving import on_free_ports, until_serving


async def never() -> bool | None:
    """Ask a server that has no answer yet."""
    return None


async def always() -> bool | None:
    """Ask whoever answers, as a foreign server on our port would."""
    return True


async def test_a_server_that_dies_at_its_start_is_told_with_its_own_words(
    servers: Servers, environ: Mapping[str, str]
) -> None:
    """The reason is in the server's output, so the error shows that."""
    server = servers.start("Mill", ["/bin/sh", "-c", "echo the wheel is stuck >&2; exit 7"], environ)

    with pytest.raises(SandboxError, match=r"Mill ended with exit code 7.*\n.*the wheel is stuck"):
        await until_serving(server, never)


async def test_a_server_that_never_answers_is_told_with_its_own_words(
    servers: Servers, environ: Mapping[str, str]
) -> None:
    """Waiting has a limit."""
    server = servers.start("Mill", ["/bin/sh", "-c", "echo still grinding; sleep 60"], environ)
    async with asyncio.timeout(60):
        while not server.output():  # noqa: ASYNC110 - another process's doing sets no event of ours
            await asyncio.sleep(0.01)

    with pytest.raises(SandboxError, match=r"Mill does not answer after 0 s.*\nstill grinding"):
        await until_serving(server, never, limit=0.3)


async def test_an_answer_from_another_server_on_the_port_does_not_count(
    servers: Servers, environ: Mapping[str, str]
) -> None:
    """A dead process serves nothing, whoever answers in its place."""
    server = servers.start("Mill", ["/bin/sh", "-c", "echo bind: Address already in use; exit 1"], environ)
    await server.ended()

    with pytest.raises(PortTakenError):
        await until_serving(server, always)


async def test_a_start_is_repeated_when_its_port_is_taken(servers: Servers, environ: Mapping[str, str]) -> None:
    """Two sandboxes that choose the same port both come up."""
    program = await find_redis(servers, environ, print)
    with socket.create_server((LOOPBACK, 0)) as occupant:
        ports = chain([occupant.getsockname()[1]], iter(free_port, 0))

        async def attempt() -> RedisServer:
            return await start_redis(servers, program, next(ports))

        redis = await on_free_ports(attempt)

    assert redis.process is not None
    assert redis.process.exit_code is None


async def test_a_start_is_not_repeated_for_ever(servers: Servers, environ: Mapping[str, str]) -> None:
    """The last attempt's failure is the start's."""
    program = await find_redis(servers, environ, print)
    with socket.create_server((LOOPBACK, 0)) as occupant:
        port = occupant.getsockname()[1]

        with pytest.raises(PortTakenError, match="Redis ended"):
            await on_free_ports(lambda: start_redis(servers, program, port), attempts=2)
