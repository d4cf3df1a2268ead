import pytest

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.call_ids import CallIds
from streaming.providers.gemini.function_calls import StreamedCall, is_streamed


def call(*pieces: JsonValue, **fields: JsonValue) -> StreamedCall:
    """Return a call whose arguments come in these pieces, one after the other."""
    head: JsonObject = {"name": "f", "willContinue": True}
    streamed = StreamedCall({}, head | fields, 0, CallIds())
    for piece in pieces:
        streamed.add({}, {"partialArgs": [piece], "willContinue": True})
    return streamed


def text(path: str, value: str) -> JsonObject:
    """Return a piece of a string."""
    return {"jsonPath": path, "stringValue": value}


def final_call(streamed: StreamedCall) -> JsonObject:
    """Return the function call as the unary body has it."""
    held = streamed.final()["functionCall"]
    assert isinstance(held, dict)
    return held


@pytest.mark.parametrize(
    ("pieces", "args"),
    [
        ([], "{}"),
        ([text("$.a", "x"), text("$.a", "y")], '{"a":"xy"}'),
        ([text("$.a.b", "x"), text("$['a'][\"c d\"]", "y")], '{"a":{"b":"x","c d":"y"}}'),
        ([text("$.l[0]", "x"), text("$.l[1].b", "y"), text("$.l[0]", "z")], '{"l":["xz",{"b":"y"}]}'),
        ([text("$['']", "x")], '{"":"x"}'),
        ([text("$.a", "\ud83d"), text("$.a", "\ude00")], '{"a":"😀"}'),
        ([{"jsonPath": "$.n", "numberValue": 1}, {"jsonPath": "$.n", "numberValue": 2.5}], '{"n":2.5}'),
        (
            [{"jsonPath": "$.b", "boolValue": False}, {"jsonPath": "$.z", "nullValue": "NULL_VALUE"}],
            '{"b":false,"z":null}',
        ),
        ([{"jsonPath": "$.a"}], "{}"),
        ([text("$.a", "x"), {"jsonPath": "$.a", "numberValue": 1}], '{"a":1}'),
    ],
    ids=range(10),
)
def test_values_go_where_their_paths_lead(pieces: list[JsonValue], args: str) -> None:
    """Strings grow; other values are replaced."""
    assert call(*pieces).arguments() == args


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "",
        "a",
        "$.",
        "$..a",
        "$.a[*]",
        "$.a[?@.b]",
        "$['it\\'s']",
        "$.a[1]",
        "$[0]",
        "$.a.b.",
        "$" + ".a" * 65,
        "$.a[9999999]",
    ],
)
def test_a_path_that_leads_nowhere_keeps_its_piece(path: str) -> None:
    """It stays in the object as it came, and out of the arguments."""
    streamed = call(text("$.ok", "x"), text(path, "y"))

    assert final_call(streamed)["partialArgs"] == [text(path, "y")]
    assert '"y"' not in streamed.arguments()


def test_a_value_cannot_be_inside_of_a_string() -> None:
    """Pieces that contradict each other are kept."""
    streamed = call(text("$.a", "x"), text("$.a.b", "y"))

    assert final_call(streamed) == {"name": "f", "args": {"a": "x"}, "partialArgs": [text("$.a.b", "y")]}


def test_the_call_is_the_unary_one() -> None:
    """Given arguments are its beginning; what only a stream has is gone; the signature is the part's."""
    first: JsonObject = {"name": "f", "id": "c", "args": {"a": 1}, "willContinue": True}
    streamed = StreamedCall({"functionCall": first, "thoughtSignature": "s"}, first, 3, CallIds())
    streamed.add({}, {"partialArgs": [text("$.b", "x")]})

    assert streamed.final() == {
        "functionCall": {"name": "f", "id": "c", "args": {"a": 1, "b": "x"}},
        "thoughtSignature": "s",
    }
    assert first["args"] == {"a": 1}
    assert not streamed.sign("t")
    assert call().sign("t")


@pytest.mark.parametrize(
    ("piece", "goes_on"),
    [
        ({}, True),
        ({"partialArgs": [], "name": "f"}, True),
        ({"name": "f", "id": "c"}, True),
        ({"name": "g"}, False),
        ({"id": "d"}, False),
        ({"name": "f", "args": {}}, False),
    ],
)
def test_a_piece_of_another_call_does_not_go_on_in_this_one(piece: JsonObject, goes_on: bool) -> None:
    """Its name, its id or its whole arguments tell."""
    assert call(id="c").goes_on(piece) == goes_on


def test_after_its_end_nothing_goes_on() -> None:
    """The next piece belongs to another call."""
    streamed = call()
    streamed.closed = True

    assert not streamed.goes_on({})


@pytest.mark.parametrize(
    ("given", "streamed"),
    [
        ({"willContinue": True}, True),
        ({"partialArgs": [1]}, True),
        ({"willContinue": False, "args": {}}, False),
        ({}, False),
    ],
)
def test_a_call_comes_in_pieces_where_it_says_so(given: JsonObject, streamed: bool) -> None:
    """Nearly all come whole."""
    assert is_streamed(given) == streamed


@pytest.mark.parametrize("piece", [5, {}, {"jsonPath": 5}])
def test_a_piece_without_a_path_is_not_the_wire(piece: JsonValue) -> None:
    """Nobody knows where it goes."""
    with pytest.raises(NotTheWire):
        call(piece)


def test_many_pieces_take_linear_time() -> None:
    """A string of 50,000 pieces, and 50,000 strings."""
    streamed = call(*(text("$.a", "x" * 10) for _ in range(50_000)), *(text(f"$.l[{n}]", "y") for n in range(50_000)))

    assert len(streamed.arguments()) > 700_000
