"""Realtime providers out of settings and the environment."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from realtime import choose_realtime, realtime_provider
from settings import RealtimeSettings, SettingsError, load
from streaming.duplex.gemini_live import GeminiLive
from streaming.duplex.openai_realtime import OpenAIRealtime
from streaming.duplex.setup import SessionSetup

SETUP = SessionSetup(model="", instructions="Be brief.")
BOTH = """
[realtime.voice]
wire = "openai-realtime"
model = "gpt-realtime-mini"
voice = "marin"

[realtime.other]
wire = "gemini-live"
base_url = "https://gemini.example/"
api_key_env = "OTHER_KEY"
"""


def written(tmp_path: Path, text: str) -> Mapping[str, str]:
    """Return the environment of a process whose settings are this text."""
    file = tmp_path / "millstream.toml"
    file.write_text(text)
    return {"MILLSTREAM_CONFIG": str(file)}


def test_a_wire_alone_is_enough(tmp_path: Path) -> None:
    """Address, key's variable and model are the provider's own then."""
    settings = load(written(tmp_path, '[realtime.mine]\nwire = "openai-realtime"'))
    chosen = choose_realtime(settings, None)
    assert chosen is not None

    provider = realtime_provider(*chosen, SETUP, {"OPENAI_API_KEY": " sk-secret "})

    assert isinstance(provider, OpenAIRealtime)
    assert provider.name == "mine"
    target = provider.target()
    assert target.url.startswith("wss://api.openai.com/v1/realtime?model=gpt-realtime")
    assert "Bearer sk-secret" in target.headers.values()
    assert "sk-secret" not in f"{provider!r} {target!r}"


def test_what_is_given_holds(tmp_path: Path) -> None:
    """Address, key's variable, model and voice."""
    environ = {**written(tmp_path, BOTH), "OTHER_KEY": "k", "OPENAI_API_KEY": "k"}
    settings = load(environ)

    other = realtime_provider("other", settings.realtime["other"], SETUP, environ)
    voice = realtime_provider("voice", settings.realtime["voice"], SETUP, environ)

    assert isinstance(other, GeminiLive)
    assert other.target().url.startswith("wss://gemini.example/ws/")
    assert isinstance(voice, OpenAIRealtime)
    assert (voice.setup.model, voice.setup.voice, voice.setup.instructions) == (
        "gpt-realtime-mini",
        "marin",
        "Be brief.",
    )


def test_with_none_there_is_none() -> None:
    """Whoever asks decides what to do instead."""
    assert choose_realtime(load({}), None) is None


def test_of_several_one_is_named(tmp_path: Path) -> None:
    """There is no first among equals."""
    settings = load(written(tmp_path, BOTH))

    with pytest.raises(SettingsError, match="several realtime providers: name one of other, voice"):
        choose_realtime(settings, None)
    chosen = choose_realtime(settings, "other")
    assert chosen is not None
    assert chosen[0] == "other"


@pytest.mark.parametrize(("text", "there"), [(BOTH, "other, voice"), ("", "none")])
def test_an_unknown_name_is_told_with_those_there_are(tmp_path: Path, text: str, there: str) -> None:
    """And where to write it."""
    with pytest.raises(SettingsError, match=rf"no realtime provider 'x': there is {there}; \[realtime.x\]"):
        choose_realtime(load(written(tmp_path, text)), "x")


def test_a_key_that_is_not_set_is_told_by_its_variable() -> None:
    """Before anything is connected."""
    given = RealtimeSettings(wire="gemini-live")

    with pytest.raises(SettingsError, match=r"realtime\.mine: GEMINI_API_KEY is not set"):
        realtime_provider("mine", given, SETUP, {"GEMINI_API_KEY": " "})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[realtime.x]\nwire = "telephone"', "realtime.x.wire: Input should be 'openai-realtime' or 'gemini-live'"),
        ("[realtime.x]\n", "realtime.x.wire: Field required"),
        ('[realtime.x]\nwire = "gemini-live"\nkey = "k"', "realtime.x.key: unknown key"),
        ('[realtime.x]\nwire = "gemini-live"\napi_key_env = "sk-1"', "realtime.x.api_key_env: must be the name of"),
        ('[realtime.x]\nwire = "gemini-live"\nbase_url = "wss://x"', "must begin with http:// or https://"),
    ],
)
def test_a_wrong_table_is_refused_by_its_key(tmp_path: Path, text: str, told: str) -> None:
    """As all settings are."""
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, text))

    assert told in str(refused.value)
    assert "sk-1" not in str(refused.value)
