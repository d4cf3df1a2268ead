"""Which circuit breakers are open, as the workers say in Redis; nothing where Redis is not there."""

import time
from collections.abc import Collection, Mapping

import connection
import settings
from activities.breaker_hints import BreakerHint, parsed
from settings import Settings
from streaming.live.channels import Channels
from streaming.live.exchange import read
from streaming.live.link import BROKEN

Candidate = tuple[str, str]


async def open_breakers(
    loaded: Settings, environ: Mapping[str, str], candidates: Collection[Candidate]
) -> dict[Candidate, BreakerHint] | None:
    """Return what workers say of those candidates whose breaker is open; None where there is nobody to ask.

    Raises:
        SettingsError: `REDIS_URL` is malformed.
    """
    shared = loaded.live.enabled and loaded.breakers.enabled and loaded.breakers.share
    if not (shared and candidates):
        return None
    redis = settings.connect_redis(environ)
    try:
        channels = Channels(connection.namespace(environ), loaded.live.channel_prefix)
        values = await read(redis, [channels.breaker(*candidate) for candidate in candidates])
    except (*BROKEN, connection.CannotReachTemporal):
        return None
    finally:
        await redis.aclose()
    now = time.time()
    hints = {candidate: parsed(value, now) for candidate, value in zip(candidates, values, strict=True)}
    return {candidate: hint for candidate, hint in hints.items() if hint}
