"""The request body of Messages, from the neutral call."""

from streaming.contracts import NamedTool, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.anthropic_messages.content import conversation, system_prompt
from streaming.providers.requests import refuse_settings, renamed, with_extra
from streaming.providers.wire import Call

# The newest version refuses temperature, top_p and top_k, and documents in assistant turns.
_VERSION = "2023-06-01"

# The wire wants a number. A lower one cuts long answers short without need, a higher one is over what some of the
# models in use may write (Claude Opus 4: 32,000) and would be refused.
DEFAULT_MAX_TOKENS = 32_000

# Neutral setting -> body key.
_SETTINGS = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "stop": "stop_sequences"}
_UNKNOWN_SETTINGS = frozenset({"seed", "presence_penalty", "frequency_penalty"})
_MAX_TEMPERATURE = 1
_EFFORTS = {"minimal": "low"}
_TOOL_CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def path(_model: str, *, stream: bool) -> str:
    """Return the endpoint's path."""
    return "/messages"


def headers(api_key: str) -> dict[str, str]:
    """Return the headers that carry the key, where there is one, and the version of the wire."""
    return {"anthropic-version": _VERSION} | ({"x-api-key": api_key} if api_key else {})


def body(call: Call, *, stream: bool) -> JsonObject:
    """Return the request body; streaming and unary differ in `stream` only.

    Raises:
        CannotExpress: a part or a setting that Messages has no words for.
    """
    _refuse(call)
    settings = call.settings
    result: JsonObject = {
        "model": call.model,
        "max_tokens": settings.max_output_tokens or DEFAULT_MAX_TOKENS,
        "messages": conversation(call.messages, call.provider),
    }
    if system := system_prompt(call.system, call.messages):
        result["system"] = system
    for name, key in _SETTINGS.items():
        value: JsonValue = getattr(settings, name)
        if value is not None:
            result[key] = value
    if call.tools:
        result["tools"] = [_tool(tool) for tool in call.tools]
    if choice := _tool_choice(call):
        result["tool_choice"] = choice
    result |= _output(call)
    if settings.prompt_caching is not None:
        # At the top it marks the last block that can be cached, and moves on with the conversation.
        result["cache_control"] = {"type": "ephemeral", "ttl": settings.prompt_caching}
    result = with_extra(renamed(result, call.quirks.renames), call.extra)
    return result | {"stream": True} if stream else result


def _refuse(call: Call) -> None:
    settings = call.settings
    refuse_settings(settings, _UNKNOWN_SETTINGS | call.quirks.refuses, "Anthropic Messages")
    if settings.n is not None and settings.n > 1:
        raise CannotExpress("Anthropic Messages gives one choice: settings.n may be 1 only")
    if settings.temperature is not None and settings.temperature > _MAX_TEMPERATURE:
        raise CannotExpress(f"Anthropic Messages takes settings.temperature up to {_MAX_TEMPERATURE}")


def _tool(tool: Tool) -> JsonObject:
    result: JsonObject = {"name": tool.name, "input_schema": tool.input_schema}
    if tool.description:
        result["description"] = tool.description
    if tool.strict:
        result["strict"] = True
    return result


def _tool_choice(call: Call) -> JsonObject:
    """Return which tools may be called and whether at once; {} where the provider's own default says the same."""
    given = call.settings.tool_choice
    one_at_a_time = call.settings.parallel_tool_calls is False and bool(call.tools or call.extra.get("tools"))
    choice: JsonObject = {}
    if isinstance(given, NamedTool):
        choice = {"type": "tool", "name": given.name}
    elif given is not None or one_at_a_time:
        choice = {"type": _TOOL_CHOICES[given or "auto"]}
    if one_at_a_time and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return choice


def _output(call: Call) -> JsonObject:
    """Return how hard to think and what form the answer must have: both are said in one object."""
    effort = call.settings.reasoning_effort
    result: JsonObject = {}
    config: JsonObject = {}
    if effort == "none":
        result["thinking"] = {"type": "disabled"}
    elif effort is not None:
        result["thinking"] = {"type": "adaptive"}
        config["effort"] = _EFFORTS.get(effort, effort)
    if call.output_schema is not None:
        config["format"] = {"type": "json_schema", "schema": call.output_schema}
    return result | {"output_config": config} if config else result
