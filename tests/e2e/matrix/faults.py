"""Every way in which a call may fail, and the verdict on it: the rows of the matrix.

Each is what a candidate's first call meets; later calls of the same candidate are answered well. `cells.py` says
in which situations.
"""

from dataclasses import dataclass

from streaming.jsontext import JsonObject
from streaming.reasons import Reason
from tests.e2e.matrix.fault import WRONG, ByWire, Fault
from tests.e2e.matrix.heads import connections, statuses
from tests.e2e.matrix.streams import DRIP, TOKENS, cuts, errors, no_answers, sent_to, silences

# What waits is first: the rest goes on meanwhile.
FAULTS = (*silences(), *connections(), *statuses(), *cuts(), *errors(), *no_answers())


# -- the end of the turn's time


@dataclass(frozen=True)
class Outlasting:
    """What lasts until the turn has no time left.

    Attributes:
        fault: what every call of the candidate meets.
        in_flight: whether the turn's time ends during a call, so that no other candidate's turn came.
        said: how many tokens that call says until then; None for any number but none.
    """

    fault: Fault
    in_flight: bool = True
    said: int | None = 0


def _lasting(name: str, script: JsonObject | ByWire, says: str = "") -> Fault:
    return Fault(f"lasting: {name}", "DeadlineExceeded", Reason.TIMEOUT, script=script, says=says, lasts=True)


OUTLASTING = (
    Outlasting(_lasting("slow drip", DRIP), said=None),
    Outlasting(_lasting("silent after token 3", {"tokens": TOKENS, "silent_after": 3}), said=3),
    Outlasting(_lasting("silent after the last token", {"tokens": TOKENS, "silent_after": TOKENS}), said=TOKENS),
    Outlasting(_lasting("nothing but pings after token 3", {"tokens": TOKENS, "ping_after": 3}), said=3),
    Outlasting(_lasting("silent before the headers", {"text": WRONG, "headers_after_s": 600})),
    Outlasting(_lasting("silent after the headers", {"text": WRONG, "first_token_s": 600})),
    Outlasting(_lasting("nothing but pings", {"pings_only": True})),
    Outlasting(_lasting("status 503", {"status": 503}, "HTTP 503"), in_flight=False),
    Outlasting(_lasting("proper end before the last event", sent_to("before the last event", "eof")), in_flight=False),
)
