"""Settings of every process, from `millstream.toml` and the environment, resolved to what the processes need.

A variable `MILLSTREAM_<SECTION>__<KEY>` overrides the file (`MILLSTREAM_LIVE__ENABLED=false`); the file is
`./millstream.toml` or the one `MILLSTREAM_CONFIG` names. API keys are never in the file: it names the variable
that holds each. Temporal's own variables and profiles (`TEMPORAL_ADDRESS`, ...) are read by `temporalio.envconfig`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from redis.asyncio import Redis

from activities.routes import Candidate, Routes
from streaming.contracts import DEFAULT_TASK_QUEUE, Limits, Seconds
from streaming.live import publisher
from streaming.live.channels import DEFAULT_PREFIX
from streaming.providers import WIRES
from streaming.providers.wire import Quirks

ENV_PREFIX = "MILLSTREAM_"
CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379"


class SettingsError(Exception):
    """The settings cannot be used; the message names the key, the reason and the way out."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_wire(name: str) -> str:
    if name not in WIRES:
        raise ValueError(f"no such wire; this version speaks {', '.join(sorted(WIRES))}")
    return name


class ProviderSettings(_Section):
    """How to reach a provider, and how it differs from the wire it speaks."""

    wire: Annotated[str, AfterValidator(_known_wire)]
    base_url: Annotated[str, Field(pattern=r"^https?://")]
    api_key_env: str
    no_done: bool = False
    no_stream_options: bool = False


class CandidateSettings(_Section):
    """One entry of a route; clocks given here override the turn's."""

    provider: str
    model: str
    stream: bool = True
    on_empty: Literal["retry", "accept"] = "retry"
    connect_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    stall_s: Seconds | None = None
    try_s: Seconds | None = None


class LiveSettings(_Section):
    """The live view."""

    enabled: bool = True
    channel_prefix: str = DEFAULT_PREFIX
    flush_floor_ms: Annotated[float, Field(ge=0, le=1000)] = 0
    dormancy: bool = True
    """Off where a Redis proxy falsifies PUBLISH's reply."""


class WorkerSettings(_Section):
    """The worker process."""

    task_queue: str = DEFAULT_TASK_QUEUE
    max_concurrent_turns: Annotated[int, Field(gt=0)] = 300
    drain_s: Annotated[float, Field(ge=0)] = 30
    """How long running turns may finish after SIGTERM before they are handed over."""
    health_address: Annotated[str, Field(pattern=r"^[^:]*:\d+$")] = "127.0.0.1:0"
    log_format: Literal["auto", "json", "console"] = "auto"


# What `millstream.toml` would say for a provider whose key is set, so that no file is needed to begin.
_WELL_KNOWN = {
    "openai": (
        ProviderSettings(wire="openai-chat", base_url="https://api.openai.com/v1", api_key_env="OPENAI_API_KEY"),
        "gpt-5.5",
    ),
}


class Settings(BaseSettings):
    """All settings. Use `load`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    providers: dict[str, ProviderSettings] = {}
    routes: dict[str, Annotated[list[CandidateSettings], Field(min_length=1)]] = {}
    live: LiveSettings = LiveSettings()
    worker: WorkerSettings = WorkerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: names each key that is wrong, and where it came from.
    """
    _refuse_unknown_variables(environ)
    path = Path(environ.get(CONFIG_VARIABLE, "millstream.toml"))
    if CONFIG_VARIABLE in environ and not path.is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {path}, which is not a file")
    try:
        from_file = TomlConfigSettingsSource(Settings, path)()
    except ValueError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    try:
        return Settings(**from_file)
    except ValidationError as error:
        problems = "; ".join(_problem(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors())
        raise SettingsError(f"{path if path.is_file() else 'environment'}: {problems}") from None
    except ValueError as error:
        raise SettingsError(f"environment: {error}") from None


def _problem(location: tuple[str | int, ...], kind: str, message: str) -> str:
    return f"{'.'.join(map(str, location))}: {'unknown key' if kind == 'extra_forbidden' else message}"


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    unknown = sorted(
        name for name in environ if name.startswith(ENV_PREFIX) and name.partition("__")[0].upper() not in known
    )
    if unknown:
        raise SettingsError(f"unknown environment variable {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def connect_redis(environ: Mapping[str, str]) -> Redis:
    """Return a client of the Redis that `REDIS_URL` names; it connects when it is first used.

    Raises:
        SettingsError: the URL is malformed. An unreachable Redis is no error: turns go on without viewers.
    """
    try:
        return publisher.connect_redis(environ.get("REDIS_URL") or DEFAULT_REDIS_URL)
    except ValueError as error:
        # redis-py's words do not quote the URL, which may hold a password.
        raise SettingsError(f"REDIS_URL: {error}; write redis://HOST:PORT, or rediss:// for TLS") from None


def resolve_routes(settings: Settings, environ: Mapping[str, str]) -> tuple[Routes, list[str]]:
    """Return the routes with their keys, and a warning for each candidate that is left out for want of one.

    Raises:
        SettingsError: a route names an unknown provider, or no candidate of it can be called.
    """
    providers = {name: provider for name, (provider, _) in _WELL_KNOWN.items()} | settings.providers
    routes: dict[str, list[Candidate]] = {}
    warnings: list[str] = []
    for route, entries in (settings.routes or _default_route(environ)).items():
        usable: list[Candidate] = []
        missing: list[str] = []
        for at, entry in enumerate(entries):
            provider = providers.get(entry.provider)
            if provider is None:
                known = ", ".join(sorted(providers))
                raise SettingsError(f"routes.{route}.{at}.provider: no provider {entry.provider!r}; known: {known}")
            if key := environ.get(provider.api_key_env):
                usable.append(_candidate(entry, provider, key))
            else:
                missing.append(f"{entry.provider}/{entry.model}: {provider.api_key_env} is not set")
        if not usable:
            raise SettingsError(f"route {route!r} has no usable candidate: {'; '.join(missing)}")
        warnings += [f"route {route!r} goes without {reason}" for reason in missing]
        routes[route] = usable
    return Routes(routes), warnings


def _default_route(environ: Mapping[str, str]) -> dict[str, list[CandidateSettings]]:
    entries = [
        CandidateSettings(provider=name, model=model)
        for name, (provider, model) in _WELL_KNOWN.items()
        if environ.get(provider.api_key_env)
    ]
    if not entries:
        keys = ", ".join(provider.api_key_env for provider, _ in _WELL_KNOWN.values())
        raise SettingsError(
            f"no route: set {keys}, or write [providers.NAME] and [[routes.default]] into millstream.toml (see README)"
        )
    return {"default": entries}


def _candidate(entry: CandidateSettings, provider: ProviderSettings, key: str) -> Candidate:
    clocks = entry.model_dump(include=set(Limits.model_fields), exclude_none=True)
    return Candidate(
        provider=entry.provider,
        model=entry.model,
        wire=WIRES[provider.wire],
        base_url=provider.base_url,
        api_key=SecretStr(key),
        stream=entry.stream,
        accept_empty=entry.on_empty == "accept",
        quirks=Quirks(no_done=provider.no_done, no_stream_options=provider.no_stream_options),
        clocks=clocks,
    )
