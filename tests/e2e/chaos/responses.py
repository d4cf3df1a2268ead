"""What a turn's provider answers: texts that tell themselves apart, and the faults they end in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from deploy.sandbox.provider.answers import tokens
from deploy.sandbox.provider.journal import Entry
from streaming.jsontext import JsonObject

_HTML = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>"

# Faults after some tokens: what the script says of the number.
_BROKEN_OFF: dict[str, tuple[str, JsonObject]] = {
    "cut": ("cut_after", {}),
    "reset": ("cut_after", {"cut": "reset"}),
    "eof": ("cut_after", {"cut": "eof"}),
    "error event": ("error_after", {}),
    "silence": ("silent_after", {}),
    "pings": ("ping_after", {}),
}
# Faults instead of an answer.
_NO_ANSWER: dict[str, JsonObject] = {
    "500": {"status": 500},
    "529": {"status": 529},
    "429": {"status": 429, "headers": {"retry-after": "1"}},
    "502 as HTML": {"status": 502, "body": _HTML, "content_type": "text/html"},
    "HTML": {"body": _HTML, "content_type": "text/html"},
    "no headers": {"headers_after_s": 3600},
}
# Of this one a candidate does not recover.
HOPELESS = "400"
_HOPELESS: dict[str, JsonObject] = {HOPELESS: {"status": 400}}
PASSING = (*_BROKEN_OFF, *_NO_ANSWER)


@dataclass(frozen=True)
class Response:
    """One response of the provider: a text of its own, and the fault it ends in, if any."""

    text: str
    pace_s: float
    fault: str = ""
    after: int = 0
    """How many tokens come before the fault."""

    @property
    def tokens(self) -> list[str]:
        """What the provider sends of the text, piece by piece."""
        return tokens(self.text)[: self.after] if self.fault else tokens(self.text)

    @property
    def sent(self) -> str:
        """What the provider sends of the text."""
        return "".join(self.tokens)

    def script(self) -> JsonObject:
        """Return it as the provider is told it."""
        if instead := (_NO_ANSWER | _HOPELESS).get(self.fault):
            return instead
        said: JsonObject = {"text": self.text, "pace_s": self.pace_s}
        if self.fault:
            after, more = _BROKEN_OFF[self.fault]
            said |= {after: self.after, **more}
        return said

    def silenced_by(self) -> str | None:
        """Return which clock of a try ends it, if one does."""
        if self.fault == "no headers" or (self.fault in ("silence", "pings") and self.after == 0):
            return "first_token_s"
        return {"silence": "idle_s", "pings": "stall_s"}.get(self.fault)

    def __str__(self) -> str:
        return f"{self.fault}@{self.after}" if self.fault else f"ok {len(self.text)} x {self.pace_s} s"


def a_response(random: Random, tag: str, faults: tuple[str, ...] = ()) -> Response:
    """Return a response whose every word has the tag in it, with one of some faults if there are any."""
    text = "".join(f" {tag}.{word:03d}" for word in range(random.randint(10, 60)))
    count = len(tokens(text))
    pace_s = round(random.uniform(1, 4) / count, 4)
    if not faults:
        return Response(text, pace_s)
    fault = random.choice(faults)
    return Response(text, pace_s, fault, random.randint(0, count - 1) if fault in _BROKEN_OFF else 0)


def played(entries: Sequence[Entry], responses: Sequence[Response]) -> list[tuple[Entry, Response]]:
    """Return each of a turn's requests with the response it got: a script's last one repeats."""
    last = len(responses) - 1
    return [(entry, responses[min(at, last)]) for at, entry in enumerate(entries)]
