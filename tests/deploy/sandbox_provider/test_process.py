"""The provider as a process: it says where it is, and ends when told to."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE

import pytest
from openai import AsyncOpenAI

from deploy.sandbox.provider.client import ScriptedProvider


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_though_a_stream_is_silent(told: signal.Signals) -> None:
    """An endless silence does not keep the process from ending at once, with success and without complaint."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.sandbox.provider", stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    async with ScriptedProvider(url) as control, AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
        await control.put("silent", [{"tokens": 2, "silent_after": 0}])
        stream = await client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            metadata={"script": "silent"},
        )
        process.send_signal(told)
        async with asyncio.timeout(30):
            rest, complaints = await process.communicate()
        await stream.close()

    assert (process.returncode, rest, complaints) == (0, b"", b"")
