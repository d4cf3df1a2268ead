"""The connection to Redis, and whether it stands: said once when it breaks and once when it is back."""

import logging

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

_log = logging.getLogger(__name__)

BROKEN = (RedisError, OSError, TimeoutError)
"""What a Redis that is slow, refusing or gone raises."""

URL_FORM = "write redis://[USER:PASSWORD@]HOST[:PORT] with the password percent-encoded"
TIMEOUT_S = 1.0
RETRY_AFTER_S = 0.5


def connect_redis(url: str) -> Redis:
    """Return a client that never retries and never waits long: a dead Redis must not hold anything up.

    Raises:
        ValueError: the URL is malformed; it says how to write one, and nothing of this one.
    """
    try:
        client = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            # Not even "no retries": for an error it supports, redis-py's pub/sub connects again before it raises, and
            # when a reader and a writer fail together both do, and one of the two connections is left to the collector.
            retry=Retry(NoBackoff(), 0, supported_errors=()),
            protocol=2,  # plain pub/sub needs no more, and every proxy speaks it
        )
        client.connection_pool.connection_kwargs["decode_responses"] = False  # whatever the URL's options say
        # A wrong option in the query fails here, not at the first use.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        # redis-py's own words are left out: they may quote a part of the password.
        raise ValueError(URL_FORM) from None
    return client


class Link:
    """Whether Redis takes what we send.

    Args:
        broken: what to say when it does not.
        back: what to say when it does again.
    """

    def __init__(
        self,
        broken: str = "Redis is unreachable: turns go on, viewers wait",
        back: str = "Redis is reachable again",
    ) -> None:
        self.stands = True
        self._refuses = False
        self._broken = broken
        self._back = back

    def broke(self, reason: object) -> None:
        """Something was not taken."""
        if self.stands:
            _log.warning("%s (%s)", self._broken, reason)
        self.stands = False
        self._refuses = isinstance(reason, ResponseError)

    def answered(self) -> None:
        """It is there; what it refused before it may still refuse."""
        if not self._refuses:
            self.stood()

    def stood(self) -> None:
        """Something was taken."""
        if not self.stands:
            _log.warning("%s", self._back)
        self.stands = True
