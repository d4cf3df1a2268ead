"""The request of `generateContent`, from the neutral call; streamed or not, the body is the same."""

from urllib.parse import quote

from streaming.contracts import GenerationSettings, NamedTool, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.gemini.contents import contents, continuation, system_parts
from streaming.providers.gemini.finish import CONTINUATION_TOKEN
from streaming.providers.requests import refuse_settings, renamed, with_extra
from streaming.providers.wire import Call

BY_URL: frozenset[str] = frozenset()

_KINDS = ("models/", "tunedModels/")
# Neutral setting -> key of generationConfig.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
# Gemini 2.5 takes a budget of tokens (https://ai.google.dev/gemini-api/docs/thinking). The highest is the most that
# every 2.5 model takes; 0 is thinking switched off, which 2.5 Pro refuses by itself.
_BUDGETS = {"none": 0, "minimal": 128, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
# Later models take a level, and none of them can be told not to think: the least is what every client sends then.
_LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
# Objects into which `extra` is laid key by key: replaced, they would lose what the settings say.
_MERGED = ("generationConfig", "toolConfig")


def path(model: str, *, stream: bool) -> str:
    """Return the endpoint's path; the base URL ends in the version (`/v1beta`)."""
    kind = next((kind for kind in _KINDS if model.startswith(kind)), "")
    name = (kind or "models/") + quote(model.removeprefix(kind), safe="")
    return f"/{name}:streamGenerateContent?alt=sse" if stream else f"/{name}:generateContent"


def headers(api_key: str) -> dict[str, str]:
    """Return the headers that carry the key; none where there is no key."""
    return {"x-goog-api-key": api_key} if api_key else {}


def body(call: Call, *, stream: bool) -> JsonObject:
    """Return the request body.

    Gemini caches prompts by itself: `prompt_caching` has nothing to say here.

    Raises:
        CannotExpress: something in the call that Gemini has no words for.
    """
    refuse_settings(call.settings, call.quirks.refuses, call.provider or "this server")
    if call.settings.parallel_tool_calls is False:
        raise CannotExpress("this wire cannot keep a model from calling tools in parallel (parallel_tool_calls)")
    messages, token = continuation(call.messages, call.provider)
    sections: JsonObject = {
        "systemInstruction": {"parts": parts} if (parts := system_parts(call.system, messages)) else None,
        "tools": [{"functionDeclarations": [_declaration(tool) for tool in call.tools]}] if call.tools else None,
        "toolConfig": _tool_config(call),
        "generationConfig": _generation_config(call),
        CONTINUATION_TOKEN: token,
    }
    result: JsonObject = {"contents": contents(messages, call.provider)}
    result |= {key: value for key, value in sections.items() if value}
    extra = {key: _laid_over(result.get(key), value) if key in _MERGED else value for key, value in call.extra.items()}
    return with_extra(renamed(result, call.quirks.renames), extra)


def _laid_over(ours: JsonValue, theirs: JsonValue) -> JsonValue:
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return theirs
    return ours | {key: _laid_over(ours.get(key), value) for key, value in theirs.items()}


def _declaration(tool: Tool) -> JsonValue:
    declaration: JsonObject = {"name": tool.name, "parametersJsonSchema": tool.input_schema}
    return declaration | {"description": tool.description} if tool.description else declaration


def _tool_config(call: Call) -> JsonObject:
    choice = call.settings.tool_choice
    if isinstance(choice, NamedTool):
        return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [choice.name]}}
    mode = _MODES.get(choice or "", "")
    if mode in ("", "AUTO") and any(tool.strict for tool in call.tools):
        mode = "VALIDATED"  # AUTO with arguments held to their schemas, which ANY does anyway
    return {"functionCallingConfig": {"mode": mode}} if mode else {}


def _generation_config(call: Call) -> JsonObject:
    config: JsonObject = {}
    for name, key in _SETTINGS.items():
        value: JsonValue = getattr(call.settings, name)
        if value is not None:
            config[key] = value
    if call.output_schema is not None:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": call.output_schema}
    if thinking := _thinking_config(call.model, call.settings):
        config["thinkingConfig"] = thinking
    return config


def _thinking_config(model: str, settings: GenerationSettings) -> JsonObject:
    effort = settings.reasoning_effort
    if effort is None:
        return {}
    budgeted = model.rpartition("/")[2].startswith("gemini-2.5")
    config: JsonObject = {"thinkingBudget": _BUDGETS[effort]} if budgeted else {"thinkingLevel": _LEVELS[effort]}
    # Thoughts cannot be asked for where there are to be none.
    return config if effort == "none" else config | {"includeThoughts": True}
