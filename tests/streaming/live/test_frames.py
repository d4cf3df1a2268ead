import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.jsontext import JsonObject, JsonValue
from streaming.live import frames
from streaming.live.frames import Failure, Frame, Header
from streaming.messages import Usage
from tests.strategies import json_values, texts_with_halves

NOW_MS = 1_800_000_000_000
E = NOW_MS * 1000 + 1
HEADER = Header("t", "r", 0, 1, 2, "openai", "gpt")
HEAD: JsonObject = {
    "v": 1,
    "e": E,
    "turn": "t",
    "run": "r",
    "step": 0,
    "attempt": 1,
    "try": 2,
    "provider": "openai",
    "model": "gpt",
}


@pytest.mark.parametrize(
    ("frame", "body"),
    [
        (frames.begin(E, HEADER, None), HEAD | {"s": 0, "k": "begin", "why": None}),
        (frames.begin(E, HEADER, "lost"), HEAD | {"s": 0, "k": "begin", "why": "lost"}),
        (frames.delta(E, 3, [[0, "text", "a"]]), {"e": E, "s": 3, "k": "delta", "p": [[0, "text", "a"]]}),
        (frames.snap(E, 3, HEADER, [[0, "text", "a"]]), HEAD | {"s": 3, "k": "snap", "p": [[0, "text", "a"]]}),
        (frames.beat(E, 3), {"e": E, "s": 3, "k": "beat"}),
        (
            frames.fail(E, 3, Failure("T", "m", next="b/c")),
            {"e": E, "s": 3, "k": "fail", "class": "T", "message": "m", "next": "b/c", "final": False},
        ),
        (
            frames.fail(E, 3, Failure("T", "m", retry_at=1.5, final=True)),
            {"e": E, "s": 3, "k": "fail", "class": "T", "message": "m", "retry_at": 1.5, "final": True},
        ),
        (
            frames.end(E, 3, "stop", Usage(input_tokens=2**70), "abc"),
            {
                "e": E,
                "s": 3,
                "k": "end",
                "finish_reason": "stop",
                "sha256": "abc",
                "usage": Usage(input_tokens=2**70).model_dump(),
            },
        ),
    ],
    ids=["begin", "begin again", "delta", "snap", "beat", "fail", "last fail", "end"],
)
def test_a_frame_is_json_of_its_fields(frame: bytes, body: JsonObject) -> None:
    """As the protocol writes them; integers of any size go through."""
    assert body == json.loads(frame)
    parsed = frames.parse(frame, NOW_MS)
    assert parsed is not None
    assert (body["k"], body["e"], body["s"]) == parsed[:3]


@given(texts_with_halves())
def test_any_text_can_be_said(text: str) -> None:
    """Even halves of characters, which no delta should hold, do not break the producer."""
    parsed = frames.parse(frames.delta(E, 1, [[0, "text", text]]), NOW_MS)

    assert parsed is not None
    json.dumps(parsed.additions, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"k":"delta"}',
        b'{"k":"delta","e":1}',
        b'{"k":"nope","e":1,"s":1}',
        b'{"k":1,"e":1,"s":1}',
        b'{"k":["delta"],"e":1,"s":1}',
        b'{"k":"delta","e":true,"s":1}',
        b'{"k":"delta","e":1,"s":false}',
        b'{"k":"delta","e":-1,"s":1}',
        b'{"k":"delta","e":1,"s":-1}',
        b'{"k":"delta","e":1.0,"s":1}',
        b'{"k":"delta","e":"1","s":1}',
        b'{"k":"delta","e":99999999999999999999999999,"s":1}',
        b'{"k":"delta","e":NaN,"s":1}',
        b'{"k":"delta","e":1,"s":1,"p":"\\ud83d"}',
        b"[" * 1_000_000,
        b'{"k":"delta","e":1,"s":1,"p":' + b"[" * 1_000_000,
        b"x" * 1_000_000,
        b'{"k":"fail","e":1,"s":1,"class":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"k":"delta","e":1,"s":1,"p":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}",
    ],
    ids=range(24),
)
def test_malformed_messages_are_no_frames(data: bytes) -> None:
    """Anyone who may publish may publish anything: none of it raises."""
    assert frames.parse(data, NOW_MS) is None


def test_many_brackets_are_not_deep() -> None:
    """A model that writes code is no attack."""
    said = '[{"a": [1, {}]}]' * 1000

    assert frames.parse(frames.delta(E, 1, [[0, "text", said]]), NOW_MS) is not None
    assert frames.parse(frames.delta(E, 1, [[at, "text", ""] for at in range(1000)]), NOW_MS) is not None


def test_a_frame_from_the_future_is_ignored() -> None:
    """A clock may be wrong by an hour; an epoch beyond that would mute every viewer."""
    hour = 3_600_000
    assert frames.parse(frames.beat((NOW_MS + hour) * 1000, 1), NOW_MS) is not None
    assert frames.parse(frames.beat((NOW_MS + hour) * 1000 + 1, 1), NOW_MS) is None


@given(st.one_of(json_values(), st.dictionaries(st.sampled_from("keskp"), json_values())))
def test_no_json_crashes_it(value: JsonValue) -> None:
    """It is a frame with an epoch, a number and a kind, or nothing."""
    parsed = frames.parse(json.dumps(value).encode(), NOW_MS)

    if parsed is not None:
        assert parsed.kind in frames.KINDS
        assert type(parsed.e) is type(parsed.s) is int


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (frames.JOIN, "join"),
        (frames.INTERRUPT, "interrupt"),
        (b'{"k":"other","x":1}', "other"),
        (b'{"k":5}', None),
        (b"{}", None),
        (b"[]", None),
        (b"join", None),
        (b"", None),
    ],
)
def test_what_is_asked_is_a_kind_or_nothing(data: bytes, kind: str | None) -> None:
    """Unknown kinds are the caller's to ignore."""
    assert kind == frames.parse_ask(data)


@pytest.mark.parametrize("given_", [None, "x", {}, 5])
def test_additions_are_a_list_whatever_was_sent(given_: JsonValue) -> None:
    """A body is not yet checked."""
    assert Frame("delta", 1, 1, {"p": given_}).additions == []
