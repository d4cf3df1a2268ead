"""The scripted provider as a process of a test's own."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.sandbox.provider.client import ScriptedProvider


@asynccontextmanager
async def running_provider() -> AsyncIterator[ScriptedProvider]:
    """Run a provider, which must end cleanly and have complained of nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.sandbox.provider", "--port", "0", stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    try:
        async with ScriptedProvider(url) as control:
            yield control
    finally:
        process.terminate()
        _, complaints = await process.communicate()

    assert (process.returncode, complaints) == (0, b"")
