"""The tables of a worker's settings, as tests write them."""

import json

from streaming.jsontext import JsonValue


def table(*path: str, **keys: JsonValue) -> str:
    """Return a table of TOML, whose strings, numbers and lists are those of JSON."""
    return _lines(f"[{_dotted(path)}]", keys)


def provider(name: str, url: str, wire: str = "openai-chat", key: str = "SCRIPTED_KEY", **more: JsonValue) -> str:
    """Return the table of a provider, whose key is in this variable."""
    return table("providers", name, wire=wire, base_url=url, api_key_env=key, **more)


def candidate(route: str, provider: str, model: str, **more: JsonValue) -> str:
    """Return one more candidate of a route."""
    return _lines(f"[[{_dotted(('routes', route))}]]", {"provider": provider, "model": model, **more})


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(json.dumps(name) for name in path)


def _lines(head: str, keys: dict[str, JsonValue]) -> str:
    return "\n".join([head, *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])
