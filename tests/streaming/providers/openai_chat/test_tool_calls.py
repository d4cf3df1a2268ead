import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_chat.tool_calls import ToolCalls

Piece = tuple[JsonValue, JsonValue, JsonValue, JsonValue]
"""Index, id, name and arguments; None is left out."""


def taken(pieces: list[Piece]) -> ToolCalls:
    """Return the calls that these fragments make."""
    calls = ToolCalls()
    for index, call_id, name, arguments in pieces:
        said: JsonObject = {
            key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None
        }
        head: JsonObject = {key: value for key, value in (("index", index), ("id", call_id)) if value is not None}
        calls.take(head | {"function": said})
    return calls


def made(pieces: list[Piece]) -> list[tuple[str, str, str]]:
    """Return id, name and arguments of each call, in the order of the unary body."""
    return [
        (call.id, call.name, call.arguments.text)
        for call in sorted(taken(pieces), key=lambda call: (call.index, call.position))
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
    ("arguments that are no string", [(0, "a", "f", {"x": 1})], [("a", "f", "")]),
]


@pytest.mark.parametrize(("pieces", "calls"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES])
def test_every_way_of_numbering_fragments_gives_the_same_calls(
    pieces: list[Piece], calls: list[tuple[str, str, str]]
) -> None:
    """OpenAI's way, and those of the servers that are nearly compatible."""
    assert calls == made(pieces)


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


def test_the_unary_form_has_no_index() -> None:
    """A call of a custom tool has its input in a place of its own."""
    calls = taken([(1, *F)])
    calls.take({"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "select"}})
    calls.take({"index": 0, "custom": {"input": " 1"}})

    assert calls.final() == [
        {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
    ]


def test_names_hold_no_halves_of_characters() -> None:
    """They go into frames, which are proper UTF-8."""
    assert [
        (call.id, call.name, call.arguments.text + call.arguments.close())
        for call in taken([(0, "\ud83d", "\ud83d\ude00", "\ud83d")])
    ] == [("\ufffd", "😀", "\ufffd")]


def test_a_call_repeated_on_every_piece_costs_no_more_than_its_length() -> None:
    """Whether a call is whole is only looked at where a piece could have ended it."""
    word: Piece = (0, None, "f", "word ")
    pieces: list[Piece] = [(0, None, "f", '{"x":"'), *[word] * 20_000, (0, None, "f", '"}')]

    assert made(pieces) == [("", "f", '{"x":"' + "word " * 20_000 + '"}')]
