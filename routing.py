"""The routes of a worker: the settings' candidates with their wires, keys and prices."""

from collections.abc import Mapping

from pydantic import SecretStr

from activities.presets import DEFAULT_ROUTE, PRESETS
from activities.prices import Price, price_of, shipped
from activities.routes import Candidate, LeftOut, Retries, Routes
from settings import DEFAULT_FILE, CandidateSettings, ProviderSettings, Settings, SettingsError, is_set
from streaming.contracts import Limits
from streaming.providers import WIRES

_KEEPS_RESPONSES = "openai-responses"


def find_provider(settings: Settings, name: str) -> ProviderSettings:
    """Return a provider of the settings, or else the preset of that name.

    Raises:
        SettingsError: there is neither.
    """
    if name in settings.providers:
        return settings.providers[name]
    if name not in PRESETS:
        known = ", ".join(sorted(PRESETS.keys() | settings.providers.keys()))
        raise SettingsError(f"no provider {name!r}; known: {known}")
    if "base_url" not in PRESETS[name]:
        raise SettingsError(f"{name!r} needs [providers.{name}] with its base_url in {DEFAULT_FILE}")
    return ProviderSettings.model_validate(PRESETS[name])


def resolve_routes(settings: Settings, environ: Mapping[str, str]) -> tuple[Routes, list[str]]:
    """Return the routes with their keys, and a warning for each candidate that is left out for want of one.

    Raises:
        SettingsError: a route names an unknown provider, or no candidate of it can be called.
    """
    prices = shipped() | settings.prices
    routes: dict[str, list[Candidate]] = {}
    left_out: dict[str, list[LeftOut]] = {}
    for route, entries in candidates_of_routes(settings, environ).items():
        usable: list[Candidate] = []
        missing: list[LeftOut] = []
        for at, entry in enumerate(entries):
            if (entry.provider, entry.model) in [(one.provider, one.model) for one in entries[:at]]:
                raise SettingsError(f"routes.{route}.{at}: {entry.provider}/{entry.model} is in this route already")
            try:
                provider = find_provider(settings, entry.provider)
            except SettingsError as error:
                raise SettingsError(f"routes.{route}.{at}.provider: {error}") from None
            if entry.background and not (provider.wire == _KEEPS_RESPONSES and entry.stream):
                told = f"only wire {_KEEPS_RESPONSES} has it, and only streamed"
                raise SettingsError(f"routes.{route}.{at}.background: {told}")
            key = provider.key(environ)
            if key is None:
                missing.append(LeftOut(entry.provider, entry.model, f"{provider.api_key_env} is not set"))
            else:
                price = price_of(prices, entry.provider, provider.price_list, entry.model)
                usable.append(_candidate(entry, provider, key, price))
        if not usable:
            raise SettingsError(f"route {route!r} has no usable candidate: {'; '.join(map(str, missing))}")
        routes[route], left_out[route] = usable, missing
    if unknown := sorted(settings.retries.keys() - routes.keys()):
        raise SettingsError(f"retries.{unknown[0]}: no such route; there are {', '.join(sorted(routes))}")
    retries = {name: Retries(**given.model_dump()) for name, given in settings.retries.items()}
    warnings = [f"route {route!r} goes without {one}" for route, missing in left_out.items() for one in missing]
    return Routes(routes, retries, left_out), warnings


def candidates_of_routes(settings: Settings, environ: Mapping[str, str]) -> Mapping[str, list[CandidateSettings]]:
    """Return each route's candidates; with no route in the settings, `default` is made of the keys that are set.

    Raises:
        SettingsError: there is no route, and none of those keys.
    """
    if settings.routes:
        return settings.routes
    entries = [CandidateSettings.model_validate(entry) for entry in DEFAULT_ROUTE]
    variables = {entry.provider: _key_variable(settings, entry.provider) for entry in entries}
    usable = [entry for entry in entries if is_set(variables[entry.provider], environ)]
    if not usable:
        keys = ", ".join(variables.values())
        raise SettingsError(
            f"no route: set one of {keys}, or write [[routes.default]] into {DEFAULT_FILE} (see README.md)"
        )
    return {"default": usable}


def _key_variable(settings: Settings, name: str) -> str:
    configured = settings.providers.get(name)
    return configured.api_key_env if configured else str(PRESETS[name]["api_key_env"])


def _candidate(entry: CandidateSettings, provider: ProviderSettings, key: str, price: Price | None) -> Candidate:
    return Candidate(
        provider=entry.provider,
        model=entry.model,
        wire=WIRES[provider.wire],
        base_url=provider.base_url,
        api_key=SecretStr(key),
        stream=entry.stream,
        accept_empty=entry.on_empty == "accept",
        accept_refusal=entry.on_refusal == "accept",
        background=entry.background,
        quirks=provider.quirks,
        clocks=entry.model_dump(include=set(Limits.model_fields), exclude_none=True),
        price=price,
    )
