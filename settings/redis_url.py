"""The Redis that the environment names."""

from collections.abc import Mapping

from redis.asyncio import Redis

from settings.errors import SettingsError
from streaming.live import link

_DEFAULT_URL = "redis://127.0.0.1:6379"


def connect_redis(environ: Mapping[str, str]) -> Redis:
    """Return a client of the Redis that `REDIS_URL` names; it connects when it is first used.

    Raises:
        SettingsError: the URL is malformed. An unreachable Redis is no error: turns go on without viewers.
    """
    try:
        redis = link.connect_redis(environ.get("REDIS_URL") or _DEFAULT_URL)
        # A wrong option in the query fails here, not at the first use.
        redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        # redis-py's own words are left out: they may quote a part of the password.
        told = "write redis://[USER:PASSWORD@]HOST[:PORT] with the password percent-encoded"
        raise SettingsError(f"REDIS_URL is malformed: {told}") from None
    return redis
