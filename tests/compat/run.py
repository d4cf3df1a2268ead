"""Our worker against a server that nobody here wrote: LiteLLM's proxy, which speaks all our wires itself.

`make compat` runs it. LiteLLM translates each wire to Chat Completions and asks the scripted provider; what it
makes of the answers, streamed and not, is its own code's.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import aiohttp

from deploy.sandbox.processes import LOOPBACK, Servers, free_port, running_servers
from deploy.sandbox.serving import until_serving
from streaming.jsontext import JsonObject
from tests.e2e.rig import Rig, clean_environ, rig_up, text_of

_LITELLM = Path(__file__).parents[2] / ".venv-compat" / "bin" / "litellm"
_STARTS_WITHIN_S = 120.0
_KEY = f"sk-{secrets.token_hex(16)}"
_PATHS = {
    "openai-chat": "/v1",
    "openai-responses": "/v1",
    "anthropic-messages": "/v1",
    "gemini": "/v1beta",
}
TEXT = "Naïve readers see it at once — 東京 🌾. " * 20
_CITY = '{"city": "Zürich"}'
# LiteLLM asks on one of OpenAI's two wires, whichever it finds fitting: the call as either says it.
CALL: JsonObject = {
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": _CITY}}],
    "output": [{"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": _CITY}],
}
SCRIPTS: Mapping[str, JsonObject] = {
    "text": {"text": TEXT},
    "tools": {"message": CALL},
    "length": {"text": TEXT, "finish_reason": "length"},
}


def _config(rig: Rig, scripts: Mapping[str, str]) -> str:
    """Return LiteLLM's configuration: one model a script."""
    models = "".join(
        f"""
  - model_name: {name}
    litellm_params:
      model: openai/sandbox-large
      api_base: {rig.stack.provider_url}
      api_key: sandbox
      extra_headers: {{"x-script": "{script}"}}
"""
        for name, script in scripts.items()
    )
    return f"model_list:{models}"


async def _start_litellm(servers: Servers, config: str, environ: Mapping[str, str]) -> str:
    """Start the proxy; return its root URL once it serves."""
    file = servers.folder / "litellm.yaml"
    file.write_text(config)
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    quiet = {"LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": _KEY}
    command = [str(_LITELLM), "--config", str(file), "--host", LOOPBACK, "--port", str(port)]
    proxy = servers.start("LiteLLM", command, dict(environ) | quiet)
    async with aiohttp.ClientSession() as session:

        async def ask() -> bool | None:
            try:
                async with session.get(f"{url}/health/liveliness") as answer:
                    return answer.ok or None
            except aiohttp.ClientError:
                return None

        await until_serving(proxy, ask, _STARTS_WITHIN_S)
    return url


def _settings(url: str) -> str:
    lines: list[str] = []
    for wire, path in _PATHS.items():
        lines += [
            f'[providers."{wire}"]',
            f'wire = "{wire}"',
            f'base_url = "{url}{path}"',
            'api_key_env = "COMPAT_KEY"',
        ]
        for script in SCRIPTS:
            for kind, stream in (("streamed", "true"), ("unary", "false")):
                lines += [f'[[routes."{wire} {script} {kind}"]]', f'provider = "{wire}"', f'model = "{script}"']
                lines += [f"stream = {stream}"]
    return "\n".join(lines)


def _wrong(script: str, result: JsonObject) -> str | None:
    """Return what is wrong with a turn's result, or None."""
    message, finish = result["message"], result["finish_reason"]
    if script == "tools":
        assert isinstance(message, dict)
        assert isinstance(message["parts"], list)
        calls = [part for part in message["parts"] if isinstance(part, dict) and part["type"] == "tool_call"]
        right = [call["name"] for call in calls] == ["get_weather"] and "Zürich" in str(calls[0]["arguments"])
        return None if right and finish == "tool_calls" else f"{finish}: {message['parts']}"
    wanted = "length" if script == "length" else "stop"
    if finish != wanted:
        return f"finish_reason {finish}, not {wanted}"
    return None if text_of(result) == TEXT else f"another text: {text_of(result)!r}"


async def _check(rig: Rig, wire: str, script: str, kind: str) -> str | None:
    turn: JsonObject = {
        "messages": [{"role": "user", "content": "Hi"}],
        "route": f"{wire} {script} {kind}",
        "settings": {"max_output_tokens": 4096},
        "limits": {"total_s": 30},
    }
    if script == "tools":
        turn["tools"] = [{"name": "get_weather", "description": "Tell the weather."}]
    try:
        return _wrong(script, await rig.run(turn))
    except Exception as error:
        return f"{type(error).__name__}: {error.__cause__ or error}"


async def _run() -> int:
    environ = clean_environ(os.environ)  # noqa: TID251 - a composition root
    failed = 0
    async with rig_up(environ) as rig, running_servers() as servers:
        names = {name: await rig.script(script, name=f"{name}-{uuid4().hex[:8]}") for name, script in SCRIPTS.items()}
        url = await _start_litellm(servers, _config(rig, names), environ)
        settings = servers.folder / "millstream.toml"
        settings.write_text(_settings(url))
        await rig.worker(MILLSTREAM_CONFIG=str(settings), COMPAT_KEY=_KEY)
        for wire in _PATHS:
            for script in SCRIPTS:
                for kind in ("streamed", "unary"):
                    wrong = await _check(rig, wire, script, kind)
                    failed += wrong is not None
                    print(f"{wire:20} {script:8} {kind:9} {wrong or 'right'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run()))
