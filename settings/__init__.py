"""Settings of every process, from `millstream.toml` and the environment. `routing.py` makes routes of them.

A variable `MILLSTREAM_<SECTION>__<KEY>` overrides the file (`MILLSTREAM_LIVE__ENABLED=false`); the file is
`./millstream.toml` or the one `MILLSTREAM_CONFIG` names. API keys are never in the file: it names the variable
that holds each. Temporal's own variables and profiles (`TEMPORAL_ADDRESS`, ...) are read by `temporalio.envconfig`.
"""

from settings.errors import SettingsError
from settings.loading import CONFIG_VARIABLE, DEFAULT_FILE, Settings, load
from settings.redis_url import connect_redis
from settings.sections import (
    AttachmentSettings,
    BreakerSettings,
    CandidateSettings,
    LiveSettings,
    ProviderSettings,
    RealtimeSettings,
    RetrySettings,
    WorkerSettings,
    is_set,
)

__all__ = [
    "CONFIG_VARIABLE",
    "DEFAULT_FILE",
    "AttachmentSettings",
    "BreakerSettings",
    "CandidateSettings",
    "LiveSettings",
    "ProviderSettings",
    "RealtimeSettings",
    "RetrySettings",
    "Settings",
    "SettingsError",
    "WorkerSettings",
    "connect_redis",
    "is_set",
    "load",
]
