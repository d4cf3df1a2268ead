"""Settings of every process, from `millstream.toml` and the environment. `routing.py` makes routes of them.

A variable `MILLSTREAM_<SECTION>__<KEY>` overrides the file (`MILLSTREAM_LIVE__ENABLED=false`); the file is
`./millstream.toml` or the one `MILLSTREAM_CONFIG` names. API keys are never in the file: it names the variable
that holds each. Temporal's own variables and profiles (`TEMPORAL_ADDRESS`, ...) are read by `temporalio.envconfig`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from redis.asyncio import Redis

from activities.presets import PRESETS, with_preset
from activities.prices import Price
from streaming.contracts import DEFAULT_TASK_QUEUE, GenerationSettings, Seconds
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


def _known_preset(name: str) -> str:
    if name and name not in PRESETS:
        raise ValueError(f"no such preset; there are {', '.join(PRESETS)}")
    return name


def _variable_name(name: str) -> str:
    # Never quoted: people put the key itself here.
    if name and not name.isidentifier():
        raise ValueError('must be the name of an environment variable that holds the key, not the key; "" for no key')
    return name


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("must begin with /")
    return path


def _settings_of_a_turn(names: frozenset[str]) -> frozenset[str]:
    known = GenerationSettings.model_fields.keys() - {"extra"}
    if unknown := sorted(names - known):
        raise ValueError(f"a turn has no settings.{unknown[0]}; it has {', '.join(sorted(known))}")
    return names


def _host_and_port(address: str) -> str:
    host, _, port = address.rpartition(":")
    if ":" in host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ValueError("must be HOST:PORT, or :PORT for every interface")
    return address


def _network(network: str) -> str:
    ip_network(network)
    return network


class ProviderSettings(_Section):
    """How to reach a provider, and how it differs from the wire it speaks."""

    preset: Annotated[str, AfterValidator(_known_preset)] = ""
    """Whose keys hold where this table has none: see `activities/presets.toml`."""
    wire: Annotated[str, AfterValidator(_known_wire)]
    base_url: Annotated[str, AfterValidator(_web_address)]
    api_key_env: Annotated[str, AfterValidator(_variable_name)]
    check_path: Annotated[str, AfterValidator(_path)] = "/models"
    """What `millstream providers --check` asks for, below the base URL."""
    price_list: str = ""
    """The provider whose prices are also this one's."""
    no_done: bool = False
    no_stream_options: bool = False
    renames: dict[_Name, _Name] = {}
    refuses: Annotated[frozenset[str], AfterValidator(_settings_of_a_turn)] = frozenset()
    reasoning_field: str = ""
    json_object_only: bool = False
    short_tool_ids: bool = False

    @property
    def quirks(self) -> Quirks:
        """How it differs from the wire."""
        return Quirks(**{field.name: getattr(self, field.name) for field in fields(Quirks)})

    def key(self, environ: Mapping[str, str]) -> str | None:
        """Return the key, "" for a server without keys, None where its variable is not set."""
        return environ.get(self.api_key_env, "").strip() if is_set(self.api_key_env, environ) else None


class BreakerSettings(_Section):
    """Leaving candidates out for a while that are known to be down."""

    enabled: bool = True
    share: bool = True
    """Tell the other workers over Redis."""


class RetrySettings(_Section):
    """How a route is tried again when every candidate has failed; `[retries.NAME]` of the route's name."""

    passes: Annotated[int, Field(gt=0)] | None = None
    max_wait_s: Seconds = 30


class CandidateSettings(_Section):
    """One entry of a route; clocks given here override the turn's."""

    provider: str
    model: _Name
    stream: bool = True
    on_empty: Literal["retry", "accept"] = "retry"
    on_refusal: Literal["accept", "next"] = "accept"
    background: bool = False
    """Have the provider go on without us, so that another attempt reads the same response on."""
    connect_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    stall_s: Seconds | None = None
    try_s: Seconds | None = None


class RealtimeSettings(_Section):
    """A provider of voice sessions; what is not given is the wire's own."""

    wire: Literal["openai-realtime", "gemini-live"]
    base_url: Annotated[str, AfterValidator(_web_address)] | None = None
    api_key_env: Annotated[str, AfterValidator(_variable_name)] | None = None
    model: _Name | None = None
    voice: _Name | None = None


class LiveSettings(_Section):
    """The live view."""

    enabled: bool = True
    channel_prefix: _Name = DEFAULT_PREFIX
    flush_floor_ms: Annotated[float, Field(ge=0, le=1000)] = 0
    dormancy: bool = True  # off where a Redis proxy falsifies PUBLISH's reply


class AttachmentSettings(_Section):
    """Images, sounds and documents that a turn's messages bring along or refer to."""

    directory: str = ""
    """The attachment store, in which a part's `object` is a key; with none, no part can have one."""
    max_bytes: Annotated[int, Field(gt=0)] = 20 * 2**20
    max_total_bytes: Annotated[int, Field(gt=0)] = 50 * 2**20
    """Of one request."""
    load_s: Seconds = 20
    """How long one may take to come from its URL or from the store."""
    allow_http: bool = False
    allow_networks: list[Annotated[str, AfterValidator(_network)]] = []
    """Where URLs may lead although it is no public address."""


class WorkerSettings(_Section):
    """The worker process."""

    task_queue: _Name = DEFAULT_TASK_QUEUE
    max_concurrent_turns: Annotated[int, Field(gt=0)] = 300
    drain_s: Annotated[float, Field(ge=0)] = 30
    """How long running turns may finish after SIGTERM before they are handed over."""
    health_address: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:0"
    metrics_address: Annotated[str, AfterValidator(_host_and_port)] = ""  # off
    log_format: Literal["auto", "json", "console"] = "auto"


def is_set(variable: str, environ: Mapping[str, str]) -> bool:
    """Return whether a key's variable is set; a server without keys has none."""
    return not variable or bool(environ.get(variable, "").strip())


def _with_presets(tables: object) -> object:
    if not isinstance(tables, dict):
        return tables
    return {name: with_preset(name, table) if isinstance(table, dict) else table for name, table in tables.items()}


class Settings(BaseSettings):
    """All settings. Use `load`."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    providers: Annotated[dict[str, ProviderSettings], BeforeValidator(_with_presets)] = {}
    routes: dict[str, Annotated[list[CandidateSettings], Field(min_length=1)]] = {}
    retries: dict[str, RetrySettings] = {}
    breakers: BreakerSettings = BreakerSettings()
    prices: dict[_Name, Price] = {}
    realtime: dict[str, RealtimeSettings] = {}
    attachments: AttachmentSettings = AttachmentSettings()
    live: LiveSettings = LiveSettings()
    worker: WorkerSettings = WorkerSettings()


# What a provider's table must say, if no preset says it.
_WAYS_OUT = {
    "wire": f"say which it speaks, or preset = one of {', '.join(PRESETS)}",
    "base_url": "say where its server is",
    "api_key_env": 'name the variable that holds its key, or "" if it wants none',
}


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
        if detail["type"] == "missing" and location[0] == "providers":
            reason += f"; {_WAYS_OUT[location[-1]]}"
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
