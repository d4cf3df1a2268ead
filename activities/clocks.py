"""The clocks of one try: how long a provider may take, and for what. Pure: told the time, never asks for it.

| clock           | runs                                                    |
|-----------------|---------------------------------------------------------|
| `first_token_s` | from the start of the try to its first content          |
| `idle_s`        | after the first content: since the last byte of any kind |
| `stall_s`       | after the first content: since the last content         |
| `try_s`         | from the start of the try to its end                    |

Two more belong to others: `connect_s` to the transport, `total_s` to Temporal (schedule-to-close).
"""

from streaming.contracts import Limits


class Clocks:
    """The clocks of one try; `now` is any monotonic time in seconds."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._started = now
        self._byte_at = now
        self._content_at: float | None = None

    def byte(self, now: float) -> None:
        """Bytes arrived: a keepalive or better."""
        self._byte_at = now

    def content(self, now: float) -> None:
        """Something of the message arrived."""
        self._content_at = now

    def deadline(self) -> tuple[float, str]:
        """Return when the next clock runs out unless something happens, and its name in `limits`."""
        ends = [(self._started + self._limits.try_s, "try_s")]
        if self._content_at is None:
            ends.append((self._started + self._limits.first_token_s, "first_token_s"))
        else:
            ends.append((self._byte_at + self._limits.idle_s, "idle_s"))
            ends.append((self._content_at + self._limits.stall_s, "stall_s"))
        return min(ends)

    def seconds(self, clock: str) -> float:
        """Return how long `clock` was allowed to run."""
        return float(getattr(self._limits, clock))
