"""A question to speak to a realtime provider: `python -m deploy.sandbox.speech OUT.wav [TEXT]`."""

import math
import shutil
import subprocess
import sys
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

_RATE = 24000
_LOUDNESS = 8000
QUESTION = "What time is it, please?"


def speak(text: str, path: Path, espeak: str | None) -> str:
    """Write a WAV file of somebody saying `text`; return who did.

    Args:
        text: What to say.
        path: The file.
        espeak: The espeak-ng program; without one each word is a tone, as long as the word.

    Raises:
        subprocess.SubprocessError: espeak-ng failed, or did not end.
        OSError: the file cannot be written.
    """
    if espeak:
        subprocess.run([espeak, "-w", str(path), "--", text], check=True, timeout=60)
        return "espeak-ng"
    with path.open("wb") as target, wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(array("h", _tones(text.split())).tobytes())
    return "a tone a word, for espeak-ng is not installed"


def _tones(words: list[str]) -> Iterator[int]:
    for number, word in enumerate(words):
        hz = 180 + 25 * (number % 3)
        for at in range(_RATE * 80 * len(word) // 1000):
            yield int(_LOUDNESS * math.sin(2 * math.pi * hz * at / _RATE))
        yield from [0] * (_RATE // 20)


def main() -> None:
    """Read the command line and speak."""
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python -m deploy.sandbox.speech OUT.wav [TEXT]")
    path, text = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else QUESTION
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        said_by = speak(text, path, shutil.which("espeak-ng"))
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{path}: {error}")
    sys.stdout.write(f"{path}: {text!r} by {said_by}\n")


if __name__ == "__main__":
    main()
