"""The request body of Responses, from the neutral call."""

import re

from streaming.contracts import NamedTool, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_responses.conversation import input_items
from streaming.providers.requests import fits_strict_mode, refuse_settings, renamed, with_extra
from streaming.providers.wire import Call

BY_URL = frozenset({"image", "file"})

# Neutral setting -> body key. There is none for prompt_caching: OpenAI caches by itself.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_output_tokens",
    "parallel_tool_calls": "parallel_tool_calls",
}
_REFUSED = frozenset({"stop", "seed", "presence_penalty", "frequency_penalty", "top_k"})
# Keys under which both the settings and `extra` may have something to say: `extra` adds to ours, field by field.
_SHARED = ("reasoning", "text")
_ENCRYPTED = "reasoning.encrypted_content"
# They do not think, and refuse to be asked for encrypted thoughts (BFCL #1148): gpt-4.1, chatgpt-4o, gpt-5-chat.
_NEVER_THINKS = re.compile(r"(?:.*/)?(?:gpt-[34]|chatgpt-|gpt-5(?:\.\d+)?-chat)")


def path(_model: str, *, stream: bool) -> str:
    """Return the endpoint's path."""
    return "/responses"


def headers(api_key: str) -> dict[str, str]:
    """Return the headers that carry the key; none where there is no key."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def body(call: Call, *, stream: bool) -> JsonObject:
    """Return the request body; streaming and unary differ in `stream*` keys only.

    The provider is asked to store nothing: our own messages carry the conversation, and with them its encrypted
    thoughts. `extra` can say otherwise (`store`, `include`). A response that is made in the background has to be
    stored, for about ten minutes (https://platform.openai.com/docs/guides/background).

    Raises:
        CannotExpress: a setting or a part that Responses has no words for.
    """
    whose = "OpenAI Responses"
    refuse_settings(call.settings, _REFUSED | call.quirks.refuses, whose)
    if call.settings.n not in (None, 1):
        raise CannotExpress(f"{whose} gives one answer: it has no settings.n")

    ours: JsonObject = {"model": call.model, "input": input_items(call), "store": call.background}
    if call.background:
        ours["background"] = True
    if not _NEVER_THINKS.match(call.model):
        ours["include"] = [_ENCRYPTED]
    if call.system is not None:
        ours["instructions"] = call.system
    ours |= _settings(call) | _tools(call) | _text(call)
    result = with_extra(renamed(ours, call.quirks.renames), _added(ours, call.extra))
    if stream:
        result["stream"] = True
        if "stream_options" in call.extra:
            result["stream_options"] = call.extra["stream_options"]
    return result


def _settings(call: Call) -> JsonObject:
    given: JsonObject = {key: getattr(call.settings, name) for name, key in _SETTINGS.items()}
    result: JsonObject = {key: value for key, value in given.items() if value is not None}
    if call.settings.reasoning_effort is not None:
        result["reasoning"] = {"effort": call.settings.reasoning_effort}
    return result


def _tools(call: Call) -> JsonObject:
    result: JsonObject = {}
    if call.tools:
        result["tools"] = [_tool(tool) for tool in call.tools]
    match call.settings.tool_choice:
        case NamedTool(name=name):
            result["tool_choice"] = {"type": "function", "name": name}
        case str(choice):
            result["tool_choice"] = choice
    return result


def _tool(tool: Tool) -> JsonValue:
    described: JsonObject = {"description": tool.description} if tool.description else {}
    # Unlike Chat Completions, where it says nothing this endpoint makes a tool strict.
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": tool.input_schema,
        "strict": tool.strict,
    }


def _text(call: Call) -> JsonObject:
    schema = call.output_schema
    if schema is None:
        return {}
    strict = fits_strict_mode(schema)
    return {"text": {"format": {"type": "json_schema", "name": "output", "schema": schema, "strict": strict}}}


def _added(ours: JsonObject, extra: JsonObject) -> JsonObject:
    """Return `extra` with our own fields beside its fields of the shared keys."""
    shared: JsonObject = {}
    for key in _SHARED:
        mine, theirs = ours.get(key), extra.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            shared[key] = mine | theirs
    return extra | shared
