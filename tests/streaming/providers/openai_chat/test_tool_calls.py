import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.transcript import Transcript
from streaming.messages import ToolCallPart
from streaming.providers.openai_chat.fields import Parts
from streaming.providers.openai_chat.parts import parts_of
from streaming.providers.openai_chat.tool_calls import ToolCalls

Piece = tuple[JsonValue, JsonValue, JsonValue, JsonValue]
"""Index, id, name and arguments; None is left out."""


def fragment(index: JsonValue, call_id: JsonValue, name: JsonValue, arguments: JsonValue) -> JsonObject:
    """Return a streamed fragment."""
    said: JsonObject = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    head: JsonObject = {key: value for key, value in (("index", index), ("id", call_id)) if value is not None}
    return head | {"function": said}


def taken(pieces: list[Piece]) -> tuple[list[JsonObject], Transcript]:
    """Return the calls that these fragments make, each in a chunk of its own, and what viewers see."""
    calls, shown = ToolCalls(Parts()), Transcript()
    deltas: list[Delta] = []
    for piece in pieces:
        calls.take([fragment(*piece)], deltas)
    calls.close(deltas)
    for delta in deltas:
        shown.add(delta)
    final = calls.final()
    assert isinstance(final, list)
    return [call for call in final if isinstance(call, dict)], shown


def made(pieces: list[Piece]) -> list[tuple[JsonValue, JsonValue, JsonValue]]:
    """Return id, name and arguments of each call, in the order of the unary body."""
    calls, _ = taken(pieces)
    functions = [(call, call["function"]) for call in calls]
    return [
        (call.get("id", ""), function["name"], function["arguments"])
        for call, function in functions
        if isinstance(function, dict)
    ]


F, G = ("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')

SHAPES: list[tuple[str, list[Piece], list[tuple[str, str, str]]]] = [
    (
        "OpenAI",
        [
            (0, "a", "f", ""),
            (0, None, None, '{"x":'),
            (0, None, None, "1}"),
            (1, "b", "g", ""),
            (1, None, None, '{"y":2}'),
        ],
        [F, G],
    ),
    (
        "interleaved",
        [(0, "a", "f", ""), (1, "b", "g", '{"y":'), (0, None, None, '{"x":1}'), (1, None, None, "2}")],
        [F, G],
    ),
    ("opened out of order", [(1, "b", "g", '{"y":2}'), (0, "a", "f", '{"x":1}')], [F, G]),
    ("whole calls", [(0, *F), (1, *G)], [F, G]),
    ("index from 1", [(1, "a", "f", '{"x":'), (1, None, None, "1}"), (2, *G)], [F, G]),
    ("gaps", [(3, *F), (7, *G)], [F, G]),
    ("no index, whole calls", [(None, *F), (None, *G)], [F, G]),
    ("no index, ids repeated", [(None, "a", "f", '{"x":'), (None, "a", "f", "1}"), (None, *G)], [F, G]),
    ("no index, ids once", [(None, "a", "f", '{"x":'), (None, None, None, "1}"), (None, *G)], [F, G]),
    ("no index, ids interleaved", [(None, "a", "f", '{"x":'), (None, *G), (None, "a", None, "1}")], [F, G]),
    ("all index 0, ids differ", [(0, *F), (0, *G)], [F, G]),
    (
        "all index 0, ids differ, in pieces",
        [(0, "a", "f", '{"x":'), (0, None, None, "1}"), (0, "b", "g", ""), (0, None, None, '{"y":2}')],
        [F, G],
    ),
    ("all index 0, ids come back", [(0, "a", "f", '{"x":'), (0, *G), (0, "a", None, "1}")], [F, G]),
    ("all index 0, no ids, names differ", [(0, None, *F[1:]), (0, None, *G[1:])], [("", *F[1:]), ("", *G[1:])]),
    ("all index 0, no ids, one name", [(0, None, *F[1:]), (0, None, *F[1:])], [("", *F[1:]), ("", *F[1:])]),
    ("no index, no ids", [(None, None, *F[1:]), (None, None, *F[1:])], [("", *F[1:]), ("", *F[1:])]),
    (
        "no index, no ids, names repeated",
        [(None, None, "f", '{"x":'), (None, None, "f", "1}"), (None, None, "g", '{"y":'), (None, None, "g", "2}")],
        [("", *F[1:]), ("", *G[1:])],
    ),
    ("id and name repeated", [(0, "a", "f", '{"x":'), (0, "a", "f", "1}"), (1, "b", "g", '{"y":2}')], [F, G]),
    ("name repeated without id", [(0, "a", "f", '{"x":'), (0, None, "f", "1}")], [F]),
    (
        "blank ids",
        [(0, " ", "f", '{"x":'), (0, "", None, "1}"), (1, "\t", "g", '{"y":2}')],
        [("", *F[1:]), ("", *G[1:])],
    ),
    ("id later", [(0, None, "f", '{"x":'), (0, "a", None, "1}")], [F]),
    ("name later", [(0, "a", None, ""), (0, None, "f", '{"x":1}')], [F]),
    ("duplicate ids", [(0, "a", "f", '{"x":1}'), (1, "a", "g", '{"y":2}')], [F, ("a", "g", '{"y":2}')]),
    ("no arguments", [(0, "a", "f", None), (1, "b", "g", "")], [("a", "f", ""), ("b", "g", "")]),
    ("index is no integer", [("0", *F), (True, *G)], [F, G]),
    (
        "nested objects in one piece each",
        [(0, None, "f", '{"x":{'), (0, None, "f", "}"), (0, None, "f", "}")],
        [("", "f", '{"x":{}}')],
    ),
    ("blank after the whole", [(0, None, *F[1:]), (0, None, "f", " ")], [("", "f", '{"x":1} ')]),
    ("arguments that are no string", [(0, "a", "f", {"x": 1})], [F]),
    ("no index, whole calls, duplicate ids", [(None, *F), (None, "a", "g", G[2])], [F, ("a", "g", G[2])]),
    ("all index 0, whole calls, duplicate ids", [(0, *F), (0, "a", "g", G[2])], [F, ("a", "g", G[2])]),
    ("no index, duplicate ids, one name", [(None, *F), (None, *F)], [F, F]),
    (
        "duplicate ids, in pieces",
        [(0, "a", "f", ""), (0, None, None, F[2]), (1, "a", "g", ""), (1, None, None, G[2])],
        [F, ("a", "g", G[2])],
    ),
    ("a name that is blank", [(0, "a", " ", ""), (0, None, "f", F[2])], [F]),
    ("brackets in strings", [(0, None, "f", '{"x":"}'), (0, None, "f", '"}')], [("", "f", '{"x":"}"}')]),
    (
        "quotes in strings, cut inside the escape",
        [(0, None, "f", '{"x":"a\\'), (0, None, "f", '"}'), (0, None, "f", '"}')],
        [("", "f", '{"x":"a\\"}"}')],
    ),
    (
        "partial and invalid JSON stays",
        [(0, "a", "f", '{"x":'), (1, "b", "g", "{x}}")],
        [("a", "f", '{"x":'), ("b", "g", "{x}}")],
    ),
]


@pytest.mark.parametrize(("pieces", "calls"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES])
def test_every_way_of_numbering_fragments_gives_the_same_calls(
    pieces: list[Piece], calls: list[tuple[str, str, str]]
) -> None:
    """OpenAI's way, and those of the servers that are nearly compatible; viewers see the same calls."""
    assert list(calls) == made(pieces)
    _, shown = taken(pieces)
    assert sorted(arguments for *_, arguments in calls) == sorted(part.text for part in shown.parts)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.booleans())
def test_interleaving_never_matters_where_there_is_an_index(order: list[int], ids_each_time: object) -> None:
    """Whichever call goes on, each gets its own pieces, in order."""
    pieces: list[Piece] = []
    opened: dict[int, str] = {}
    for at, index in enumerate(order):
        first = index not in opened
        opened[index] = opened.get(index, "") + f"<{at}>"
        named = first or ids_each_time
        pieces.append((index, f"id{index}" if named else None, f"f{index}" if named else None, f"<{at}>"))

    assert [(f"id{index}", f"f{index}", opened[index]) for index in sorted(opened)] == made(pieces)


def test_the_unary_form_has_no_index_and_keeps_what_we_do_not_know() -> None:
    """A call of a custom tool has its input in a place of its own; Gemini's signatures ride beside the function."""
    calls = ToolCalls(Parts())
    extra: JsonObject = {"google": {"thought_signature": "c2ln"}}
    calls.take([fragment(1, *F) | {"extra_content": extra}], [])
    calls.take([{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "select"}}], [])
    calls.take([{"index": 0, "custom": {"input": " 1", "grammar": "g"}}, {"index": 1, "extra_content": None}], [])
    calls.take([{"index": 2, "id": "s", "type": "browser_search", "browser_search": {}}], [])

    assert calls.final() == [
        {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1", "grammar": "g"}},
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": '{"x":1}'},
            "extra_content": extra,
        },
        {"id": "s", "type": "browser_search", "browser_search": {}},
    ]


def test_names_hold_no_halves_of_characters() -> None:
    """They go into frames, which are proper UTF-8."""
    assert made([(0, "\ud83d", "\ud83d\ude00", "\ud83d")]) == [("\ufffd", "😀", "\ufffd")]


@pytest.mark.parametrize(
    ("given", "own"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-2", "a-2-2"]),
        ([None, " "], ["call_0", "call_1"]),
        (["null", "null"], ["call_0", "call_1"]),
        (["call_1", None], ["call_1", "call_1-2"]),
    ],
)
def test_viewers_see_each_call_under_an_id_of_its_own(given: list[JsonValue], own: list[str]) -> None:
    """The very ids of the neutral message, where calls come in order."""
    calls, shown = taken([(at, call_id, "f", "{}") for at, call_id in enumerate(given)])
    parts = parts_of({"tool_calls": [*calls]}, "p")

    assert own == [part.id for part in shown.parts] == [part.id for part in parts if isinstance(part, ToolCallPart)]


@pytest.mark.parametrize(
    "piece",
    [
        (0, None, "f", "word "),
        (0, None, "f", "}"),
        (0, None, "f", '\\"}'),
        (None, "a", "f", "[] "),
        (None, None, "f", "{}"),
    ],
)
def test_many_fragments_cost_no_more_than_their_length(piece: Piece) -> None:
    """Each piece is looked at once to tell whether a call is whole, and calls are found without a search."""
    calls = ToolCalls(Parts())
    calls.take([fragment(*(*piece[:3], '{"x":"'))], [])
    for _ in range(100_000):
        calls.take([fragment(*piece)], [])

    assert calls.final()


def test_many_calls_are_found_without_a_search() -> None:
    """A hundred thousand calls, each with an id and an index, and one with an id of its own for each fragment."""
    calls = ToolCalls(Parts())
    for at in range(50_000):
        calls.take(
            [fragment(at, f"a{at}", "f", "{}"), fragment(0, f"b{at}", "f", "{}"), fragment(None, "c", "f", "")], []
        )

    final = calls.final()
    assert isinstance(final, list)
    assert len(final) == 100_001
