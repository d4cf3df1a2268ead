"""What the provider says when nobody wrote it a script, and how text falls into tokens."""

import re

_TOKEN = re.compile(r"\s*\S{1,5}|\s+")
_QUOTED = 160

_OPENINGS = (
    "You asked: “{question}” — a fine question for a river mill.",
    "Let us look at it from the other bank: “{question}” is what you asked.",
)

_STORY = """

A mill stands beside its stream, and everything it does is a promise about water. \
The wheel turns while the stream runs; when somebody closes the sluice the wheel waits, \
and when the water returns it goes on from the very tooth where it had stopped. \
No grain is ground twice, and none is lost. 🌾

So it is with an answer like this one. Each word leaves as soon as it is ready: \
naïve readers see it at once, patient ones read it later, \
and both have the same text before them in the end. \
Should the miller fall asleep — it happens, even in Zürich, even in 東京 — \
another one takes the stool, looks into the ledger, and carries on.

Three things are worth remembering:

1. Write it down before you rely on it.
2. Say what you have, as soon as you have it.
3. When you must begin again, tell whoever is watching.

That is all a mill knows, and it has been enough for a thousand years. ✨"""


def answer(question: str, variant: int = 0) -> str:
    """Returns a pleasant text that quotes the question, the same for the same arguments."""
    quoted = " ".join(question.split())
    if len(quoted) > _QUOTED:
        quoted = quoted[: _QUOTED - 1] + "…"
    return _OPENINGS[variant % len(_OPENINGS)].format(question=quoted) + _STORY


def numbered(count: int) -> str:
    """Returns a text of that many tokens, each telling its position, so that a gap or a repeat shows."""
    return "".join(f" {position:05d}" for position in range(count))


def tokens(text: str) -> list[str]:
    """Cuts a text into tokens; joined, they are the text."""
    return _TOKEN.findall(text)
