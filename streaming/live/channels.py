"""Names of the Redis channels of a turn and of what workers leave each other, and the epoch that orders frames.

Pub/sub ignores Redis' database numbers, so the environment is part of the name; the braces are Redis
Cluster's hash tag: both channels of a turn live in one slot, and so do all breakers.
"""

from dataclasses import dataclass
from urllib.parse import quote

DEFAULT_PREFIX = "millstream"


@dataclass(frozen=True)
class Channels:
    """The channels of one environment."""

    environment: str
    prefix: str = DEFAULT_PREFIX

    def live(self, turn_id: str) -> str:
        """Return the channel that carries frames from the producer to viewers."""
        return f"{self._turn(turn_id)}:live"

    def ask(self, turn_id: str) -> str:
        """Return the channel that carries joins and hints from viewers to the producer."""
        return f"{self._turn(turn_id)}:ask"

    def breaker(self, provider: str, model: str) -> str:
        """Return the key under which a worker says that its circuit breaker is open."""
        return f"{self.prefix}:{self.environment}:{{breaker}}:{quote(provider, safe='')}/{quote(model, safe='')}"

    def _turn(self, turn_id: str) -> str:
        # quote leaves exactly the unreserved characters of RFC 3986, so no id can forge another's channel.
        return f"{self.prefix}:{self.environment}:{{{quote(turn_id, safe='')}}}"


def epoch(started_ms: int, number: int) -> int:
    """Return the epoch of try `number` (1 to 999) of the attempt that the server started at `started_ms`.

    It only grows over tries, attempts, steps, resets and continue-as-new, and stays under 2^53.
    """
    return started_ms * 1000 + number
