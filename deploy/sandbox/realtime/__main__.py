"""Serves the fake realtime providers until told to stop: `python -m deploy.sandbox.realtime --port 0`."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from pydantic import ValidationError

from deploy.sandbox.realtime.script import Script, ScriptedCall, Step, parse_script
from deploy.sandbox.realtime.serving import GEMINI_PATH, OPENAI_PATH, serve

_SPEED = 3.0
_DEMO = Script(
    steps=[
        Step(
            user_says="What time is it?",
            text="Let me look at the clock.",
            tool_calls=[ScriptedCall(name="get_time", arguments={"timezone": "UTC"})],
            after_tools="There you have it. You can interrupt me at any time, as one would.",
            speed=_SPEED,
        ),
        Step(
            user_says="Hello, who is there?",
            text="Hello! I am a voice made of one tone, and I play a script.",
            speed=_SPEED,
        ),
        Step(
            user_says="Thank you.",
            text="You are welcome. This is all that my script has, so from here on I say it again and again.",
            speed=_SPEED,
        ),
    ]
)


async def run(script: Script, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT, after telling the addresses on standard output."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(script, host=host, port=port, journal=False) as server:
        addresses = {
            "url": server.url,
            "openai_realtime": server.ws_url + OPENAI_PATH,
            "gemini_live": server.ws_url + GEMINI_PATH,
        }
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox.realtime", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--script", type=Path, help="a JSON file; by default a little demo is played")
    options = parser.parse_args()
    try:
        script = parse_script(options.script.read_bytes()) if options.script else _DEMO
    except (OSError, ValidationError) as error:
        parser.error(f"--script: {error}")
    try:
        asyncio.run(run(script, options.host, options.port))
    except (OSError, OverflowError) as error:
        parser.error(f"cannot serve on {options.host}:{options.port}: {error}")


if __name__ == "__main__":
    main()
