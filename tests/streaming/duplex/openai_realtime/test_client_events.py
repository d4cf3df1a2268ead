import base64

import pytest

from streaming.duplex.openai_realtime.client_events import ClientEvents, Purpose, purpose_of
from streaming.jsontext import JsonObject
from tests.streaming.duplex.openai_realtime.official import checked_client_event


def taken(events: ClientEvents) -> list[JsonObject]:
    """Return what is to be sent, each checked."""
    return [checked_client_event(text) for text in events.take()]


def test_every_event_is_the_official_clients_and_has_an_id_that_tells_what_for() -> None:
    """So that an error which answers it tells what failed."""
    events = ClientEvents()
    events.set_up({"type": "realtime"})
    item_id = events.create_item({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]})
    events.commit_audio()
    events.ask()
    events.cancel("r1")
    events.cancel("")
    events.truncate([("m1", 0, 10), ("m2", 1, 0)])

    sent = taken(events)
    ids = [str(event["event_id"]) for event in sent]

    assert [purpose_of(event_id) for event_id in ids] == [
        Purpose.SETUP,
        Purpose.ITEM,
        Purpose.COMMIT,
        Purpose.ASK,
        Purpose.CANCEL,
        Purpose.CANCEL,
        Purpose.TRUNCATE,
        Purpose.TRUNCATE,
    ]
    assert len(set(ids)) == len(ids)
    assert ids[1] == item_id
    assert sent[4]["response_id"] == "r1"
    assert "response_id" not in sent[5]
    assert [(event["item_id"], event["content_index"], event["audio_end_ms"]) for event in sent[6:]] == [
        ("m1", 0, 10),
        ("m2", 1, 0),
    ]


def test_what_was_taken_is_not_to_be_sent_again() -> None:
    """The order is that of saying it."""
    events = ClientEvents()
    events.ask()
    events.commit_audio()

    assert [event["type"] for event in taken(events)] == ["response.create", "input_audio_buffer.commit"]
    assert events.take() == []


@pytest.mark.parametrize("size", [2, 640, 4800])
def test_sound_goes_as_it_is(size: int) -> None:
    """In base64, without an id: nothing answers it."""
    events = ClientEvents()
    data = bytes(range(256)) * (size // 256 + 1)
    events.append_audio(data[:size])

    audio = base64.b64encode(data[:size]).decode()
    assert taken(events) == [{"type": "input_audio_buffer.append", "audio": audio}]


def test_a_long_recording_is_cut_into_what_the_server_takes() -> None:
    """At most 15 MiB each, in whole samples."""
    events = ClientEvents()
    data = bytes(14 * 2**20 + 2)
    events.append_audio(data)

    pieces = [base64.b64decode(str(event["audio"])) for event in taken(events)]

    assert b"".join(pieces) == data
    assert all(len(piece) % 2 == 0 and len(piece) * 4 / 3 < 15 * 2**20 for piece in pieces)


@pytest.mark.parametrize("event_id", ["", "x", "other_1", "askance_1", "_", "_1"])
def test_what_is_not_ours_is_for_nothing(event_id: str) -> None:
    """Servers may name what they like."""
    assert purpose_of(event_id) is Purpose.NONE
