"""Sound in and out of WAV files, and what is no sound."""

import math
import wave
from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from cli.wav import WavError, read_wav, write_wav


def tone(rate: int, hz: float = 440.0, seconds: float = 0.5) -> bytes:
    """Return a sine as PCM16."""
    return array(
        "h", (int(8000 * math.sin(2 * math.pi * hz * at / rate)) for at in range(int(rate * seconds)))
    ).tobytes()


def written(path: Path, data: bytes, *, rate: int = 24000, channels: int = 1, width: int = 2) -> Path:
    """Write a WAV file of any shape."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def crossings(data: bytes) -> int:
    """Return how often the sound passes zero upwards: its periods."""
    samples = array("h", data)
    return sum(a < 0 <= b for a, b in pairwise(samples))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """At the same rate nothing changes."""
    write_wav(tmp_path / "a.wav", tone(24000), 24000)

    assert read_wav(tmp_path / "a.wav", 24000) == tone(24000)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_another_rate_is_the_same_sound(tmp_path: Path, rate: int) -> None:
    """As long, and as high."""
    sound = read_wav(written(tmp_path / "a.wav", tone(rate), rate=rate), 24000)

    assert abs(len(sound) - 24000) <= 2
    assert abs(crossings(sound) - 220) <= 1


def test_channels_are_mixed(tmp_path: Path) -> None:
    """A voice on the left and silence on the right is half as loud."""
    left = array("h", [100, -100, 3000])
    both = array("h", [value for sample in left for value in (sample, 0)]).tobytes()

    assert array("h", read_wav(written(tmp_path / "a.wav", both, channels=2), 24000)).tolist() == [50, -50, 1500]


def test_the_loudest_sound_does_not_overflow(tmp_path: Path) -> None:
    """From the highest sample to the lowest and back."""
    extremes = array("h", [32767, -32768] * 100).tobytes()

    assert len(read_wav(written(tmp_path / "a.wav", extremes, rate=16000), 24000)) == 600


def test_a_file_that_was_cut_is_what_there_is_of_it(tmp_path: Path) -> None:
    """A recording that broke off in the middle of a frame."""
    path = written(tmp_path / "a.wav", tone(24000))
    path.write_bytes(path.read_bytes()[:1001])

    assert len(read_wav(path, 24000)) == 956


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no PCM WAV file (it ends too early)"),
        (b"<html>", "no PCM WAV file"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "no PCM WAV file"),
        (b"ID3\x04" + bytes(400), "no PCM WAV file"),
    ],
    ids=["empty", "html", "cut header", "mp3"],
)
def test_what_is_no_wav_is_refused_with_a_way_out(tmp_path: Path, data: bytes, reason: str) -> None:
    """Named with its file, and how to make one."""
    path = tmp_path / "a.wav"
    path.write_bytes(data)

    with pytest.raises(WavError, match=r"a\.wav") as refused:
        read_wav(path, 24000)

    assert reason in str(refused.value)
    assert "ffmpeg" in str(refused.value)


def test_other_sample_sizes_are_refused_by_their_size(tmp_path: Path) -> None:
    """8 bits and 24 are known, and not wanted."""
    with pytest.raises(WavError, match="24-bit samples, and 16 are wanted"):
        read_wav(written(tmp_path / "a.wav", bytes(300), width=3), 24000)


def test_silence_without_a_single_sample_is_refused(tmp_path: Path) -> None:
    """Nothing can be sent of it."""
    with pytest.raises(WavError, match="there is no sound in it"):
        read_wav(written(tmp_path / "a.wav", b""), 24000)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """Its size alone refuses it."""
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.truncate(101 * 2**20)

    with pytest.raises(WavError, match="over 100 MiB"):
        read_wav(path, 24000)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And a folder is no file."""
    with pytest.raises(WavError, match=r"none\.wav: No such file"):
        read_wav(tmp_path / "none.wav", 24000)
    with pytest.raises(WavError, match="Is a directory"):
        read_wav(tmp_path, 24000)
    with pytest.raises(WavError, match="Is a directory"):
        write_wav(tmp_path, b"", 24000)
