import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from cli import providers as module
from cli.following import DONE, FAILED
from cli.providers import providers
from deploy.sandbox.processes import free_port
from settings import SettingsError
from streaming.jsontext import JsonObject
from tests.activities.servers import DONE as END
from tests.activities.servers import HEAD, WAIT, Answer, chunk, saying, serving
from tests.provider import running_provider

KEY = "sk-a-secret-that-nobody-may-see"
ROUTES = """
[[routes.default]]
provider = "mill"
model = "wheel"

[[routes.default]]
provider = "mill"
model = "stone"

[[routes.quick]]
provider = "groq"
model = "gpt-oss"
"""


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


def table(url: str, name: str = "mill", *more: str) -> str:
    """Return a provider's table."""
    keys = ['wire = "openai-chat"', f'base_url = "{url}"', f'api_key_env = "{name.upper()}_KEY"']
    return "\n".join([f"[providers.{name}]", *keys, *more, ""])


def environ(folder: Path, toml: str, *keys: str) -> dict[str, str]:
    """Return an environment with these settings, these variables set, and no Redis: see tests/e2e/test_breakers.py."""
    (folder / "millstream.toml").write_text(toml)
    nowhere = f"redis://127.0.0.1:{free_port()}"
    return {"MILLSTREAM_CONFIG": str(folder / "millstream.toml"), "REDIS_URL": nowhere} | dict.fromkeys(keys, KEY)


async def listed(
    capsys: pytest.CaptureFixture[str], environ: Mapping[str, str], *, check: bool = False
) -> tuple[int, list[JsonObject]]:
    """Return the exit code and what `--json` prints, in which the key is nowhere."""
    code = await providers(environ, check=check, as_json=True)
    printed = capsys.readouterr().out
    assert KEY not in printed
    told: list[JsonObject] = json.loads(printed)["providers"]
    return code, told


async def test_what_is_configured_is_listed_with_what_it_is_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables and the presets that routes name; nothing is called."""
    toml = table("https://user:pass@mill.example:8443/v1", "mill", "no_done = true", 'refuses = ["seed", "n"]') + ROUTES
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
    toml = table("https://mill.example/v1", "mill", "no_done = true") + "[providers.vllm]\n" + ROUTES

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
    _, [mill] = await listed(capsys, environ(tmp_path, table("https://mill.example")))

    assert (mill["name"], mill["models"], mill["key_set"]) == ("mill", {}, False)


# -- checking


async def test_each_key_is_checked_with_one_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scripted: str
) -> None:
    """A provider that lists its models to this key is ready; one without its key is not called at all."""
    toml = table(scripted) + table(scripted, "other") + ROUTES.split("[[routes.quick]]")[0]
    code, [mill, other] = await listed(capsys, environ(tmp_path, toml, "MILL_KEY"), check=True)

    assert code == FAILED
    assert isinstance(mill["check"], dict)
    assert isinstance(other["check"], dict)
    assert (mill["check"]["ok"], mill["check"]["error"]) == (True, None)
    assert other["check"] == {
        "ok": False,
        "seconds": 0.0,
        "error": {"type": "SettingsError", "reason": "auth", "message": "OTHER_KEY is not set"},
    }


async def test_a_provider_that_is_ready_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scripted: str
) -> None:
    """And the exit code says so too."""
    code = await providers(environ(tmp_path, table(scripted), "MILL_KEY"), check=True, as_json=False)

    assert code == DONE
    assert "\n  ✓ answers, 0." in capsys.readouterr().out


_REFUSAL = (
    b'HTTP/1.1 401 No\r\nConnection: close\r\n\r\n{"error": {"message": "no key %s \x1b[31m", "code": "bad_key"}}'
)
_HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>Log in</p>"
_ERROR = HEAD + chunk(b'{"error": {"message": "no credit"}}') + END


@pytest.mark.parametrize(
    ("answer", "kind", "reason", "message"),
    [
        (saying(_REFUSAL % KEY.encode()), "StatusError", "auth", "HTTP 401"),
        (saying(_HTML), "NotTheWire", "bad_answer", "HTTP 200 with text/html: '<p>Log in</p>'"),
        (saying(_ERROR), "StatusError", "unknown", "no credit"),
        (saying(), "ConnectionLost", "connection", "without an answer"),
        (saying(WAIT), "ClockRanOut", "timeout", "this try was not done for 0.2 s"),
    ],
    ids=["refused", "another server", "an error under a 200", "hung up", "silent"],
)
async def test_a_failed_check_says_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    kind: str,
    reason: str,
    message: str,
) -> None:
    """By type, reason and sentence; a key that the server quotes is blotted out."""
    monkeypatch.setattr(module, "_CHECK_S", 0.2)
    async with serving(answer) as server:
        configured = environ(tmp_path, table(server.url), "MILL_KEY")
        code, [mill] = await listed(capsys, configured, check=True)
        in_words = await providers(configured, check=True, as_json=False)
    request = server.requests[0]
    printed = capsys.readouterr().out
    assert isinstance(mill["check"], dict)
    error = mill["check"]["error"]
    assert isinstance(error, dict)

    assert (code, in_words) == (FAILED, FAILED)
    assert (mill["check"]["ok"], error["type"], error["reason"]) == (False, kind, reason)
    assert message in str(error["message"])
    assert f"✗ {kind} after 0." in printed
    assert KEY not in printed
    assert "\x1b" not in printed
    assert request.head.startswith("GET /models HTTP/1.1\r\n")
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_a_server_without_keys_is_called_without_a_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where its settings say so."""
    toml = table("URL", "mill", 'check_path = "/health"').replace('"MILL_KEY"', '""')
    async with serving(saying(HEAD + chunk(b"{}") + END)) as server:
        code, _ = await listed(capsys, environ(tmp_path, toml.replace("URL", server.url)), check=True)
    [request] = server.requests

    assert code == DONE
    assert request.head.startswith("GET /health HTTP/1.1\r\n")
    assert "authorization" not in request.headers
