import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.gemini_live.frames import Flaws, Sound, seconds, usage
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Usage
from tests.strategies import json_values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("50s", 50.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
        ("-1s", None),
        ("50", None),
        ("s", None),
        ("1e9s", None),
        (5, None),
        (None, None),
        ("9" * 100_000 + "s", None),
    ],
)
def test_durations(value: JsonValue, expected: float | None) -> None:
    """As protobuf writes them, and nothing else."""
    assert seconds(value) == expected


def test_usage() -> None:
    """Results of server-side tools are input, thoughts are output."""
    counted = usage(
        {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 5,
            "responseTokenCount": 7,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 4,
            "totalTokenCount": 25,
        }
    )

    assert counted == Usage(input_tokens=15, output_tokens=10, cache_read_tokens=4, reasoning_tokens=3)
    assert usage({"promptTokenCount": "ten", "responseTokenCount": -1}) == Usage()


def blob(data: bytes, media_type: JsonValue = "audio/pcm;rate=24000") -> JsonObject:
    """Return a blob."""
    return {"mimeType": media_type, "data": base64.b64encode(data).decode()}


@given(st.binary(max_size=40), st.data())
def test_a_sample_split_over_parts_is_put_together(pcm: bytes, data: st.DataObject) -> None:
    """Wherever it is cut, all whole samples come, in whole samples."""
    sound, flaws, heard, rest = Sound(), Flaws(), b"", pcm
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        if audio := sound.take(blob(rest[:size]), flaws):
            assert audio.rate == 24_000
            assert len(audio.data) % 2 == 0
            heard += audio.data
        rest = rest[size:]

    assert heard == pcm[: len(pcm) - len(pcm) % 2]
    assert flaws.found == []


def test_half_a_sample_is_no_part_of_another_answer() -> None:
    """Or of a stream of another rate."""
    sound, flaws = Sound(), Flaws()
    sound.take(blob(b"\x01"), flaws)
    sound.end()
    first = sound.take(blob(b"\x02\x03\x04"), flaws)
    second = sound.take(blob(b"\x05\x06", "audio/pcm;rate=16000"), flaws)

    assert (first and first.data, second and second.data) == (b"\x02\x03", b"\x05\x06")


@pytest.mark.parametrize(
    ("media_type", "rate"),
    [
        ("audio/pcm", 24_000),
        ("audio/pcm;rate=16000", 16_000),
        ("audio/pcm; rate=48000; channels=1", 48_000),
        ("audio/pcm;rate=0", None),
        ("audio/pcm;rate=fast", None),
        ("audio/pcm;rate=" + "9" * 100_000, None),
        ("audio/opus", None),
        ("image/png", None),
        (None, None),
        (5, None),
    ],
)
def test_rates(media_type: JsonValue, rate: int | None) -> None:
    """What is no PCM of a known rate is a flaw."""
    flaws = Flaws()

    audio = Sound().take(blob(b"\x01\x02", media_type), flaws)

    assert (audio.rate if audio else None) == rate
    assert bool(flaws.found) == (rate is None)


@pytest.mark.parametrize("data", ["A", "AA", "AAA*", "AA==AA==", "ü", 5, [], {"a": 1}])
def test_what_is_no_base64(data: JsonValue) -> None:
    """A flaw, and no sound."""
    flaws = Flaws()

    assert Sound().take({"mimeType": "audio/pcm", "data": data}, flaws) is None
    assert flaws.found


@given(json_values())
def test_hostile_values(value: JsonValue) -> None:
    """A flaw is noted where something of another kind stands, and nothing where nothing does."""
    flaws = Flaws()
    holder: JsonObject = {"a": value}

    flaws.object(holder, "a")
    flaws.objects(holder, "a")
    flaws.text(holder, "a")
    Sound().take({"mimeType": value, "data": value}, Flaws())

    assert len(flaws.found) <= 3
    assert bool(flaws.found) == (value is not None)
