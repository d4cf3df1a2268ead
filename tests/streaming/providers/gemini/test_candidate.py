import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.gemini.candidate import Candidate


def fed(*groups: list[JsonValue]) -> tuple[Candidate, list[Delta]]:
    """Return a candidate that has taken these groups of parts and then ended, and what they added."""
    candidate, deltas = Candidate("r"), list[Delta]()
    for group in groups:
        candidate.feed({"content": {"parts": group}}, deltas)
    candidate.feed({"finishReason": "STOP"}, deltas)
    return candidate, deltas


def parts(candidate: Candidate) -> JsonValue:
    """Return the parts of the unary body."""
    content = candidate.final()["content"]
    assert isinstance(content, dict)
    return content["parts"]


def text(said: str, signature: str = "", *, thought: bool = False) -> JsonObject:
    """Return a part of text."""
    part: JsonObject = {"text": said}
    if thought:
        part["thought"] = True
    return part | {"thoughtSignature": signature} if signature else part


_CALL: JsonObject = {"functionCall": {"name": "f"}}
_IMAGE: JsonObject = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
_SIGNATURE: JsonObject = {"thoughtSignature": "s"}


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        ([text("a"), text("b")], [text("ab")]),
        ([text("a"), text("b", thought=True), text("c")], [text("a"), text("b", thought=True), text("c")]),
        ([text("a"), {"text": "b", "thought": False}], [text("ab")]),
        ([text("a", "s"), text("b")], [text("ab", "s")]),
        ([text("a"), text("b", "s")], [text("ab", "s")]),
        ([text("a", "s"), text("b", "t")], [text("a", "s"), text("b", "t")]),
        ([text("a"), text("", "s")], [text("a", "s")]),
        ([text("a"), _SIGNATURE], [text("a", "s")]),
        ([text("a", "s"), text("", "t")], [text("a", "s"), text("", "t")]),
        ([text("a", "s"), text("", "t"), text("b")], [text("a", "s"), text("b", "t")]),
        ([text("", "s")], [text("", "s")]),
        ([text("", "s"), text("a")], [text("a", "s")]),
        ([text("a", thought=True), _SIGNATURE], [text("a", "s", thought=True)]),
        ([text("a"), text("", "s", thought=True)], [text("a"), text("", "s", thought=True)]),
        ([text("a"), text(""), {"text": None}, {}, {"thought": True}, text("b")], [text("ab")]),
        ([_CALL, _CALL], [_CALL, _CALL]),
        ([_CALL, _SIGNATURE, _IMAGE, text("", "t")], [_CALL | _SIGNATURE, _IMAGE | {"thoughtSignature": "t"}]),
        ([_CALL | _SIGNATURE, text("", "t")], [_CALL | _SIGNATURE, text("", "t")]),
        ([_CALL, {"functionCall": {}}, {"functionCall": {"name": ""}} | _SIGNATURE], [_CALL | _SIGNATURE]),
        ([_IMAGE, _IMAGE], [_IMAGE, _IMAGE]),
        ([text("a") | {"partMetadata": {}}, text("b")], [text("a") | {"partMetadata": {}}, text("b")]),
        ([text("a"), _CALL, text("b")], [text("a"), _CALL, text("b")]),
    ],
    ids=range(22),
)
def test_parts_are_joined_as_the_unary_body_has_them(given: list[JsonValue], joined: list[JsonValue]) -> None:
    """All at once, or one by one."""
    assert parts(fed(given)[0]) == joined
    assert parts(fed(*([part] for part in given))[0]) == joined


@pytest.mark.parametrize(
    ("given", "deltas"),
    [
        ([text("a"), text("b")], [PartStarted(0, "text"), PartAdded(0, "a"), PartAdded(0, "b")]),
        (
            [text("t", thought=True), text("u", thought=True), text("a")],
            [
                PartStarted(0, "reasoning"),
                PartAdded(0, "t"),
                PartAdded(0, "u"),
                PartStarted(1, "text"),
                PartAdded(1, "a"),
            ],
        ),
        (
            [_CALL, {"functionCall": {"name": "g", "id": "c", "args": {"a": 1}}}],
            [
                PartStarted(0, "tool_call", "call_r_0", "f"),
                PartAdded(0, "{}"),
                PartStarted(1, "tool_call", "c", "g"),
                PartAdded(1, '{"a":1}'),
            ],
        ),
        (
            [
                {"functionCall": {"name": "f", "willContinue": True}},
                {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True}},
                {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "y"}]}},
            ],
            [PartStarted(0, "tool_call", "call_r_0", "f"), PartAdded(0, '{"a":"xy"}')],
        ),
        (
            [{"functionCall": {"name": "f", "willContinue": True}}, text("a")],
            [
                PartStarted(0, "tool_call", "call_r_0", "f"),
                PartAdded(0, "{}"),
                PartStarted(1, "text"),
                PartAdded(1, "a"),
            ],
        ),
        ([_IMAGE, {"toolCall": {"id": "t"}}], [PartStarted(0, "image"), PartStarted(1, "provider_item")]),
        (
            [text("", "s"), _CALL],
            [PartStarted(0, "reasoning"), PartStarted(1, "tool_call", "call_r_1", "f"), PartAdded(1, "{}")],
        ),
        ([text("", "s")], []),
        ([text("", "s"), text("a")], [PartStarted(0, "text"), PartAdded(0, "a")]),
        (
            [text("a") | {"partMetadata": {}}, text("b")],
            [PartStarted(0, "text"), PartAdded(0, "a"), PartStarted(1, "text"), PartAdded(1, "b")],
        ),
        (
            [text("a\ud83d"), _IMAGE],
            [PartStarted(0, "text"), PartAdded(0, "a"), PartAdded(0, "\ufffd"), PartStarted(1, "image")],
        ),
    ],
    ids=range(11),
)
def test_each_part_is_told_in_its_place(given: list[JsonValue], deltas: list[Delta]) -> None:
    """A call in pieces tells its arguments once they are whole; a silent signature is told when a part follows it."""
    assert fed(given)[1] == deltas
    assert fed(*([part] for part in given))[1] == deltas


def test_the_finish_tells_what_was_held_back() -> None:
    """The arguments of a call that never ended, and half a character."""
    _, deltas = fed([{"functionCall": {"name": "f", "willContinue": True}}])
    assert deltas[-1] == PartAdded(0, "{}")

    _, deltas = fed([text("\ud83d")])
    assert deltas == [PartStarted(0, "text"), PartAdded(0, "\ufffd")]


def test_fields_beside_the_content_keep_their_last_word() -> None:
    """Citations and log-probabilities grow; what says nothing replaces nothing."""
    candidate, deltas = Candidate(None), list[Delta]()
    candidate.feed(
        {
            "index": 0,
            "content": {"role": "model"},
            "citationMetadata": {"citations": [1]},
            "logprobsResult": {"chosenCandidates": ["a"], "topCandidates": ["A"], "logProbabilitySum": -1},
            "groundingMetadata": {"webSearchQueries": ["q"]},
            "newThing": 0,
        },
        deltas,
    )
    candidate.feed(
        {
            "finishReason": "MAX_TOKENS",
            "index": 0,
            "content": {"role": "", "parts": [text("x")]},
            "citationMetadata": {"citations": [2, 3], "citationSources": []},
            "logprobsResult": {"chosenCandidates": ["b"], "topCandidates": None, "logProbabilitySum": -2},
            "groundingMetadata": {},
            "tokenCount": None,
        },
        deltas,
    )
    candidate.feed({"citationMetadata": None, "logprobsResult": "x", "finishReason": None}, deltas)
    candidate.feed({"content": {"role": None, "parts": None}}, deltas)

    assert candidate.final() == {
        "index": 0,
        "newThing": 0,
        "content": {"role": "model", "parts": [text("x")]},
        "citationMetadata": {"citations": [1, 2, 3], "citationSources": []},
        "logprobsResult": {"chosenCandidates": ["a", "b"], "topCandidates": ["A"], "logProbabilitySum": -2},
        "groundingMetadata": {"webSearchQueries": ["q"]},
        "finishReason": "MAX_TOKENS",
    }


@pytest.mark.parametrize(
    ("part", "still"),
    [
        (text("a"), False),
        (text("b", thought=True), False),
        (_CALL, False),
        ({"functionCall": {"name": "f", "willContinue": True}}, False),
        (_IMAGE, False),
        (text(""), True),
        (text("", "s"), True),
        ({"functionCall": {}}, True),
    ],
    ids=range(8),
)
def test_what_is_said_after_a_finish_needs_another(part: JsonValue, still: bool) -> None:
    """But not what says nothing, nor a signature of what was said."""
    candidate, deltas = fed([text("a")])
    assert candidate.finished

    candidate.feed({"content": {"parts": [part]}}, deltas)
    assert candidate.finished == still


@pytest.mark.parametrize("keys", [{}, {"thought": True}, {"partMetadata": {}}])
def test_a_long_answer_takes_linear_time(keys: JsonObject) -> None:
    """100,000 pieces, joined or not: at the cost of the square this would not end before the test's timeout."""
    candidate, deltas = Candidate(None), list[Delta]()
    for _ in range(100_000):
        candidate.feed({"content": {"parts": [keys | {"text": "some words "}]}}, deltas)

    assert len(str(candidate.final())) > 1_000_000
