"""One way in which a call may fail, and the verdict on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from streaming.jsontext import JsonObject
from streaming.reasons import Reason
from tests.e2e.matrix.doors import Greeting

WRONG = "wrong " * 4 + "水車 " * 4
"""What a failing call says of an answer: never a part of any result."""

HTML = "<!doctype html><html><title>busy</title></html>"

PATIENCE_S = 6.0
"""How long a clock runs that shall run out; a good answer must come well within it on a slow machine."""

ByWire = Callable[[str], JsonObject]


@dataclass(frozen=True)
class Fault:
    """One way to fail.

    Attributes:
        name: what the cell is called.
        error: the type of the try's error.
        reason: why the try failed.
        hopeless: whether later passes leave the candidate out.
        script: what the provider does, in the script's words; the wire's name decides where a function is given.
        greeting: what happens before the provider is reached, instead.
        limits: the turn's clocks where the fault is about them.
        says: what the error's message holds.
        lasts: whether later calls meet it too.
    """

    name: str
    error: str
    reason: Reason
    hopeless: bool = False
    script: JsonObject | ByWire = field(default_factory=dict)
    greeting: Greeting | None = None
    limits: JsonObject = field(default_factory=dict)
    says: str = ""
    lasts: bool = False

    def response(self, wire: str) -> JsonObject:
        """Return what the provider does on a wire."""
        return self.script if isinstance(self.script, dict) else self.script(wire)


def clock_ran_out(name: str, clock: str, script: JsonObject | None = None, greeting: Greeting | None = None) -> Fault:
    """Return a fault that only this clock of `limits` notices."""
    limits: JsonObject = {clock: PATIENCE_S}
    says = f"({clock})"
    return Fault(name, "ClockRanOut", Reason.TIMEOUT, False, script or {}, greeting, limits, says)
