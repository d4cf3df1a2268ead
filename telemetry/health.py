"""GET /health: whether the worker polls, and whether its viewers can be reached."""

from contextlib import AsyncExitStack

from aiohttp import web
from temporalio.worker import Worker

from settings import SettingsError
from streaming.live.publisher import Publisher


async def serve_health(address: str, worker: Worker, publisher: Publisher | None, stack: AsyncExitStack) -> str:
    """Serve GET /health: 200 while the worker polls, 503 before and after, and whether viewers can be reached."""

    async def health(_: web.Request) -> web.Response:
        state = "running" if worker.is_running else "stopping" if worker.is_shutdown else "starting"
        redis = "off" if publisher is None else "reachable" if publisher.reachable else "unreachable"
        return web.json_response({"worker": state, "redis": redis}, status=200 if state == "running" else 503)

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, _, port = address.rpartition(":")
    try:
        site = web.TCPSite(runner, host or None, int(port))
        await site.start()
    except OSError as error:
        raise SettingsError(f"worker.health_address {address}: {error.strerror}") from None
    bound = runner.addresses[0]
    return f"http://{bound[0]}:{bound[1]}/health"
