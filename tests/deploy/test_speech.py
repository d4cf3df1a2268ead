"""A spoken question, with and without a program that speaks."""

import subprocess
import sys
import wave
from pathlib import Path

import pytest

from deploy.sandbox.speech import QUESTION, speak


def sound_of(path: Path) -> bytes:
    """Return the samples of a WAV file of ours."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24000)
        return file.readframes(file.getnframes())


def test_without_espeak_each_word_is_a_tone_with_a_pause_after_it(tmp_path: Path) -> None:
    """80 ms a letter, and 50 ms of silence: what a listener for pauses can hear."""
    said_by = speak("one three", tmp_path / "a.wav", None)

    sound = sound_of(tmp_path / "a.wav")
    assert "tone" in said_by
    assert len(sound) == 2 * 24 * (80 * len("onethree") + 2 * 50)
    assert not any(sound[-2400:])
    assert any(sound[:2400])


def test_the_program_is_given_the_text_as_text(tmp_path: Path) -> None:
    """Not as options, whatever it begins with."""
    program = tmp_path / "espeak-ng"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\n')
    program.chmod(0o755)

    assert speak("--version", tmp_path / "a.wav", str(program)) == "espeak-ng"
    assert (tmp_path / "told").read_text().splitlines() == ["-w", str(tmp_path / "a.wav"), "--", "--version"]


def test_a_program_that_fails_is_not_passed_over(tmp_path: Path) -> None:
    """A file without sound would be worse."""
    with pytest.raises(subprocess.CalledProcessError):
        speak("hi", tmp_path / "a.wav", "/bin/false")


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    """In a folder that it makes."""
    path = tmp_path / "made" / "question.wav"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.sandbox.speech", str(path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(f"{path}: {QUESTION!r} by ")
    assert len(path.read_bytes()) > 10_000


def test_the_command_says_why_it_wrote_nothing(tmp_path: Path) -> None:
    """In one line, whichever program speaks: what it was given is a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.sandbox.speech", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": ""},
    )

    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"{tmp_path}: [Errno 21] Is a directory: '{tmp_path}'"]
