import json

import pytest

from streaming.duplex.elements import Notice, StreamElement
from streaming.duplex.gemini_live.content import Content, notice
from streaming.duplex.gemini_live.exchange import Exchange
from streaming.duplex.gemini_live.frames import Flaws
from streaming.duplex.gemini_live.transitions import Event, State
from streaming.jsontext import JsonObject, JsonValue
from tests.streaming.duplex.gemini_live.talking import content, events, ready_wire, sound, text_of, told, turn


def exchange() -> Exchange:
    """Return one whose setup is done."""
    it = Exchange("c1_")
    it.happen(Event.OPENED, [])
    it.happen(Event.SETUP_COMPLETE, [])
    return it


def read(it: Exchange, *contents: JsonObject) -> list[StreamElement]:
    """Return what content tells."""
    reader, out = Content(it), list[StreamElement]()
    for one in contents:
        reader.read(one, Flaws(), out)
    return out


def test_content_is_of_the_answer_that_it_comes_in() -> None:
    """The turn's end is another thing: calls of the same message come before it."""
    it = exchange()
    elements = read(it, {"modelTurn": turn({"text": "Hi."}), "turnComplete": True})

    assert [element.text for element in elements if element.text] == ["Hi."]
    assert it.state is State.RESPONDING


@pytest.mark.parametrize("pending", [True, False])
def test_a_turn_ends_when_no_results_are_awaited(pending: bool) -> None:
    """Otherwise it goes on with them."""
    it, out = exchange(), list[StreamElement]()
    read(it, {"modelTurn": turn({"text": "Hi."})})

    Content(it).end({"turnComplete": True}, out, pending=pending)

    assert [text_of(element) for element in out] == ([] if pending else ["Hi."])


def test_half_a_sample_ends_with_its_sound() -> None:
    """What sounds next is of another answer."""
    reader, out = Content(exchange()), list[StreamElement]()
    reader.read({"modelTurn": turn(sound(b"abc"))}, Flaws(), out)
    reader.end_sound()
    reader.read({"modelTurn": turn(sound(b"xy"))}, Flaws(), out)

    assert [element.audio.data for element in out if element.audio] == [b"ab", b"xy"]


def test_what_the_server_does_by_itself_is_noticed() -> None:
    """Code that it runs, sources, and words of later versions; drafts of transcripts are not."""
    wire = ready_wire()
    code: JsonValue = {"code": "1+1", "language": "PYTHON"}
    elements = told(
        wire,
        content(
            modelTurn=turn({"executableCode": code}),
            groundingMetadata={"webSearchQueries": ["x"]},
            interimInputTranscription={"text": "hel"},
        ),
        '{"serverContent": {"later": 1}, "evenLater": {"a": 1}}',
    )

    assert events(elements) == [
        Notice("executableCode", details={"code": "1+1", "language": "PYTHON"}),
        Notice("groundingMetadata", details={"webSearchQueries": ["x"]}),
        Notice("later"),
        Notice("evenLater", details={"a": 1}),
    ]
    assert not wire.responding


def test_notices_are_safe_to_keep_and_to_show() -> None:
    """A small message can hold millions of unknown fields, and halves of characters."""
    out: list[StreamElement] = []
    many = json.loads(json.dumps({f"unknown{number}": {"a": "\ud83d"} for number in range(10_000)}))
    notice(many | {"\ud83d": 1}, frozenset(), out)

    assert len(out) < 100
    assert out[0].event == Notice("unknown0", details={"a": "\N{REPLACEMENT CHARACTER}"})
