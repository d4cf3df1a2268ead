"""The request body of Chat Completions, from the neutral call."""

from streaming.contracts import NamedTool, Tool
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_chat.conversation import conversation
from streaming.providers.requests import fits_strict_mode, refuse_settings, renamed, with_extra
from streaming.providers.wire import Call

BY_URL = frozenset({"image"})

# Neutral setting -> body key. "max_tokens" is the retired name of the one below. There is none for prompt_caching:
# whoever speaks this wire caches by itself.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_output_tokens": "max_completion_tokens",
    "stop": "stop",
    "seed": "seed",
    "n": "n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "reasoning_effort": "reasoning_effort",
    "parallel_tool_calls": "parallel_tool_calls",
}
# Not OpenAI's. A server that takes it says so by a name for it: `renames = {top_k = "top_k"}`.
_ONLY_IF_NAMED = frozenset({"top_k"})


def path(_model: str, *, stream: bool) -> str:
    """Return the endpoint's path."""
    return "/chat/completions"


def headers(api_key: str) -> dict[str, str]:
    """Return the headers that carry the key; none where there is no key."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def body(call: Call, *, stream: bool) -> JsonObject:
    """Return the request body; streaming and unary differ in `stream*` keys only.

    Raises:
        CannotExpress: a setting that the server does not know, or a part that Chat Completions has no words for.
    """
    quirks = call.quirks
    unknown = quirks.refuses | (_ONLY_IF_NAMED - quirks.renames.keys())
    refuse_settings(call.settings, unknown, call.provider or "this server")

    ours: JsonObject = {"model": call.model, "messages": conversation(call)}
    ours |= _settings(call) | _tools(call) | _response_format(call)
    result = with_extra(renamed(ours, quirks.renames), call.extra)
    if stream:
        result["stream"] = True
        if options := _stream_options(call):
            result["stream_options"] = options
    return result


def _settings(call: Call) -> JsonObject:
    given: JsonObject = {key: getattr(call.settings, name) for name, key in _SETTINGS.items()}
    return {key: value for key, value in given.items() if value is not None}


def _tools(call: Call) -> JsonObject:
    result: JsonObject = {}
    if call.tools:
        result["tools"] = [_tool(tool) for tool in call.tools]
    match call.settings.tool_choice:
        case NamedTool(name=name):
            result["tool_choice"] = {"type": "function", "function": {"name": name}}
        case str(choice):
            result["tool_choice"] = choice
    return result


def _tool(tool: Tool) -> JsonValue:
    function: JsonObject = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _response_format(call: Call) -> JsonObject:
    schema = call.output_schema
    if schema is None:
        return {}
    if call.quirks.json_object_only:  # the schema is told in the system message
        return {"response_format": {"type": "json_object"}}
    named: JsonObject = {"name": "output", "schema": schema, "strict": fits_strict_mode(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _stream_options(call: Call) -> JsonObject:
    given = call.extra.get("stream_options")
    options: JsonObject = dict(given) if isinstance(given, dict) else {}
    # Without it the stream says nothing of usage, which the unary answer does.
    return options if call.quirks.no_stream_options else options | {"include_usage": True}
