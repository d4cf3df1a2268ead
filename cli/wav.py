"""WAV files: the sound that goes to a realtime provider, and the sound that comes back."""

import errno
import os
import sys
import wave
from array import array
from pathlib import Path

from streaming.duplex.elements import BYTES_PER_SAMPLE

_MAX_BYTES = 100 * 2**20
_RATES = range(4_000, 400_000)  # telephones to studios; at one sample a second a small file would last for days
_WAY_OUT = "for example: ffmpeg -i IN -ac 1 -ar 24000 -c:a pcm_s16le OUT.wav"


class WavError(Exception):
    """A file that is no sound we can send; the message names the file, the reason and the way out."""


def read_wav(path: Path, rate: int) -> bytes:
    """Return a file's sound as PCM16, mono, at `rate` samples a second.

    Channels are mixed; another rate is changed by linear interpolation, which is enough for speech.

    Raises:
        WavError: the file cannot be read, is no WAV, is compressed or empty, has a rate of no sound, or is over
            100 MiB.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise WavError(f"{path}: over {_MAX_BYTES // 2**20} MiB: send less at a time")
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != BYTES_PER_SAMPLE:
                raise WavError(f"{path}: {file.getsampwidth() * 8}-bit samples, and 16 are wanted; {_WAY_OUT}")
            channels, given = file.getnchannels(), file.getframerate()
            samples = _samples(file.readframes(file.getnframes()), channels)
    except OSError as error:
        raise WavError(f"{path}: {error.strerror or error}") from None
    except (wave.Error, EOFError, RuntimeError) as error:  # the last where a chunk is longer than the file
        raise WavError(f"{path}: no PCM WAV file ({str(error) or 'it ends too early'}); {_WAY_OUT}") from None
    if not samples:
        raise WavError(f"{path}: there is no sound in it")
    if given not in _RATES:
        raise WavError(f"{path}: {given} samples a second are no sound; {_WAY_OUT}")
    return _bytes(_at_rate(_mixed(samples, channels), given, rate))


def check_writable(path: Path, question: Path) -> None:
    """Refuse what could not be written, before anything is said for it.

    Args:
        path: where an answer is to go.
        question: what is said, which no answer may overwrite.

    Raises:
        WavError: it is a folder or the question, or its folder is not there, or it may not be written.
    """
    try:
        if path.is_dir():
            raise WavError(f"{path}: Is a directory")
        if not path.parent.is_dir():
            raise WavError(f"{path}: there is no folder {path.parent}")
        if path.exists() and question.exists() and path.samefile(question):
            raise WavError(f"{path}: the answer would overwrite the question; name another file")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise WavError(f"{path}: {error.strerror}") from None


def write_wav(path: Path, pcm: bytes, rate: int) -> None:
    """Write PCM16, mono.

    Raises:
        WavError: the file cannot be written.
    """
    try:
        with path.open("wb") as target, wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(BYTES_PER_SAMPLE)
            file.setframerate(rate)
            file.writeframes(pcm)
    except OSError as error:
        raise WavError(f"{path}: {error.strerror or error}") from None


def _samples(data: bytes, channels: int) -> "array[int]":
    # A file that was cut may end in the middle of a frame.
    samples = array("h", data[: len(data) - len(data) % (BYTES_PER_SAMPLE * channels)])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _bytes(samples: "array[int]") -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _mixed(samples: "array[int]", channels: int) -> "array[int]":
    if channels == 1:
        return samples
    together = zip(*(samples[channel::channels] for channel in range(channels)), strict=True)
    return array("h", (sum(frame) // channels for frame in together))


def _at_rate(samples: "array[int]", given: int, wanted: int) -> "array[int]":
    if given == wanted:
        return samples
    last = len(samples) - 1
    changed = array("h")
    for number in range(len(samples) * wanted // given):
        at, part = divmod(number * given, wanted)
        here, there = samples[at], samples[min(at + 1, last)]
        changed.append(here + (there - here) * part // wanted)
    return changed
