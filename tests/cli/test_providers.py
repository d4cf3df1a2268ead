import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from cli.following import DONE, FAILED
from cli.providers import CHECK_S, providers
from deploy.sandbox.processes import free_port
from settings import SettingsError
from streaming.jsontext import JsonObject, JsonValue
from tests.activities.servers import DONE as END
from tests.activities.servers import HEAD, WAIT, Answer, chunk, saying, serving
from tests.provider import running_provider
from tests.tables import candidate, provider, table

KEY = "sk-a-secret-that-nobody-may-see"
ROUTE = candidate("default", "mill", "wheel") + candidate("default", "mill", "stone")
ROUTES = ROUTE + candidate("quick", "groq", "gpt-oss")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are not under test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
async def scripted() -> AsyncIterator[str]:
    """The address of a running scripted provider."""
    async with running_provider() as control:
        yield control.url


def mill(url: str, **more: JsonValue) -> str:
    """Return a provider's table."""
    return provider("mill", url, "openai-chat", "MILL_KEY", **more)


def environ(folder: Path, toml: str, *keys: str) -> dict[str, str]:
    """Return an environment with these settings, these variables set, and no Redis: see tests/e2e/test_breakers.py."""
    (folder / "millstream.toml").write_text(toml)
    nowhere = f"redis://127.0.0.1:{free_port()}"
    return {"MILLSTREAM_CONFIG": str(folder / "millstream.toml"), "REDIS_URL": nowhere} | dict.fromkeys(keys, KEY)


async def listed(
    capsys: pytest.CaptureFixture[str], environ: Mapping[str, str], *, check: bool = False, check_s: float = CHECK_S
) -> tuple[int, list[JsonObject]]:
    """Return the exit code and what `--json` prints, in which the key is nowhere."""
    code = await providers(environ, check=check, as_json=True, check_s=check_s)
    printed = capsys.readouterr().out
    assert KEY not in printed
    told: list[JsonObject] = json.loads(printed)["providers"]
    return code, told


async def test_what_is_configured_is_listed_with_what_it_is_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables and the presets that routes name; nothing is called."""
    toml = mill("https://user:pass@mill.example:8443/v1", no_done=True, refuses=["seed", "n"]) + ROUTES
    code, told = await listed(capsys, environ(tmp_path, toml, "MILL_KEY"))

    assert code == DONE
    assert told == [
        {
            "name": "mill",
            "wire": "openai-chat",
            "host": "mill.example:8443",
            "api_key_env": "MILL_KEY",
            "key_set": True,
            "models": {"default": ["wheel", "stone"]},
            "quirks": {"no_done": True, "refuses": ["n", "seed"]},
        },
        {
            "name": "groq",
            "wire": "openai-chat",
            "host": "api.groq.com",
            "api_key_env": "GROQ_API_KEY",
            "key_set": False,
            "models": {"quick": ["gpt-oss"]},
            "quirks": {"refuses": ["frequency_penalty", "n", "presence_penalty"]},
        },
    ]


async def test_people_get_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, in words."""
    toml = mill("https://mill.example/v1", no_done=True) + table("providers", "vllm") + ROUTES

    assert await providers(environ(tmp_path, toml, "MILL_KEY"), check=False, as_json=False) == DONE
    assert capsys.readouterr().out == (
        "mill: openai-chat at mill.example, MILL_KEY is set\n"
        "  route default: wheel, stone\n"
        "  no_done = true\n"
        "\n"
        "vllm: openai-chat at localhost:8000, no key needed\n"
        '  renames = {"top_k": "top_k"}, reasoning_field = "reasoning"\n'
        "\n"
        "groq: openai-chat at api.groq.com, GROQ_API_KEY is not set\n"
        "  route quick: gpt-oss\n"
        '  refuses = ["frequency_penalty", "n", "presence_penalty"]\n'
    )


async def test_without_settings_the_keys_that_are_set_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a worker would use them; with none, the way to begin is told."""
    _, [openai] = await listed(capsys, environ(tmp_path, "", "OPENAI_API_KEY"))

    assert (openai["name"], openai["models"]) == ("openai", {"default": ["gpt-5.5"]})
    with pytest.raises(SettingsError, match="no route: set one of OPENAI_API_KEY, "):
        await providers(environ(tmp_path, ""), check=False, as_json=False)


async def test_tables_without_a_route_are_listed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is in the middle of setting up sees how far it has come."""
    _, [told] = await listed(capsys, environ(tmp_path, mill("https://mill.example")))

    assert (told["name"], told["models"], told["key_set"]) == ("mill", {}, False)


# -- checking


async def test_each_key_is_checked_with_one_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scripted: str
) -> None:
    """A provider that lists its models to this key is ready; one without its key is not called at all."""
    toml = mill(scripted) + provider("other", scripted, key="OTHER_KEY") + ROUTE
    code, [ready, other] = await listed(capsys, environ(tmp_path, toml, "MILL_KEY"), check=True)

    assert code == FAILED
    assert isinstance(ready["check"], dict)
    assert isinstance(other["check"], dict)
    assert (ready["check"]["ok"], ready["check"]["error"]) == (True, None)
    assert isinstance(other["check"].pop("seconds"), float)
    assert other["check"] == {
        "ok": False,
        "error": {"type": "SettingsError", "reason": "auth", "message": "OTHER_KEY is not set"},
    }


async def test_a_provider_that_is_ready_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scripted: str
) -> None:
    """And the exit code says so too."""
    code = await providers(environ(tmp_path, mill(scripted), "MILL_KEY"), check=True, as_json=False)

    assert code == DONE
    assert re.search(r"\n  ✓ answers, \d+\.\d\d s\n", capsys.readouterr().out)


_REFUSAL = (
    b'HTTP/1.1 401 No\r\nConnection: close\r\n\r\n{"error": {"message": "no key %s \x1b[31m", "code": "bad_key"}}'
)
_HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>Log in</p>"
_ERROR = HEAD + chunk(b'{"error": {"message": "no credit"}}') + END


@pytest.mark.parametrize(
    ("answer", "check_s", "kind", "reason", "message"),
    [
        (saying(_REFUSAL % KEY.encode()), CHECK_S, "StatusError", "auth", "HTTP 401"),
        (saying(_HTML), CHECK_S, "NotTheWire", "bad_answer", "HTTP 200 with text/html: '<p>Log in</p>'"),
        (saying(_ERROR), CHECK_S, "StatusError", "unknown", "no credit"),
        (saying(), CHECK_S, "ConnectionLost", "connection", "without an answer"),
        (saying(WAIT), 1, "ClockRanOut", "timeout", "this try was not done for 1 s"),
    ],
    ids=["refused", "another server", "an error under a 200", "hung up", "silent"],
)
async def test_a_failed_check_says_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: Answer,
    check_s: float,
    kind: str,
    reason: str,
    message: str,
) -> None:
    """By type, reason and sentence; a key that the server quotes is blotted out."""
    async with serving(answer) as server:
        configured = environ(tmp_path, mill(server.url), "MILL_KEY")
        code, [told] = await listed(capsys, configured, check=True, check_s=check_s)
        in_words = await providers(configured, check=True, as_json=False, check_s=check_s)
    request = server.requests[0]
    printed = capsys.readouterr().out
    assert isinstance(told["check"], dict)
    error = told["check"]["error"]
    assert isinstance(error, dict)

    assert (code, in_words) == (FAILED, FAILED)
    assert (told["check"]["ok"], error["type"], error["reason"]) == (False, kind, reason)
    assert message in str(error["message"])
    assert re.search(rf"✗ {kind} after \d+\.\d\d s: ", printed)
    assert KEY not in printed
    assert "\x1b" not in printed
    assert request.head.startswith("GET /models HTTP/1.1\r\n")
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_a_server_without_keys_is_called_without_a_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where its settings say so."""
    async with serving(saying(HEAD + chunk(b"{}") + END)) as server:
        toml = provider("mill", server.url, key="", check_path="/health")
        code, _ = await listed(capsys, environ(tmp_path, toml), check=True)
    [request] = server.requests

    assert code == DONE
    assert request.head.startswith("GET /health HTTP/1.1\r\n")
    assert "authorization" not in request.headers
