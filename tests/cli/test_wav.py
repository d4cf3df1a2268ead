"""Sound in and out of WAV files, and what is no sound."""

import math
import os
import struct
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.wav import WavError, check_writable, read_wav, write_wav

_NOBODY = 65_534


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


def header(*, chunk: int = 16, rate: int = 24000) -> bytes:
    """Return a file of one second whose header says this."""
    format_ = struct.pack("<4sIHHIIHH", b"fmt ", chunk, 1, 1, rate, 48000, 2, 16)
    return b"RIFF" + struct.pack("<I", 48036) + b"WAVE" + format_ + b"data\xff\xff\xff\xff" + bytes(48000)


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
        (header(chunk=2**31 - 1), "no PCM WAV file (it ends too early)"),
        (header(rate=0), "0 samples a second are no sound"),
        (header(rate=1), "1 samples a second are no sound"),
        (header(rate=4_000_000_000), "4000000000 samples a second are no sound"),
    ],
    ids=["empty", "html", "cut header", "mp3", "a chunk that never ends", "no rate", "a rate of days", "no such rate"],
)
def test_what_is_no_wav_is_refused_with_a_way_out(tmp_path: Path, data: bytes, reason: str) -> None:
    """Named with its file, and how to make one."""
    path = tmp_path / "a.wav"
    path.write_bytes(data)

    with pytest.raises(WavError, match=r"a\.wav") as refused:
        read_wav(path, 24000)

    assert reason in str(refused.value)
    assert "ffmpeg" in str(refused.value)


def test_a_header_that_claims_more_than_there_is(tmp_path: Path) -> None:
    """A recorder that wrote to a pipe could not know how long it would be."""
    path = tmp_path / "a.wav"
    path.write_bytes(header())

    assert len(read_wav(path, 24000)) == 48000


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


def test_where_an_answer_can_go_is_known_before_there_is_one(tmp_path: Path) -> None:
    """A new file, an old one, a device; not a folder, nor in one that is missing, nor over the question."""
    question = written(tmp_path / "question.wav", b"")
    (tmp_path / "link.wav").symlink_to(question)
    check_writable(tmp_path / "new.wav", question)
    check_writable(written(tmp_path / "old.wav", b""), question)
    check_writable(Path(os.devnull), question)
    check_writable(tmp_path / "new.wav", tmp_path / "no question.wav")

    assert not (tmp_path / "new.wav").exists()
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "missing" / "a.wav", "there is no folder .*missing"),
        (question, "the answer would overwrite the question"),
        (tmp_path / "link.wav", "the answer would overwrite the question"),
    ):
        with pytest.raises(WavError, match=reason):
            check_writable(path, question)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody for a moment: root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_file_that_may_not_be_written() -> None:
    """Nor one in a folder that takes none, nor one in a folder that may not even be looked into."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        old = written(folder / "old.wav", b"")
        closed = folder / "closed"
        closed.mkdir(0o000)
        old.chmod(0o444)
        folder.chmod(0o555)
        try:
            with without_privileges():
                for path in (old, folder / "new.wav", closed / "new.wav"):
                    with pytest.raises(WavError, match="Permission denied"):
                        check_writable(path, folder / "question.wav")
        finally:
            folder.chmod(0o755)
