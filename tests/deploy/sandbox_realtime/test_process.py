"""The fakes as a process: it says where they are, plays what it is given, and ends when told to."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from pydantic import ValidationError

from deploy.sandbox.realtime.script import Script, Step, parse_script
from deploy.sandbox.realtime.serving import GEMINI_PATH, OPENAI_PATH
from tests.deploy.sandbox_realtime.openai_client import Talk, output_of

COMMAND = (sys.executable, "-m", "deploy.sandbox.realtime", "--port", "0")


async def test_a_process_serves_until_told_to_stop(tmp_path: Path) -> None:
    """It plays a script from a file, and ends though a connection is open, with success and without complaint."""
    file = tmp_path / "script.json"
    file.write_text('{"steps": [{"text": "From a file."}]}')
    process = await asyncio.create_subprocess_exec(*COMMAND, "--script", str(file), stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    addresses = json.loads(await process.stdout.readline())
    async with (
        AsyncOpenAI(base_url=f"{addresses['url']}/v1", api_key="k") as client,
        client.realtime.connect(model="m") as connection,
    ):
        talk = Talk(connection)
        await talk.ask()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            rest, complaints = await process.communicate()

    assert talk.text == "From a file."
    assert addresses["openai_realtime"].endswith(OPENAI_PATH)
    assert addresses["gemini_live"].endswith(GEMINI_PATH)
    assert (process.returncode, rest, complaints) == (0, b"", b"")


async def test_the_demo() -> None:
    """Without a script it looks at a clock when it is first spoken to."""
    process = await asyncio.create_subprocess_exec(*COMMAND, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key="k") as client,
        client.realtime.connect(model="m") as connection,
    ):
        talk = Talk(connection)
        done = await talk.ask()
    process.send_signal(signal.SIGINT)
    _, complaints = await process.communicate()

    assert [item.get("name") for item in output_of(done)] == [None, "get_time"]
    assert (process.returncode, complaints) == (0, b"")


def test_a_script_is_read_from_json() -> None:
    """Whatever is not given is the default."""
    assert parse_script(b"{}") == Script(steps=[Step()])


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (b'{"steps": []}', "steps"),
        (b'{"steps": [{"nonsense": 1}]}', "nonsense"),
        (b'{"steps": [{"speed": 0}]}', "speed"),
        (b'{"steps": [{"audio_ms": -1}]}', "audio_ms"),
        (b'{"steps": [{"tool_rounds": 0}]}', "tool_rounds"),
        (b"no json", "JSON"),
    ],
)
def test_a_wrong_script_is_refused(script: bytes, names: str) -> None:
    """What is wrong is named."""
    with pytest.raises(ValidationError, match=names):
        parse_script(script)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--script", "none.json"), "none.json"),
        (("--script", "wrong.json"), "nonsense"),
        (("--port", "99999"), "cannot serve on 127.0.0.1:99999"),
    ],
)
async def test_what_cannot_be_served_is_told(tmp_path: Path, options: tuple[str, str], names: str) -> None:
    """As a fault of the command line, and not as one of the program."""
    (tmp_path / "wrong.json").write_text('{"nonsense": 1}')
    given = (options[0], str(tmp_path / options[1]) if options[0] == "--script" else options[1])
    process = await asyncio.create_subprocess_exec(*COMMAND, *given, stdout=PIPE, stderr=PIPE)
    _, complaints = await process.communicate()

    assert process.returncode == 2
    assert names in complaints.decode()
    assert "Traceback" not in complaints.decode()
