"""`millstream providers`: what is configured, what is left out for now, and whether each key is good.

No key is ever shown.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from urllib.parse import urlsplit

import routing
import settings
from activities.breaker_hints import BreakerHint
from activities.transport import Response, Transport
from cli.breakers import open_breakers
from cli.following import DONE, FAILED
from cli.text import visible
from settings import ProviderSettings, Settings, SettingsError
from streaming.errors import ClockRanOut, NotTheWire, ProviderError, StatusError
from streaming.jsontext import JsonObject, JsonValue, excerpt, loads
from streaming.providers import WIRES
from streaming.providers.wire import Quirks, Wire
from streaming.reasons import Reason

_CONNECT_S = 10
CHECK_S = 20.0


@dataclass(frozen=True)
class _Listed:
    """A provider, the models that each route wants of it, and its key: "" if it needs none, None if it is missing."""

    name: str
    settings: ProviderSettings
    models: dict[str, list[str]]
    key: str | None

    @property
    def host(self) -> str:
        """Where it is, without what may be secret in an address."""
        return urlsplit(self.settings.base_url).netloc.rpartition("@")[2]

    @property
    def quirks(self) -> dict[str, JsonValue]:
        """Those in which it differs from its wire."""
        usual, own = Quirks(), self.settings.quirks
        values = {field.name: getattr(own, field.name) for field in fields(Quirks)}
        differing = {name: value for name, value in values.items() if value != getattr(usual, name)}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in differing.items()}


_Breakers = dict[str, BreakerHint]  # those that are open, by model


@dataclass(frozen=True)
class _Checked:
    """How one call went."""

    seconds: float
    error: dict[str, str] | None
    """What went wrong: its type, the reason in a word, and a sentence."""


async def providers(environ: Mapping[str, str], *, check: bool, as_json: bool, check_s: float = CHECK_S) -> int:
    """List the providers, each checked if asked for; return the exit code.

    Args:
        environ: where the settings are, and the keys.
        check: call each provider once.
        as_json: print JSON, not lines for people.
        check_s: how long a provider may take to answer.

    Raises:
        SettingsError: the settings cannot be used, or name no provider.
    """
    loaded = settings.load(environ)
    listed = _listed(loaded, environ)
    breakers = await _open_breakers(loaded, environ, listed)
    checks: list[_Checked | None] = [None] * len(listed)
    if check:
        async with Transport() as transport:
            checks = list(await asyncio.gather(*(_checked(transport, one, check_s) for one in listed)))
    told = list(zip(listed, breakers, checks, strict=True))
    if as_json:
        print(json.dumps({"providers": [_as_json(*one) for one in told]}, indent=2))
    else:
        print("\n\n".join(visible("\n".join(_lines(*one))) for one in told))
    return FAILED if any(checked and checked.error for checked in checks) else DONE


def _listed(loaded: Settings, environ: Mapping[str, str]) -> list[_Listed]:
    try:
        routes = routing.candidates_of_routes(loaded, environ)
    except SettingsError:
        if not loaded.providers:
            raise
        routes = {}
    models: dict[str, dict[str, list[str]]] = {name: {} for name in loaded.providers}
    for route, candidates in routes.items():
        for candidate in candidates:
            models.setdefault(candidate.provider, {}).setdefault(route, []).append(candidate.model)
    found = [(name, routing.find_provider(loaded, name)) for name in models]
    return [_Listed(name, provider, models[name], provider.key(environ)) for name, provider in found]


async def _open_breakers(loaded: Settings, environ: Mapping[str, str], listed: list[_Listed]) -> list[_Breakers | None]:
    """Return the open breakers of each provider; None where nobody knows."""
    models = [{model for models in one.models.values() for model in models} for one in listed]
    candidates = [(one.name, model) for one, its in zip(listed, models, strict=True) for model in sorted(its)]
    hints = await open_breakers(loaded, environ, candidates)
    if hints is None:
        return [None] * len(listed)
    return [{model: hint for (name, model), hint in hints.items() if name == one.name} for one in listed]


# -- one cheap call


async def _checked(transport: Transport, one: _Listed, within_s: float) -> _Checked:
    """Ask for what only the holder of a key may see, and say how that went."""
    started = time.monotonic()
    try:
        if one.key is None:
            raise SettingsError(f"{one.settings.api_key_env} is not set")
        await _ask(transport, one.settings, one.key, within_s)
    except (ProviderError, SettingsError) as error:
        # Servers have been seen to quote the key they refuse.
        message = str(error).replace(one.key, "[key]") if one.key else str(error)
        reason = error.reason if isinstance(error, ProviderError) else Reason.AUTH
        return _Checked(_since(started), {"type": type(error).__name__, "reason": reason, "message": message})
    return _Checked(_since(started), None)


async def _ask(transport: Transport, provider: ProviderSettings, key: str, within_s: float) -> None:
    wire = WIRES[provider.wire]
    url = provider.base_url + provider.check_path
    try:
        async with (
            asyncio.timeout(within_s),
            transport.get(url, wire.headers(key), connect_s=_CONNECT_S) as response,
        ):
            await _require_success(response, wire)
    except TimeoutError:
        raise ClockRanOut("try_s", within_s) from None


async def _require_success(response: Response, wire: Wire) -> None:
    body = await response.error_body()  # its beginning says enough, however many models there are
    details = wire.error_details(_json_or_none(body))
    if response.status != 200 or details.message:
        raise StatusError(response.status, details.message or excerpt(body), kind=details.kind, code=details.code)
    if not body.lstrip().startswith((b"{", b"[")):
        raise NotTheWire(f"HTTP 200 with {response.content_type or 'no content type'}: {excerpt(body)}")


def _json_or_none(body: bytes) -> JsonValue:
    try:
        return loads(body)
    except NotTheWire:
        return None


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


# -- showing


def _as_json(one: _Listed, breakers: _Breakers | None, checked: _Checked | None) -> JsonObject:
    described: JsonObject = {
        "name": one.name,
        "wire": one.settings.wire,
        "host": one.host,
        "api_key_env": one.settings.api_key_env or None,
        "key_set": bool(one.key),
        "models": {route: list(models) for route, models in one.models.items()},
        "quirks": one.quirks,
    }
    if breakers is not None:
        described["open_breakers"] = {model: dict(hint._asdict()) for model, hint in breakers.items()}
    if checked:
        error: JsonValue = dict(checked.error) if checked.error else None
        described["check"] = {"ok": error is None, "seconds": checked.seconds, "error": error}
    return described


def _lines(one: _Listed, breakers: _Breakers | None, checked: _Checked | None) -> list[str]:
    variable = one.settings.api_key_env
    key = f"{variable} is {'not set' if one.key is None else 'set'}" if variable else "no key needed"
    lines = [f"{one.name}: {one.settings.wire} at {one.host}, {key}"]
    lines += [f"  route {route}: {', '.join(models)}" for route, models in one.models.items()]
    if one.quirks:
        lines.append("  " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in one.quirks.items()))
    lines += [f"  ✗ {model} {_left_out(hint)}" for model, hint in (breakers or {}).items()]
    if checked and checked.error:
        lines.append(f"  ✗ {checked.error['type']} after {checked.seconds:.2f} s: {checked.error['message']}")
    elif checked:
        lines.append(f"  ✓ answers, {checked.seconds:.2f} s")
    return lines


def _left_out(hint: BreakerHint) -> str:
    until = datetime.fromtimestamp(hint.open_until, UTC).astimezone()
    return f"is left out until {until:%H:%M:%S}: {hint.reason}, says {hint.worker}"
