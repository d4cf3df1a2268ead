"""The rules of a Responses request that tie its parts together."""

from pydantic import JsonValue

from deploy.sandbox.provider.openai_format import missing, refused
from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.provider.writing import objects

_REQUIRED: dict[str, tuple[str, ...]] = {
    "message": ("role", "content"),
    "reasoning": ("id", "summary"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "item_reference": ("id",),
    "compaction": ("encrypted_content",),
    "web_search_call": ("id",),
    "file_search_call": ("id", "queries"),
    "code_interpreter_call": ("id", "container_id"),
    "image_generation_call": ("id", "result"),
    "mcp_call": ("id", "name", "arguments", "server_label"),
    "mcp_list_tools": ("id", "server_label", "tools"),
    "mcp_approval_request": ("id", "name", "arguments", "server_label"),
    "mcp_approval_response": ("approval_request_id", "approve"),
    "computer_call": ("id", "call_id"),
    "computer_call_output": ("call_id", "output"),
    "shell_call": ("call_id", "action"),
    "shell_call_output": ("call_id", "output"),
    "local_shell_call": ("id", "call_id", "action"),
    "local_shell_call_output": ("id", "output"),
    "apply_patch_call": ("call_id", "operation"),
    "apply_patch_call_output": ("call_id", "status"),
    "tool_search_call": ("arguments",),
    "tool_search_output": ("tools",),
    "additional_tools": ("role", "tools"),
    "program": ("id", "code"),
    "program_output": ("id",),
}
_TEXTS = ("call_id", "name", "arguments")
_SAID = ("output_text", "refusal")
_ASKED = ("input_text", "input_image", "input_file", "input_audio")
_PARTS = {"assistant": _SAID, "user": _ASKED, "system": _ASKED, "developer": _ASKED}
_OUTPUTS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


def check_input(items: list[JsonObject], *, continued: bool) -> None:
    """Checks each item, and that calls, their outputs and reasoning belong together.

    Args:
        items: The request's input.
        continued: Whether earlier items are held by the server.

    Raises:
        Refused: OpenAI would not answer this.
    """
    for position, item in enumerate(items):
        _check_item(item, f"input[{position}]")
    _check_calls(items, continued=continued)
    _check_reasoning(items)


def check_tools(tools: list[JsonObject]) -> None:
    """Checks that each tool has a type, and a function its name beside it.

    Raises:
        Refused: OpenAI would not answer this.
    """
    for position, tool in enumerate(tools):
        names = ("type", "name", "parameters") if tool.get("type") == "function" else ("type",)
        _check_fields(tool, names, f"tools[{position}]")


def check_text_format(text: JsonObject) -> None:
    """Checks that a schema comes with its name.

    Raises:
        Refused: OpenAI would not answer this.
    """
    form = text.get("format")
    if isinstance(form, dict):
        names = ("type", "name", "schema") if form.get("type") == "json_schema" else ("type",)
        _check_fields(form, names, "text.format")


def _check_fields(given: JsonObject, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name not in given:
            raise missing(f"{where}.{name}")


def _check_item(item: JsonObject, where: str) -> None:
    kind = item.get("type", "message")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise refused(f"Invalid value: '{kind}'.", where, "invalid_value")
    _check_fields(item, _REQUIRED[kind], where)
    for name in _TEXTS:
        if name in item and kind != "tool_search_call" and not isinstance(item[name], str):
            raise refused(f"Invalid type for '{where}.{name}': expected a string.", f"{where}.{name}", "invalid_type")
    if kind == "message":
        _check_message(item["role"], item["content"], where)


def _check_message(role: JsonValue, content: JsonValue, where: str) -> None:
    if not isinstance(role, str) or role not in _PARTS:
        raise refused(f"Invalid value: '{role}'.", f"{where}.role", "invalid_value")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        text = f"Invalid type for '{where}.content': expected a string or an array."
        raise refused(text, f"{where}.content", "invalid_type")
    for position, part in enumerate(objects(content)):
        if part.get("type") not in _PARTS[role]:
            text = f"Invalid value: '{part.get('type')}'. Supported values are: {', '.join(_PARTS[role])}."
            raise refused(text, f"{where}.content[{position}].type", "invalid_value")


def _check_calls(items: list[JsonObject], *, continued: bool) -> None:
    for kind, output in _OUTPUTS.items():
        calls: set[str] = set()
        for item in items:
            call_id = str(item.get("call_id"))
            if item.get("type") == kind:
                calls.add(call_id)
            elif item.get("type") == output and call_id not in calls and not continued:
                raise refused(f"No tool call found for {output.replace('_', ' ')} with call_id {call_id}.", "input")
        answered = {str(item.get("call_id")) for item in items if item.get("type") == output}
        if calls - answered:
            raise refused(f"No tool output found for {kind.replace('_', ' ')} {min(calls - answered)}.", "input")


def _check_reasoning(items: list[JsonObject]) -> None:
    for item, following in zip(items, [*items[1:], {}], strict=True):
        if item.get("type") == "reasoning" and not _is_models(following):
            text = f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
            raise refused(text, "input")


def _is_models(item: JsonObject) -> bool:
    kind = str(item.get("type", "message"))
    return item.get("role") == "assistant" if kind == "message" else not kind.endswith("_output")
