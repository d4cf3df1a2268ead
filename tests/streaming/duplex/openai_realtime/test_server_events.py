import pytest

from streaming.duplex.openai_realtime.server_events import KINDS, Kind, index_of, object_in, part_of
from streaming.jsontext import JsonValue
from tests.streaming.duplex.openai_realtime.official import server_event_names


def test_every_event_of_the_official_types_is_known() -> None:
    """By its name of general availability, so that none is a mere notice of something unknown."""
    assert set(server_event_names()) <= KINDS.keys()
    assert Kind.UNKNOWN not in KINDS.values()


@pytest.mark.parametrize(
    ("beta", "name"),
    [
        ("response.audio.delta", "response.output_audio.delta"),
        ("response.audio.done", "response.output_audio.done"),
        ("response.audio_transcript.delta", "response.output_audio_transcript.delta"),
        ("response.audio_transcript.done", "response.output_audio_transcript.done"),
        ("response.text.delta", "response.output_text.delta"),
        ("response.text.done", "response.output_text.done"),
        ("conversation.item.created", "conversation.item.added"),
    ],
)
def test_the_betas_names_mean_the_same(beta: str, name: str) -> None:
    """Servers that copy the API often stopped there."""
    assert KINDS[beta] is KINDS[name]


@pytest.mark.parametrize(("value", "place"), [(2, 2), (0, 0), (-1, 0), (True, 0), (1.5, 0), ("1", 0), (None, 0)])
def test_a_place_is_a_count_or_the_first(value: JsonValue, place: int) -> None:
    """Whatever stands there."""
    assert index_of(value) == place


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_what_is_no_object_is_an_empty_one(value: JsonValue) -> None:
    """So that readers go on."""
    assert object_in({"item": value}, "item") == {}


def test_a_part_is_named_by_its_item_and_place() -> None:
    """Wrong types name the first part of a nameless item."""
    assert part_of({"item_id": "m1", "content_index": 1}) == ("m1", 1)
    assert part_of({"item_id": [], "content_index": {}}) == ("", 0)
