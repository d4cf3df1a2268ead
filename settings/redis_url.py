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
        return link.connect_redis(environ.get("REDIS_URL") or _DEFAULT_URL)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL is malformed: {error}") from None
