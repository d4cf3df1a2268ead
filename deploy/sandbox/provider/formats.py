"""Which format a request speaks."""

from collections.abc import Mapping

from deploy.sandbox.provider.anthropic_messages import AnthropicMessages
from deploy.sandbox.provider.format import Format
from deploy.sandbox.provider.gemini import Gemini
from deploy.sandbox.provider.openai_chat import OpenAIChat
from deploy.sandbox.provider.openai_responses import OpenAIResponses

_CHAT, _RESPONSES, _MESSAGES, _GEMINI = OpenAIChat(), OpenAIResponses(), AnthropicMessages(), Gemini()
_BY_PATH: dict[str, Format] = {
    "/v1/chat/completions": _CHAT,
    "/v1/responses": _RESPONSES,
    "/v1/messages": _MESSAGES,
}
# Where two providers have the same path, their clients' headers differ.
_BY_HEADER: dict[str, Format] = {
    "x-goog-api-key": _GEMINI,
    "anthropic-version": _MESSAGES,
    "x-api-key": _MESSAGES,
}
_GEMINI_METHODS = (":generateContent", ":streamGenerateContent")

ANSWERING = (*_BY_PATH, "/{version:v1|v1beta}/models/{model}:{method:generateContent|streamGenerateContent}")


def format_of(path: str, headers: Mapping[str, str]) -> Format:
    """Returns the format of a request; OpenAI's, whose errors every client can read, where nothing tells."""
    if path in _BY_PATH:
        return _BY_PATH[path]
    if path.startswith("/v1/responses/"):
        return _RESPONSES
    if path.startswith("/v1beta/") or path.endswith(_GEMINI_METHODS):
        return _GEMINI
    return next((wire for name, wire in _BY_HEADER.items() if name in headers), _CHAT)
