"""Settings of every process, from `millstream.toml` and the environment, resolved to what the processes need.

A variable `MILLSTREAM_<SECTION>__<KEY>` overrides the file (`MILLSTREAM_LIVE__ENABLED=false`); the file is
`./millstream.toml` or the one `MILLSTREAM_CONFIG` names. API keys are never in the file: it names the variable
that holds each. Temporal's own variables and profiles (`TEMPORAL_ADDRESS`, ...) are read by `temporalio.envconfig`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from redis.asyncio import Redis

from activities.routes import Candidate, Routes
from streaming.contracts import DEFAULT_TASK_QUEUE, Limits, Seconds
from streaming.live import link
from streaming.live.channels import DEFAULT_PREFIX
from streaming.providers import WIRES
from streaming.providers.wire import Quirks

ENV_PREFIX = "MILLSTREAM_"
CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
DEFAULT_FILE = "millstream.toml"
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379"
_MAX_FILE_BYTES = 2**20
_Name = Annotated[str, Field(min_length=1)]


class SettingsError(Exception):
    """The settings cannot be used; the message names the key, the reason and the way out."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_wire(name: str) -> str:
    if name not in WIRES:
        raise ValueError(f"no such wire; this version speaks {', '.join(sorted(WIRES))}")
    return name


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url.rstrip("/")


def _variable_name(name: str) -> str:
    # Never quoted: people put the key itself here.
    if not name.isidentifier():
        raise ValueError("must be the name of an environment variable that holds the key, not the key")
    return name


def _host_and_port(address: str) -> str:
    host, _, port = address.rpartition(":")
    if ":" in host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ValueError("must be HOST:PORT, or :PORT for every interface")
    return address


class ProviderSettings(_Section):
    """How to reach a provider, and how it differs from the wire it speaks."""

    wire: Annotated[str, AfterValidator(_known_wire)]
    base_url: Annotated[str, AfterValidator(_web_address)]
    api_key_env: Annotated[str, AfterValidator(_variable_name)]
    no_done: bool = False
    no_stream_options: bool = False


class CandidateSettings(_Section):
    """One entry of a route; clocks given here override the turn's."""

    provider: str
    model: _Name
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
    channel_prefix: _Name = DEFAULT_PREFIX
    flush_floor_ms: Annotated[float, Field(ge=0, le=1000)] = 0
    dormancy: bool = True  # off where a Redis proxy falsifies PUBLISH's reply


class WorkerSettings(_Section):
    """The worker process."""

    task_queue: _Name = DEFAULT_TASK_QUEUE
    max_concurrent_turns: Annotated[int, Field(gt=0)] = 300
    drain_s: Annotated[float, Field(ge=0)] = 30
    """How long running turns may finish after SIGTERM before they are handed over."""
    health_address: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:0"
    metrics_address: Annotated[str, AfterValidator(_host_and_port)] = ""  # off
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

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    providers: dict[str, ProviderSettings] = {}
    routes: dict[str, Annotated[list[CandidateSettings], Field(min_length=1)]] = {}
    live: LiveSettings = LiveSettings()
    worker: WorkerSettings = WorkerSettings()


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: names each key that is wrong, and where it came from.
    """
    _refuse_unknown_variables(environ)
    path = Path(environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    if environ.get(CONFIG_VARIABLE) and not path.is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {path}, which is not a file")
    # The environment we were given, which is not always the process's own.
    variables = EnvSettingsSource(Settings)
    variables.env_vars = {name.lower(): value for name, value in environ.items()}
    try:
        return Settings(_build_sources=((variables, _file(path)), {}))
    except ValidationError as error:
        raise SettingsError(_problems(error.errors(), path, environ)) from None
    except ValueError as error:
        raise SettingsError(f"environment: a whole section in one variable must be JSON: {error}") from None


def _file(path: Path) -> TomlConfigSettingsSource:
    try:
        if path.is_file() and path.stat().st_size > _MAX_FILE_BYTES:
            raise SettingsError(f"{path}: over {_MAX_FILE_BYTES:,} bytes: these are no settings")
        return TomlConfigSettingsSource(Settings, path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None


def _problems(details: Sequence[ErrorDetails], path: Path, environ: Mapping[str, str]) -> str:
    """Name each key that is wrong and why, under the variable or the file that says so."""
    by_source: dict[str, list[str]] = {}
    for detail in details:
        location = [str(step) for step in detail["loc"]]
        variables = (ENV_PREFIX + "__".join(location[:depth]).upper() for depth in range(len(location), 0, -1))
        source = next((name for name in variables if name in environ), str(path) if path.is_file() else "environment")
        reason = "unknown key" if detail["type"] == "extra_forbidden" else detail["msg"].removeprefix("Value error, ")
        by_source.setdefault(source, []).append(f"{'.'.join(location)}: {reason}")
    return "; ".join(f"{source}: {'; '.join(lines)}" for source, lines in by_source.items())


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    given = sorted(name for name in environ if name.startswith(ENV_PREFIX))
    unknown = [name for name in given if name.partition("__")[0].upper() not in known]
    if unknown:
        raise SettingsError(f"unknown environment variable {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def connect_redis(environ: Mapping[str, str]) -> Redis:
    """Return a client of the Redis that `REDIS_URL` names; it connects when it is first used.

    Raises:
        SettingsError: the URL is malformed. An unreachable Redis is no error: turns go on without viewers.
    """
    try:
        redis = link.connect_redis(environ.get("REDIS_URL") or DEFAULT_REDIS_URL)
        # A wrong option in the query fails here, not at the first use.
        redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        # redis-py's own words are left out: they may quote a part of the password.
        told = "write redis://[USER:PASSWORD@]HOST[:PORT] with the password percent-encoded"
        raise SettingsError(f"REDIS_URL is malformed: {told}") from None
    return redis


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
            if key := environ.get(provider.api_key_env, "").strip():
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
        if environ.get(provider.api_key_env, "").strip()
    ]
    if not entries:
        keys = ", ".join(provider.api_key_env for provider, _ in _WELL_KNOWN.values())
        raise SettingsError(f"no route: set {keys}, or write [[routes.default]] into {DEFAULT_FILE} (see README.md)")
    return {"default": entries}


def _candidate(entry: CandidateSettings, provider: ProviderSettings, key: str) -> Candidate:
    return Candidate(
        provider=entry.provider,
        model=entry.model,
        wire=WIRES[provider.wire],
        base_url=provider.base_url,
        api_key=SecretStr(key),
        stream=entry.stream,
        accept_empty=entry.on_empty == "accept",
        quirks=Quirks(no_done=provider.no_done, no_stream_options=provider.no_stream_options),
        clocks=entry.model_dump(include=set(Limits.model_fields), exclude_none=True),
    )
