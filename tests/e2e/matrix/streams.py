"""Calls that fail after an answer has begun: cut, broken off with an error, no answer at all, or too slow."""

from collections.abc import Callable, Iterator, Mapping

from streaming.jsontext import JsonObject
from streaming.providers import WIRES
from streaming.reasons import Reason
from tests.e2e.matrix import bodies
from tests.e2e.matrix.fault import HTML, WRONG, ByWire, Fault, clock_ran_out
from tests.e2e.matrix.words import BROKEN, REFUSED

# -- cut bodies


def cuts() -> Iterator[Fault]:
    """Yield the bodies that end too early."""
    for place in _PLACES:
        yield from (_cut(cut, place, sent_to(place, cut)) for cut in ("reset", "eof"))
    yield _cut("close", "between two events", sent_to("between two events", "close"))
    for cut in ("reset", "eof"):
        json: JsonObject = {"text": WRONG, "json_although_stream": True, "chunk_bytes": 40, "cut_after": 2, "cut": cut}
        yield _cut(cut, "inside a unary answer", json)
    yield _truncated("no reason why it ended", {"text": WRONG, "finish_reason": None})
    # Gemini has nothing but that reason to say that a stream is whole.
    unmarked: dict[str, JsonObject] = {wire: {"no_done": True} for wire in WIRES}
    unmarked["gemini"] = {"finish_reason": None}
    yield _truncated("no terminal marker", lambda wire: {"text": WRONG, **unmarked[wire]})


_ENDS = {"reset": "reset", "close": "connection closed", "eof": "proper end"}
_PLACES: Mapping[str, Callable[[bytes], int]] = {
    "before the first byte": lambda _: 0,
    "after the first byte": lambda _: 1,
    "inside a character": lambda body: body.index("水".encode()) + 1,
    "between two events": lambda body: bodies.last_event(body[: len(body) // 2]),
    "before the last event": bodies.last_event,
    "inside the last event": lambda body: (bodies.last_event(body) + len(body.rstrip())) // 2,
}


def sent_to(place: str, cut: str) -> ByWire:
    """Return a script that sends a stream up to a place, and ends it so."""

    def script(wire: str) -> JsonObject:
        body = _whole(wire)
        sent = body[: _PLACES[place](body)]
        return {**bodies.raw(sent), "cut_after": 1 if sent else 0, "cut": cut}

    return script


def _cut(cut: str, place: str, script: JsonObject | ByWire) -> Fault:
    name = f"{_ENDS[cut]} {place}"
    if cut == "eof":
        return _truncated(name, script)
    return Fault(name, "ConnectionLost", Reason.CONNECTION, script=script)


def _truncated(name: str, script: JsonObject | ByWire) -> Fault:
    return Fault(name, "TruncatedStream", Reason.BAD_ANSWER, script=script)


def _whole(wire: str) -> bytes:
    return bodies.stream(wire, text=WRONG)


# -- errors within a stream


def errors() -> Iterator[Fault]:
    """Yield the errors under a 200."""
    for told, reason, hopeless in ((BROKEN, Reason.SERVER, False), (REFUSED, Reason.INVALID, True)):
        for place, script in _ERRORS_AT.items():
            name = f"{'hopeless ' if hopeless else ''}error {place}"
            yield Fault(name, "StreamedError", reason, hopeless, _error(script, told))


_ERRORS_AT: Mapping[str, Callable[[str, JsonObject], JsonObject]] = {
    "for a body": lambda wire, error: {"body": bodies.error_body(wire, error), "content_type": "application/json"},
    "as the first event": lambda wire, error: bodies.raw(bodies.error_event(wire, error)),
    "after the opening": lambda _, error: {"text": WRONG, "error_after": 0, "error": error},
    "in the middle": lambda _, error: {"text": WRONG, "error_after": 4, "error": error},
    "for the last event": lambda wire, error: bodies.raw(_but_the_last_event(wire) + bodies.error_event(wire, error)),
}


def _error(script: Callable[[str, JsonObject], JsonObject], told: Mapping[str, JsonObject]) -> ByWire:
    return lambda wire: script(wire, told[wire])


def _but_the_last_event(wire: str) -> bytes:
    body = _whole(wire)
    return body[: bodies.last_event(body)]


# -- bodies that are no answer


def no_answers() -> Iterator[Fault]:
    """Yield the whole bodies that are no answer."""
    scripts: dict[str, JsonObject | ByWire] = {
        "HTML": {"body": HTML, "content_type": "text/html"},
        "HTML called a stream": {"body": HTML, "content_type": "text/event-stream"},
        "plain words": {"body": "upstream connect error", "content_type": "text/plain"},
        "JSON of something else": {"body": '{"hello": "world"}', "content_type": "application/json"},
        "event that is no JSON": {"raw_events": ['data: {"choices": [}']},
        "event that is no object": {"raw_events": ["data: 7"]},
    }
    for name, script in scripts.items():
        yield Fault(name, "NotTheWire", Reason.BAD_ANSWER, script=script)
    yield Fault("empty answer", "EmptyAnswer", Reason.BAD_ANSWER, script={"text": ""})
    yield _truncated("whole answer on another wire", lambda wire: bodies.raw(_whole(_TAKEN_FOR[wire])))


# Of each wire, the other one whose stream it could most easily take for its own.
_TAKEN_FOR: Mapping[str, str] = {
    "openai-chat": "gemini",
    "openai-responses": "anthropic-messages",
    "anthropic-messages": "openai-responses",
    "gemini": "anthropic-messages",
}


# -- silence

TOKENS = 8
DRIP: JsonObject = {"tokens": 5000, "pace_s": 0.1}


def silences() -> Iterator[Fault]:
    """Yield the connections on which too little comes."""
    yield clock_ran_out("silent before the headers", "first_token_s", {"text": WRONG, "headers_after_s": 600})
    yield clock_ran_out("silent after the headers", "first_token_s", {"text": WRONG, "first_token_s": 600})
    yield clock_ran_out("nothing but pings", "first_token_s", {"pings_only": True})
    for after in (1, 3, TOKENS):
        yield clock_ran_out(f"silent after token {after}", "idle_s", {"tokens": TOKENS, "silent_after": after})
        yield clock_ran_out(f"pings after token {after}", "stall_s", {"tokens": TOKENS, "ping_after": after})
    yield clock_ran_out("slow drip", "try_s", DRIP)
