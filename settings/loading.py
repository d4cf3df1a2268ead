"""All settings, read from the file and the environment; what is wrong is told by its key and where it came from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from activities.presets import PRESETS, with_preset
from activities.prices import Price
from settings.errors import SettingsError
from settings.sections import (
    AttachmentSettings,
    BreakerSettings,
    CandidateSettings,
    LiveSettings,
    Name,
    ProviderSettings,
    RealtimeSettings,
    RetrySettings,
    WorkerSettings,
)

ENV_PREFIX = "MILLSTREAM_"
CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
DEFAULT_FILE = "millstream.toml"
_MAX_FILE_BYTES = 2**20


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
    prices: dict[Name, Price] = {}
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
