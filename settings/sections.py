"""The sections of the settings: their keys with types and defaults. The README's table says what each means."""

from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from activities.presets import PRESETS
from streaming.contracts import DEFAULT_TASK_QUEUE, GenerationSettings, Seconds
from streaming.live.channels import DEFAULT_PREFIX
from streaming.providers import WIRES
from streaming.providers.wire import Quirks

Name = Annotated[str, Field(min_length=1)]


def is_set(variable: str, environ: Mapping[str, str]) -> bool:
    """Return whether a key's variable is set; a server without keys has none."""
    return not variable or bool(environ.get(variable, "").strip())


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
    host, colon, port = address.rpartition(":")
    if not colon or ":" in host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ValueError("must be HOST:PORT, or :PORT for every interface")
    return address


def _ip_and_port(address: str) -> str:
    host, _, _ = _host_and_port(address).rpartition(":")
    if host:
        ip_address(host)  # Temporal's runtime looks no name up
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
    renames: dict[Name, Name] = {}
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
    model: Name
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
    model: Name | None = None
    voice: Name | None = None


class LiveSettings(_Section):
    """The live view."""

    enabled: bool = True
    channel_prefix: Name = DEFAULT_PREFIX
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

    task_queue: Name = DEFAULT_TASK_QUEUE
    max_concurrent_turns: Annotated[int, Field(gt=0)] = 300
    drain_s: Annotated[float, Field(ge=0)] = 30
    """How long running turns may finish after SIGTERM before they are handed over."""
    health_address: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:0"
    metrics_address: Annotated[str, AfterValidator(_ip_and_port)] = ""  # off
    log_format: Literal["auto", "json", "console"] = "auto"
