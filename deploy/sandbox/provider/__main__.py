"""Serves a scripted provider until told to stop: `python -m deploy.sandbox.provider --port 0`."""

import argparse
import asyncio
import json
import signal
import sys

from aiohttp import web

from deploy.sandbox.provider.app import application


async def serve(host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT, after telling the address on standard output."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Scripted silences last for ever, so nothing is gained by waiting for them to end.
    runner = web.AppRunner(application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        bound = runner.addresses[0][1]
        name = f"[{host}]" if ":" in host else host
        sys.stdout.write(json.dumps({"url": f"http://{name}:{bound}/v1"}) + "\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox.provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
