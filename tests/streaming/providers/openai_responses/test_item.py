import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_responses.item import SLOTS, Item, Parts

TEXT = SLOTS["response.output_text"]
REFUSAL = SLOTS["response.refusal"]
SUMMARY = SLOTS["response.reasoning_summary_text"]
THOUGHT = SLOTS["response.reasoning_text"]
ARGUMENTS = SLOTS["response.function_call_arguments"]
INPUT = SLOTS["response.custom_tool_call_input"]
CODE = SLOTS["response.code_interpreter_call_code"]

CALL: JsonObject = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f"}


def message(*texts: str) -> JsonObject:
    """Return a whole message with these texts."""
    return {"type": "message", "content": [{"type": "output_text", "text": text} for text in texts]}


def text_of(deltas: list[Delta]) -> str:
    """Return the text that these deltas show."""
    return "".join(delta.text for delta in deltas if isinstance(delta, PartAdded))


def test_each_content_of_a_message_is_a_part_from_its_first_text_on() -> None:
    """An empty one is none."""
    item, deltas = Item(Parts()), list[Delta]()
    item.add({"type": "message", "id": "m", "status": "in_progress", "content": []}, deltas)
    for at, slot, piece in ((0, TEXT, ""), (1, TEXT, "a"), (1, TEXT, "b"), (2, REFUSAL, "no"), (1, TEXT, "c")):
        item.text(slot, at).add(piece, deltas)

    assert deltas == [
        PartStarted(0, "text"),
        PartAdded(0, "a"),
        PartAdded(0, "b"),
        PartStarted(1, "refusal"),
        PartAdded(1, "no"),
        PartAdded(0, "c"),
    ]
    assert item.final() == {
        "type": "message",
        "id": "m",
        "status": "in_progress",
        "content": [
            {"type": "output_text", "text": ""},
            {"type": "output_text", "text": "abc"},
            {"type": "refusal", "refusal": "no"},
        ],
    }


def test_summaries_are_one_part_with_a_blank_line_between_them() -> None:
    """Which begins with the item: that the model thinks is a sign of life."""
    item, deltas = Item(Parts()), list[Delta]()
    item.add({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "half"}, deltas)
    for at, piece in ((0, "a"), (0, "b"), (1, ""), (2, "c")):
        item.text(SUMMARY, at).add(piece, deltas)

    assert [PartStarted(0, "reasoning"), PartAdded(0, "a"), PartAdded(0, "b")] == deltas[:3]
    assert [PartAdded(0, "\n\n"), PartAdded(0, "c")] == deltas[3:]
    assert item.final() == {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": text} for text in ("ab", "", "c")],
    }


def test_thoughts_beside_their_summary_are_a_part_of_their_own() -> None:
    """As in the answer."""
    item, deltas = Item(Parts()), list[Delta]()
    item.text(THOUGHT, 0).add("long", deltas)
    item.text(SUMMARY, 0).add("short", deltas)
    item.text(THOUGHT, 1).add("er", deltas)

    assert deltas == [
        PartStarted(0, "reasoning"),
        PartAdded(0, "long"),
        PartStarted(1, "reasoning"),
        PartAdded(1, "short"),
        PartAdded(0, "\n\n"),
        PartAdded(0, "er"),
    ]


@pytest.mark.parametrize(("kind", "slot"), [("function_call", ARGUMENTS), ("custom_tool_call", INPUT)])
def test_a_call_is_shown_with_its_id_and_name(kind: str, slot: object) -> None:
    """Its arguments follow."""
    item, deltas = Item(Parts()), list[Delta]()
    item.add(CALL | {"type": kind}, deltas)
    text = item.text(ARGUMENTS if slot is ARGUMENTS else INPUT, 0)
    text.add("{", deltas)
    text.add("}", deltas)

    assert deltas == [PartStarted(0, "tool_call", "c", "f"), PartAdded(0, "{"), PartAdded(0, "}")]
    assert item.final() == CALL | {"type": kind, "arguments" if slot is ARGUMENTS else "input": "{}"}


def test_a_call_without_a_beginning_waits_for_its_name() -> None:
    """Which its end may bring."""
    item, deltas = Item(Parts()), list[Delta]()
    item.text(ARGUMENTS, 0).add('{"a":', deltas)
    assert (deltas, item.named) == ([], False)

    item.take(CALL | {"arguments": '{"a":1}'}, deltas)

    assert deltas == [PartStarted(0, "tool_call", "c", "f"), PartAdded(0, '{"a":1}')]
    assert item.named


def test_a_call_that_begins_late_shows_what_had_come() -> None:
    """All of it at once."""
    item, deltas = Item(Parts()), list[Delta]()
    text = item.text(ARGUMENTS, 0)
    text.add("{", deltas)
    item.add(CALL, deltas)
    text.add("}", deltas)

    assert deltas == [PartStarted(0, "tool_call", "c", "f"), PartAdded(0, "{}")]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("web_search_call", "provider_item"),
        ("novel_call", "provider_item"),
        ("code_interpreter_call", "provider_item"),
        ("image_generation_call", "image"),
    ],
)
def test_items_of_the_providers_own_tools_are_named_once(kind: str, shown: str) -> None:
    """And shown from the durable result; a code interpreter's code is rebuilt all the same."""
    item, deltas = Item(Parts()), list[Delta]()
    item.add({"type": kind}, deltas)
    item.text(CODE, 0).add("1+1", deltas)
    assert item.final() == {"type": kind, "code": "1+1"}
    item.take({"type": kind, "status": "completed"}, deltas)

    assert deltas == [PartStarted(0, shown)]
    assert item.final() == {"type": kind, "status": "completed"}


@pytest.mark.parametrize(
    ("pieces", "whole", "shown", "said"),
    [
        (["a", "b"], "ab", "ab", "ab"),
        (["a"], "abc", "abc", "abc"),
        ([], "abc", "abc", "abc"),
        (["a", "b"], "", "ab", "ab"),
        (["a", "b"], "xyz", "ab", "xyz"),
        (["a", "b"], "a", "ab", "a"),
        (["a\ud83d"], "a\ud83d\ude00", "a😀", "a😀"),
        (["a\ud83d"], "a\ud83d", "a\ufffd", "a\ufffd"),
        (["a\ud83d"], "", "a\ufffd", "a\ufffd"),
        (["\ud83d"], "", "\ufffd", "\ufffd"),
    ],
)
def test_the_end_of_a_text_says_the_whole_of_it(pieces: list[str], whole: str, shown: str, said: str) -> None:
    """What had not come is shown then; what viewers were told otherwise cannot be taken back."""
    item, deltas = Item(Parts()), list[Delta]()
    text = item.text(TEXT, 0)
    for piece in pieces:
        text.add(piece, deltas)
    text.finish(whole, deltas)
    text.finish(whole, deltas)
    text.add("late", deltas)

    assert (shown, said) == (text_of(deltas), text.said)


def test_an_items_end_shows_all_that_had_not_come() -> None:
    """And is what the item is."""
    item, deltas = Item(Parts()), list[Delta]()
    item.text(TEXT, 0).add("a", deltas)
    item.take(message("ab", "", "c"), deltas)
    item.take(message("ab", "", "cd"), deltas)

    assert deltas == [
        PartStarted(0, "text"),
        PartAdded(0, "a"),
        PartAdded(0, "b"),
        PartStarted(1, "text"),
        PartAdded(1, "c"),
        PartAdded(1, "d"),
    ]
    assert item.final() == message("ab", "", "cd")


def test_texts_that_an_item_cannot_have_are_not_shown() -> None:
    """An answer with them would not show them either."""
    item, deltas = Item(Parts()), list[Delta]()
    item.add({"type": "web_search_call"}, deltas)
    for slot in SLOTS.values():
        item.text(slot, 0).add("x", deltas)

    assert deltas == [PartStarted(0, "provider_item")]


def test_contents_are_in_the_order_of_their_places() -> None:
    """Whichever came first."""
    item, deltas = Item(Parts()), list[Delta]()
    for at in (2, 0, 1):
        item.text(TEXT, at).add(str(at), deltas)

    assert item.final() == message("0", "1", "2")


@pytest.mark.parametrize("content", [None, "x", [5, {"type": "novel"}, {"type": "summary_text", "text": "x"}]])
def test_contents_of_no_known_shape_show_nothing(content: JsonValue) -> None:
    """They are kept as they came."""
    item, deltas = Item(Parts()), list[Delta]()
    item.take({"type": "message", "content": content}, deltas)

    assert deltas == []
    assert item.final() == {"type": "message", "content": content}


def test_what_stands_beside_a_text_grows_with_it() -> None:
    """Unless it is no list."""
    text = Item(Parts()).text(TEXT, 0)
    text.extend("logprobs", [1])
    text.extend("logprobs", [2, 3])
    text.extend("logprobs", "x")
    text.element["annotations"] = "x"
    text.extend("annotations", [1])

    assert text.element == {"logprobs": [1, 2, 3], "annotations": "x"}
