"""What was said before, told to a new session.

Three facts about `clientContent` as a history, none of them in one place of the documentation:

- Function parts are refused in it: calls and results are told as text, so that nothing said is lost
  (https://github.com/pydantic/pydantic-ai, `realtime/google.py`, which found it out; LiveKit leaves them out).
- Models after 2.5 take it only as the very beginning, where `historyConfig` in the setup announces it. There
  `turnComplete` ends the history and asks for nothing; the question comes as realtime input
  (`HistoryConfig` in the SDK's types; https://ai.google.dev/gemini-api/docs/live-api/capabilities).
- 2.5 takes it at any time, and `turnComplete` asks for an answer.
"""

from collections.abc import Mapping, Sequence

from streaming.duplex.elements import ToolResponse
from streaming.duplex.gemini_live.user_input import END, START, text_message
from streaming.duplex.tools import unanswered
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_ASK_BY_CONTENT = ("gemini-2", "gemini-live-2")
_ROLES: Mapping[Role, str] = {"system": "user", "user": "user", "tool": "user", "assistant": "model"}
_GO_ON = " "
"""Stands for the user's words where there are none; Pipecat sends the same."""


class Seed:
    """The messages by which a new session learns what was said.

    Args:
        messages: of the conversation.
        model: who shall go on with it.
        ask: the last message waits for its answer.
        manual: turns are marked by us.
    """

    def __init__(self, messages: Sequence[Message], *, model: str, ask: bool, manual: bool) -> None:
        turns = _turns(messages)
        by_content = model.rpartition("/")[2].startswith(_ASK_BY_CONTENT)
        question = _question(turns) if ask and not by_content else None
        self.announced = bool(turns) and not by_content
        """It has to be announced in the setup."""
        self.messages: list[str] = []
        if turns:
            if by_content and turns[-1][0] != "user":
                turns.append(("user", [{"text": _GO_ON}]))  # 2.5 wants the user's turn to be the last
            content: JsonValue = [{"role": role, "parts": [*parts]} for role, parts in turns]
            complete = ask or not by_content
            self.messages.append(dumps({"clientContent": {"turns": content, "turnComplete": complete}}).decode())
        if question is not None:
            self.messages += [START, question, END] if manual else [question]
        self.asks = ask and bool(self.messages)
        """An answer is to come."""
        self._owed = {call.id: call.name for call in unanswered(messages)}
        self._late: list[str] = []

    @property
    def owed(self) -> bool:
        """Whether results of calls are to come that this connection has only been told of."""
        return bool(self._owed)

    def late_results(self, responses: Sequence[ToolResponse]) -> str:
        """Take results of such calls; return them as text when all are there, and else ""."""
        for response in responses:
            if response.call_id in self._owed:
                name = self._owed.pop(response.call_id)
                self._late.append(_result(name, response.output, is_error=response.is_error))
        if self._owed:
            return ""
        late, self._late = "\n".join(self._late), []
        return late


def _question(turns: list[tuple[str, list[JsonObject]]]) -> str:
    """Take the user's last words out of the history, and return them as a message."""
    if not turns or turns[-1][0] != "user":
        return text_message(_GO_ON)
    parts = turns.pop()[1]
    if rest := [part for part in parts if "text" not in part]:
        turns.append(("user", rest))
    return text_message("\n".join(str(part["text"]) for part in parts if "text" in part) or _GO_ON)


def _turns(messages: Sequence[Message]) -> list[tuple[str, list[JsonObject]]]:
    """Return the conversation, turns of one role merged."""
    turns: list[tuple[str, list[JsonObject]]] = []
    names: dict[str, str] = {}
    for message in messages:
        names |= {part.id: part.name for part in message.parts if isinstance(part, ToolCallPart)}
        parts = [told for part in message.parts if (told := _told(part, names))]
        if parts and turns and turns[-1][0] == _ROLES[message.role]:
            turns[-1][1].extend(parts)
        elif parts:
            turns.append((_ROLES[message.role], parts))
    return turns


def _told(part: Part, names: Mapping[str, str]) -> JsonObject | None:
    """Return a part as a history holds it; None for what only its own provider understands."""
    match part:
        case TextPart() | RefusalPart():
            return {"text": part.text} if part.text else None
        case ToolCallPart():
            return {"text": f"[called the tool {part.name} with {part.arguments or '{}'}]"}
        case ToolResultPart():
            text = "".join(item.text for item in part.content if isinstance(item, TextPart))
            return {"text": _result(names.get(part.tool_call_id, ""), text, is_error=part.is_error)}
        case ImagePart(data=str(data)):
            return {"inlineData": {"mimeType": part.media_type, "data": data}}
        case AudioPart(transcript=str(transcript)):
            return {"text": transcript}
        case ImagePart() | AudioPart() | FilePart():
            return {"text": f"[{part.type}]"}
    return None


def _result(name: str, output: str, *, is_error: bool) -> str:
    return f"[the tool {name} {'failed with' if is_error else 'returned'}: {output}]"
