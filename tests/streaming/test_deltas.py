from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import PartAdded, PartStarted, of_message
from streaming.messages import ImagePart, Message, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from tests.strategies import texts

_SAID = st.one_of(
    st.builds(TextPart, text=texts()),
    st.builds(ReasoningPart, text=texts()),
    st.builds(RefusalPart, text=texts()),
    st.builds(ToolCallPart, id=texts(), name=texts(), arguments=texts()),
)


@given(st.lists(_SAID, max_size=8))
def test_a_message_is_the_deltas_it_amounts_to(parts: list[Part]) -> None:
    """Each part starts in order, and then gets all of its text."""
    deltas = of_message(Message(role="assistant", parts=parts))

    started = [delta for delta in deltas if isinstance(delta, PartStarted)]
    added = [delta for delta in deltas if isinstance(delta, PartAdded)]
    assert [(at, part.type) for at, part in enumerate(parts)] == [(delta.part, delta.type) for delta in started]
    written = [part.arguments if isinstance(part, ToolCallPart) else getattr(part, "text", "") for part in parts]
    assert list(enumerate(written)) == [(delta.part, delta.text) for delta in added]


def test_a_tool_call_starts_with_its_name() -> None:
    """The id and the name come once, with the start; of media only that it is there."""
    call = ToolCallPart(id="c1", name="f", arguments="{}")
    deltas = of_message(Message(role="assistant", parts=[ImagePart(url="u"), call]))

    assert [PartStarted(0, "image"), PartStarted(1, "tool_call", "c1", "f"), PartAdded(1, "{}")] == deltas
