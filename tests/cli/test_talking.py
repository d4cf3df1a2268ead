"""`millstream talk` against the fake providers: real processes, real sockets."""

import asyncio
import math
import wave
from array import array
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.wav import write_wav
from deploy.sandbox.realtime.script import Close, Script, ScriptedCall, Step
from deploy.sandbox.realtime.serving import RealtimeServer, serve
from tests.e2e.rig import clean_environ
from tests.e2e.shell import Done, run

RATE = 24_000


def tone(seconds: float) -> bytes:
    """Return a loud tone."""
    samples = (int(9000 * math.sin(2 * math.pi * 220 * at / RATE)) for at in range(int(RATE * seconds)))
    return array("h", samples).tobytes()


def pause(seconds: float) -> bytes:
    """Return silence."""
    return bytes(2 * int(RATE * seconds))


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """A recording of somebody."""
    write_wav(tmp_path / "question.wav", tone(0.5), RATE)
    return tmp_path / "question.wav"


def environ_of(server: RealtimeServer, wire: str, key: str = "k") -> Mapping[str, str]:
    """Return the environment of a command that talks to the fake as one of its wires."""
    return {
        **clean_environ({}),
        "MILLSTREAM_REALTIME__FAKE__WIRE": wire,
        "MILLSTREAM_REALTIME__FAKE__BASE_URL": server.openai_url if wire == "openai-realtime" else server.url,
        "MILLSTREAM_REALTIME__FAKE__API_KEY_ENV": "FAKE_KEY",
        "FAKE_KEY": key,
    }


def seconds_of(path: Path) -> float:
    """Return how long a WAV file sounds."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return file.getnframes() / RATE


async def test_with_nothing_configured_a_fake_answers_and_a_tool_runs(question: Path, tmp_path: Path) -> None:
    """Both transcripts, the tool's call, and the answer's sound."""
    answer = tmp_path / "answer.wav"
    done = await run(clean_environ({}), "talk", str(question), str(answer))

    assert done.code == 0, done.err
    you, *model = done.out.splitlines()
    assert you == "you   │ What time is it?"
    assert len(model) == 2
    assert all(line.startswith("model │ ") for line in model)
    assert "no realtime provider is configured" in done.err
    assert "tool: get_time(" in done.err
    assert seconds_of(answer) > 1


TOOL = Step(user_says="what time is it", text="", tool_calls=[ScriptedCall(name="get_time")], after_tools="Late.")


@pytest.mark.parametrize("wire", ["openai-realtime", "gemini-live"])
async def test_a_configured_provider_is_asked(question: Path, tmp_path: Path, wire: str) -> None:
    """What it says is what is printed; the tool's result has reached it, once."""
    async with serve(Script(steps=[TOOL])) as server:
        done = await run(environ_of(server, wire), "talk", str(question), str(tmp_path / "answer.wav"))
        journal = server.journal

    assert done.code == 0, done.err
    assert done.out == "you   │ what time is it\nmodel │ Late.\n"
    (results,) = journal.tool_results.values()
    assert len(results) == 1
    assert "time" in str(results[0])
    assert seconds_of(tmp_path / "answer.wav") == pytest.approx(0.06 * len("Late."), abs=0.05)


@pytest.mark.parametrize("wire", ["openai-realtime", "gemini-live"])
@pytest.mark.parametrize("pace", ["burst", "realtime"])
async def test_pauses_end_a_turn_only_for_who_speaks_in_real_time(tmp_path: Path, wire: str, pace: str) -> None:
    """Who listens for pauses answers into the middle of speech, and is interrupted; a burst has no pauses."""
    recording = tmp_path / "hesitant.wav"
    write_wav(recording, tone(0.6) + pause(2.5) + tone(0.6), RATE)
    # Long enough to be interrupted, however late speech comes on a busy machine.
    first = Step(user_says="well", text="Yes?", audio_ms=20_000, speed=1.0 if pace == "realtime" else None)
    # The answer begins long before the speech that interrupts it; a burst that halts for two seconds has no pause yet.
    silence_ms = 200 if pace == "realtime" else 2_400
    script = Script(steps=[first, Step(user_says="well", text="Yes?")], vad_silence_ms=silence_ms)
    async with serve(script) as server:
        done = await run(environ_of(server, wire), "talk", "--vad", "--pace", pace, str(recording))

    assert done.code == 0, done.err
    assert ("cut off; heard:" in done.err) == (pace == "realtime"), done.err
    assert done.out.rstrip().splitlines()[-1] == "model │ Yes?"


async def test_a_connection_that_breaks_is_followed_by_another(question: Path) -> None:
    """The answer is whole, and the person who waits is told why it took longer."""
    broken = Step(user_says="hello", text="This was cut in the middle.", close=Close(when="mid_answer", how="reset"))
    whole = Step(user_says="hello", text="This is whole.")
    async with serve(Script(steps=[broken, whole])) as server:
        done = await run(environ_of(server, "openai-realtime"), "talk", str(question))

    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "model │ This is whole."
    assert "another connection goes on (seeded)" in done.err


async def refused(server: RealtimeServer, *arguments: str, key: str = "k") -> Done:
    """Talk in vain."""
    done = await run(environ_of(server, "openai-realtime", key), "talk", *arguments)
    assert done.out == ""
    return done


async def test_what_cannot_be_talked_to_is_told_without_the_key(question: Path) -> None:
    """A key that is refused, a setup that is refused: 1, and why."""
    async with serve(Script(refuse_setup="no such voice")) as server:
        bad_key, bad_setup = await asyncio.gather(
            refused(server, str(question), key="bad"), refused(server, str(question), key="secret-key")
        )

    assert bad_key.code == bad_setup.code == 1
    assert "ConnectError" in bad_key.err
    assert "401" in bad_key.err
    assert "no such voice" in bad_setup.err
    assert "secret-key" not in bad_setup.err


async def test_what_cannot_be_sent_is_refused_before_anybody_is_called(question: Path, tmp_path: Path) -> None:
    """No file, no sound, nowhere for the answer, no such provider, no such pace: 2, and nobody is connected."""
    text = tmp_path / "text.wav"
    text.write_text("not a sound")
    async with serve() as server:
        done = await asyncio.gather(
            refused(server, str(tmp_path / "none.wav")),
            refused(server, str(text)),
            refused(server, str(question), str(tmp_path / "missing" / "answer.wav")),
            refused(server, str(question), str(question)),
            refused(server, "--provider", "other", str(question)),
            refused(server, "--pace", "slow", str(question)),
        )
        connections = server.journal.connections

    assert [one.code for one in done] == [2] * 6
    files = ("No such file", "no PCM WAV file", "there is no folder", "overwrite the question")
    reasons = (*files, "no realtime provider 'other'", "slow")
    assert [reason in one.err for reason, one in zip(reasons, done, strict=True)] == [True] * 6
    assert connections == []


async def test_a_provider_that_never_answers_is_not_waited_for_for_ever(question: Path) -> None:
    """Its words for what the user said still come."""
    async with serve(Script(steps=[Step(user_says="hello", silent=True)])) as server:
        done = await run(environ_of(server, "openai-realtime"), "talk", "--patience", "3", str(question))

    assert done.code == 1
    assert done.out == "you   │ hello\n"
    assert "nothing came for 3 s" in done.err
