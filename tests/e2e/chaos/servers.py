"""The servers of a run that can be killed and come back: Temporal with what it had, Redis with nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from connection import connect
from deploy.sandbox.processes import RunningServer, Servers, running_servers
from deploy.sandbox.programs import Program
from deploy.sandbox.redis import find_redis, start_redis
from deploy.sandbox.serving import on_free_ports
from deploy.sandbox.temporal import start_temporal
from deploy.sandbox.temporal_cli import find_temporal
from tests.e2e.proxy import Proxy, port_of, proxy_to
from tests.e2e.rig import Rig, redis_of_its_own


class MortalTemporal:
    """A development server that keeps everything in a file."""

    def __init__(self, servers: Servers, program: Program) -> None:
        self.address = ""
        self._servers, self._program = servers, program
        self._process: RunningServer | None = None

    async def start(self) -> None:
        """Start it, at its address if it had one before."""
        port = port_of(self.address) if self.address else None
        # A client that knocks at the port of a server that is gone may, for a moment, have taken it itself.
        started = await on_free_ports(
            lambda: start_temporal(
                self._servers, self._program, port=port, database=self._servers.folder / "temporal.db"
            )
        )
        self.address, self._process = started.address, started.process

    async def restart(self, down_s: float) -> None:
        """Kill it, and start it again after a while."""
        assert self._process is not None
        self._process.kill()
        await asyncio.sleep(down_s)
        await self.start()


class MortalRedis:
    """A Redis behind a proxy, which is what workers and viewers know of it."""

    def __init__(self, behind: Rig, proxy: Proxy) -> None:
        self.behind = behind
        self.proxy = proxy
        self._process = behind.stack.processes["redis"]

    async def restart(self, down_s: float) -> None:
        """Kill it, and start it again, empty, after a while."""
        self._process.kill()
        await asyncio.sleep(down_s)
        servers, port = self.behind.servers, port_of(self.behind.stack.redis_url)
        program = await find_redis(servers, self.behind.environ, print)
        started = await on_free_ports(lambda: start_redis(servers, program, port=port))
        assert started.process is not None
        self._process = started.process

    async def kill_subscriptions(self) -> None:
        """Close the connections of all who subscribed."""
        await self.behind.redis.client_kill_filter(_type="pubsub")

    async def subscriptions(self) -> list[str]:
        """Return the channels that somebody listens to."""
        return [str(channel) for channel in await self.behind.redis.pubsub_channels()]


@asynccontextmanager
async def mortal_servers(rig: Rig) -> AsyncIterator[tuple[Rig, MortalTemporal, MortalRedis]]:
    """Give a rig on a Temporal and a Redis of its own, and the means to break them."""
    async with running_servers() as servers:
        temporal = MortalTemporal(servers, await find_temporal(servers, rig.environ, print))
        await temporal.start()
        environ = {**rig.environ, "TEMPORAL_ADDRESS": temporal.address}
        durable = replace(
            rig,
            environ=environ,
            client=await connect(environ),
            stack=replace(rig.stack, temporal_address=temporal.address),
        )
        async with redis_of_its_own(durable) as behind, proxy_to(port_of(behind.stack.redis_url)) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            through = replace(
                behind, environ={**behind.environ, "REDIS_URL": url}, stack=replace(behind.stack, redis_url=url)
            )
            yield through, temporal, MortalRedis(behind, proxy)
