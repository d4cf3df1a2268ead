"""The providers that need no table in the settings: `presets.toml`, which is written as settings are."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

_SHIPPED = tomllib.loads(Path(__file__).with_name("presets.toml").read_text(encoding="utf-8"))

PRESETS: Mapping[str, Mapping[str, object]] = _SHIPPED["providers"]
"""By name: keys of `[providers.NAME]`."""
DEFAULT_ROUTE: list[Mapping[str, str]] = _SHIPPED["routes"]["default"]
"""The candidates, provider and model, of a worker whose settings name no route."""


def with_preset(name: str, table: Mapping[str, object]) -> dict[str, object]:
    """Return a provider's table with its preset's keys beneath its own.

    The preset is the one it names; without that, and without a wire, the one of its own name, if there is one.
    """
    chosen = table.get("preset") or ("" if "wire" in table else name)
    preset = PRESETS.get(chosen, {}) if isinstance(chosen, str) else {}
    return {**preset, **table}
