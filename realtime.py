"""The realtime providers of the settings, with their keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from settings import DEFAULT_FILE, RealtimeSettings, Settings, SettingsError, is_set
from streaming.duplex.gemini_live import GeminiLive
from streaming.duplex.openai_realtime import OpenAIRealtime
from streaming.duplex.provider import RealtimeProvider
from streaming.duplex.setup import SessionSetup


@dataclass(frozen=True)
class _Known:
    """What a wire's own provider is, where the settings do not say otherwise."""

    connected: Callable[[str, str, SessionSetup, str], RealtimeProvider]
    base_url: str
    api_key_env: str
    model: str


_KNOWN = {
    "openai-realtime": _Known(OpenAIRealtime, "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-realtime"),
    "gemini-live": _Known(
        GeminiLive,
        "https://generativelanguage.googleapis.com/v1beta",
        "GEMINI_API_KEY",
        "gemini-2.5-flash-native-audio-preview-12-2025",
    ),
}


def choose_realtime(settings: Settings, name: str | None) -> tuple[str, RealtimeSettings] | None:
    """Return the realtime provider of a name, or else the only one; None where the settings have none.

    Raises:
        SettingsError: there is none of this name, or there are several and no name.
    """
    known = ", ".join(sorted(settings.realtime)) or "none"
    if name is not None:
        if name not in settings.realtime:
            raise SettingsError(f"no realtime provider {name!r}: there is {known}; [realtime.{name}] in {DEFAULT_FILE}")
        return name, settings.realtime[name]
    if len(settings.realtime) > 1:
        raise SettingsError(f"several realtime providers: name one of {known}")
    return next(iter(settings.realtime.items()), None)


def realtime_provider(
    name: str, given: RealtimeSettings, setup: SessionSetup, environ: Mapping[str, str]
) -> RealtimeProvider:
    """Return a provider with its key.

    Args:
        name: the provider's, in the settings.
        given: its settings.
        setup: what sessions are to be; model and voice are the settings'.
        environ: where its key is.

    Raises:
        SettingsError: the variable of its key is not set.
    """
    known = _KNOWN[given.wire]
    variable = known.api_key_env if given.api_key_env is None else given.api_key_env
    if not is_set(variable, environ):
        raise SettingsError(f"realtime.{name}: {variable} is not set; it holds the provider's key")
    key = environ[variable].strip() if variable else ""
    wanted = replace(setup, model=given.model or known.model, voice=given.voice)
    return known.connected(name, given.base_url or known.base_url, wanted, key)
