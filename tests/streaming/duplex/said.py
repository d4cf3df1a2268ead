"""Elements for tests: the ones a session says most, and any at all."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from streaming.duplex.elements import Audio, CallsCancelled, Notice, ResponseStarted, StreamElement, Transcript
from streaming.duplex.errors import ProviderFaultError, ResponseFailedError, SessionEndedError
from streaming.messages import (
    AudioPart,
    ImagePart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
)

AUDIO = Audio(b"\0\0", 16_000)
CUT = StreamElement(
    interrupted=True, message=Message(role="assistant", parts="Well, I"), finish_reason="interrupted", response_id="r0"
)
CUT_CLOSED = StreamElement(interrupted_turn_complete=True, response_id="r0")
IDS = ("a", "b", "c", "d")


def call(call_id: str = "a", name: str = "look") -> ToolCallPart:
    """Return a tool call."""
    return ToolCallPart(id=call_id, name=name, arguments="{}")


def ended(*parts: Part, audio_ms: float = 0.0) -> StreamElement:
    """Return the last element of an answer with these parts."""
    calls = tuple(part for part in parts if isinstance(part, ToolCallPart))
    return StreamElement(
        end_of_stream=True,
        message=Message(role="assistant", parts=list(parts)),
        tool_calls=calls,
        audio_ms=audio_ms,
        finish_reason="tool_calls" if calls else "stop",
    )


def spoken(text: str = "Done.") -> StreamElement:
    """Return the last element of an answer in words."""
    return ended(TextPart(text=text))


def called(*call_ids: str) -> StreamElement:
    """Return the last element of an answer that calls a tool so often."""
    return ended(*map(call, call_ids))


def tool_message(call_id: str, output: str, *, is_error: bool = False) -> Message:
    """Return what a text turn's history holds of a tool's result."""
    return Message(role="tool", parts=[ToolResultPart(tool_call_id=call_id, content=output, is_error=is_error)])


def _texts() -> SearchStrategy[str]:
    return st.sampled_from(["", " ", "yes"])


def parts() -> SearchStrategy[Part]:
    """Return any part of an assistant's message."""
    return st.one_of(
        st.builds(lambda text: TextPart(text=text), _texts()),
        st.builds(lambda text: ReasoningPart(text=text), _texts()),
        st.builds(lambda text: RefusalPart(text=text), _texts()),
        st.builds(call, st.sampled_from(IDS)),
        st.sampled_from([ImagePart(url="u"), AudioPart(url="u"), ProviderItem(kind="search")]),
    )


def messages() -> SearchStrategy[Message]:
    """Return any assistant's message."""
    return st.builds(lambda some: Message(role="assistant", parts=some), st.lists(parts(), max_size=3))


def errors() -> SearchStrategy[Exception]:
    """Return any error an element may carry."""
    return st.sampled_from([ResponseFailedError, ProviderFaultError, SessionEndedError]).map(lambda kind: kind("x"))


def elements() -> SearchStrategy[StreamElement]:
    """Return any element that could come down, sense or none."""
    rarely = st.sampled_from([False, False, False, True])
    return st.builds(
        StreamElement,
        text=st.none() | _texts(),
        audio=st.sampled_from([None, AUDIO]),
        transcript=st.sampled_from([None, Transcript("user", "hello", final=True)]),
        tool_calls=st.lists(st.builds(call, st.sampled_from(IDS)), max_size=2).map(tuple),
        tool_result_messages=st.sampled_from([(), (tool_message("a", "1"),)]),
        error=rarely.flatmap(lambda fails: errors() if fails else st.none()),
        end_of_stream=st.booleans(),
        interrupted=rarely,
        interrupted_turn_complete=rarely,
        message=st.none() | messages(),
        audio_ms=st.sampled_from([0.0, 20.0]),
        finish_reason=st.sampled_from([None, "stop", "length", "cancelled", "failed"]),
        usage=st.sampled_from([None, Usage(output_tokens=1)]),
        event=st.sampled_from(
            [None, Notice("n"), ResponseStarted(), CallsCancelled(("a",)), CallsCancelled(("b", "z"))]
        ),
    )
