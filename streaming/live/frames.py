"""Frames of the live channel: one JSON object per Redis message, and nothing believed before it is parsed.

`e` is the epoch (see `channels.epoch`), `s` counts flushes within it, `k` is the kind. The first frame a viewer
can see of an epoch, `begin` or `snap`, carries the protocol's version and the header.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import orjson
from typing_extensions import TypeIs

from streaming.jsontext import JsonObject, JsonValue, dumps, flaw_of
from streaming.live.transcript import Additions
from streaming.messages import Usage

VERSION = 1
KINDS = frozenset({"begin", "delta", "snap", "beat", "tool", "fail", "end"})
_MAX_EPOCH_AHEAD = 3_600_000 * 1000  # an hour: a forged far-future epoch would mute every viewer
_MAY_BE_DEEP = 100  # brackets: what has fewer is not so deep that whoever prints it would run out of stack

JOIN = b'{"k":"join"}'
INTERRUPT = b'{"k":"interrupt"}'


@dataclass(frozen=True)
class Header:
    """Who is speaking: one candidate's try within one attempt."""

    turn: str
    run: str
    step: int
    attempt: int
    try_: int
    provider: str
    model: str

    def fields(self) -> JsonObject:
        """Return the header as frames carry it."""
        fields: JsonObject = asdict(self)
        fields["try"] = fields.pop("try_")
        return fields


class Frame(NamedTuple):
    """A frame as parsed: `body` has the kind's own fields, not yet checked."""

    kind: str
    e: int
    s: int
    body: JsonObject

    @property
    def additions(self) -> Additions:
        """The `p` of a delta or a snap."""
        given = self.body.get("p")
        return given if isinstance(given, list) else []


def begin(e: int, header: Header, why: str | None) -> bytes:
    """A try starts; `why` is the last try's failure, if any."""
    return _dump({"v": VERSION, "e": e, "s": 0, "k": "begin"}, header.fields(), {"why": why})


def delta(e: int, s: int, additions: Additions) -> bytes:
    """What was added since the last flush."""
    return _dump({"e": e, "s": s, "k": "delta", "p": additions})


def snap(e: int, s: int, header: Header, additions: Additions) -> bytes:
    """Everything so far: it contains flush `s` and replaces its delta."""
    return _dump({"v": VERSION, "e": e, "s": s, "k": "snap"}, header.fields(), {"p": additions})


def beat(e: int, s: int) -> bytes:
    """Alive and quiet; `s` makes a lost last frame visible."""
    return _dump({"e": e, "s": s, "k": "beat"})


@dataclass(frozen=True)
class Failure:
    """A try failed: its error's type and safe message, and who or when is next."""

    type: str
    message: str
    next: str | None = None
    """The next candidate of this pass, as provider/model."""
    retry_at: float | None = None
    """When the next pass may come, as Unix seconds."""
    final: bool = False
    """Nothing more will be tried."""


def fail(e: int, s: int, failure: Failure) -> bytes:
    """A try failed."""
    body: JsonObject = {"class": failure.type, "message": failure.message, "final": failure.final}
    if failure.next is not None:
        body["next"] = failure.next
    if failure.retry_at is not None:
        body["retry_at"] = failure.retry_at
    return _dump({"e": e, "s": s, "k": "fail"}, body)


def end(e: int, s: int, finish_reason: str, usage: Usage, sha256: str) -> bytes:
    """The step's stream is complete; provisional until the workflow's result says so."""
    body: JsonObject = {"finish_reason": finish_reason, "usage": usage.model_dump(), "sha256": sha256}
    return _dump({"e": e, "s": s, "k": "end"}, body)


def parse(data: bytes, now_ms: int) -> Frame | None:
    """Parse a live message, or return None: malformed, of an unknown kind, or from a forged future."""
    body = _object(data)
    kind, e, s = body.get("k"), body.get("e"), body.get("s")
    if not isinstance(kind, str) or kind not in KINDS or not _is_count(e) or not _is_count(s):
        return None
    if e > now_ms * 1000 + _MAX_EPOCH_AHEAD:
        return None
    return Frame(kind, e, s, body)


def parse_ask(data: bytes) -> str | None:
    """Return the kind of a message on the ask channel, or None if it is malformed."""
    kind = _object(data).get("k")
    return kind if isinstance(kind, str) else None


def _object(data: bytes) -> JsonObject:
    try:
        value: JsonValue = orjson.loads(data)  # strict: a screen can show whatever it lets through
    except orjson.JSONDecodeError:
        return {}
    if data.count(b"[") + data.count(b"{") > _MAY_BE_DEEP and flaw_of(value):
        return {}
    return value if isinstance(value, dict) else {}


def _is_count(value: JsonValue) -> TypeIs[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _dump(*fields: JsonObject) -> bytes:
    return dumps({key: value for some in fields for key, value in some.items()})
