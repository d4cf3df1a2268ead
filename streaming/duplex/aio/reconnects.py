"""How often and how soon another connection is tried."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reconnects:
    """The first try after a loss comes at once, each further one after twice the wait of the one before."""

    tries: int = 5
    """In a row, without an answer in between; 0: the first loss ends the session."""
    first_s: float = 1.0
    max_s: float = 10.0
    jitter: float = 0.25
    """Waits differ by up to this part, so that sessions which were lost together do not come back together."""

    def delay_s(self, failures: int) -> float:
        """Return how long to wait after so many failed tries."""
        if failures <= 0:
            return 0.0
        wait = min(self.first_s * 2.0 ** min(failures - 1, 30), self.max_s)
        return wait * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - spreads load, keeps no secret
