import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import GenerationSettings
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    ResultPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers.openai_chat import PATH, body, headers
from streaming.providers.wire import Call, Quirks
from tests.strategies import json_values, texts

TEXT = TextPart(text="a")
IMAGE = ImagePart(url="https://pictures.example/a.png")


def messages(*given: Message, system: str | None = None) -> JsonValue:
    """Return what the body says for these messages."""
    return body(Call(model="m", messages=list(given), system=system), stream=False)["messages"]


_SETTINGS = st.builds(
    GenerationSettings,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    max_output_tokens=st.none() | st.integers(1),
    stop=st.none() | st.lists(texts(), max_size=2),
    seed=st.none() | st.integers(),
    n=st.none() | st.integers(1, 128),
    presence_penalty=st.none() | st.floats(-2, 2),
    frequency_penalty=st.none() | st.floats(-2, 2),
    reasoning_effort=st.none() | st.sampled_from(["none", "low", "max"]),
)
_CALLS = st.builds(
    Call,
    model=texts(),
    messages=st.lists(st.builds(Message, role=st.just("user"), parts=st.lists(st.builds(TextPart, text=texts())))),
    system=st.none() | texts(),
    settings=_SETTINGS,
    extra=st.dictionaries(
        st.sampled_from(["stream", "stream_options", "model", "seed", "custom"]), json_values(), max_size=3
    ),
    quirks=st.builds(Quirks, no_stream_options=st.booleans()),
)


@given(_CALLS)
def test_streaming_and_unary_bodies_differ_in_stream_keys_only(call: Call) -> None:
    """And the unary body has none of them, whatever `extra` says."""
    streaming, unary = body(call, stream=True), body(call, stream=False)

    assert unary == {key: value for key, value in streaming.items() if key not in ("stream", "stream_options")}
    assert streaming["stream"] is True
    assert unary.keys().isdisjoint({"stream", "stream_options"})


@given(_CALLS)
def test_usage_is_asked_for_unless_the_server_refuses_that(call: Call) -> None:
    """It is the only word that a stream has about it."""
    options = body(call, stream=True).get("stream_options")

    if call.quirks.no_stream_options:
        assert options is None or options == call.extra["stream_options"]
    else:
        assert isinstance(options, dict)
        assert options["include_usage"] is True


@given(_CALLS)
def test_extra_wins_over_everything_else(call: Call) -> None:
    """Its keys are in the body as they are."""
    result = body(call, stream=True)

    for key, value in call.extra.items():
        if key not in ("stream", "stream_options"):
            assert value == result[key]


def test_stream_options_may_say_more() -> None:
    """Padding can be turned off without losing usage."""
    call = Call(
        model="m", messages=[], extra={"stream_options": {"include_obfuscation": False, "include_usage": False}}
    )

    assert body(call, stream=True)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("setting", "value", "key"),
    [
        ("temperature", 0.0, "temperature"),
        ("top_p", 0.5, "top_p"),
        ("max_output_tokens", 7, "max_completion_tokens"),
        ("stop", ["\n"], "stop"),
        ("seed", 0, "seed"),
        ("n", 2, "n"),
        ("presence_penalty", -1.0, "presence_penalty"),
        ("frequency_penalty", 1.0, "frequency_penalty"),
        ("reasoning_effort", "low", "reasoning_effort"),
    ],
)
def test_each_setting_has_its_key(setting: str, value: JsonValue, key: str) -> None:
    """A zero is a value too; what is null is left out."""
    settings = GenerationSettings.model_validate({setting: value})

    assert {"model": "m", "messages": [], key: value} == body(
        Call(model="m", messages=[], settings=settings), stream=False
    )


def test_no_setting_is_forgotten() -> None:
    """Each field of the settings changes the body."""
    every: JsonObject = {
        "temperature": 1,
        "top_p": 1,
        "max_output_tokens": 1,
        "stop": [],
        "seed": 1,
        "n": 1,
        "presence_penalty": 1,
        "frequency_penalty": 1,
        "reasoning_effort": "low",
    }

    assert set(GenerationSettings.model_fields) == every.keys() | {"extra"}
    call = Call(model="m", messages=[], settings=GenerationSettings.model_validate(every))
    assert len(every) + 2 == len(body(call, stream=False))


def test_the_endpoint_takes_the_key_as_a_bearer() -> None:
    """And nothing else."""
    assert PATH == "/chat/completions"
    assert headers("sk-1") == {"Authorization": "Bearer sk-1"}


def test_the_system_prompt_comes_first() -> None:
    """Even an empty one, where it was given."""
    user = Message(role="user", parts=[TEXT])

    assert messages(user, system="") == [{"role": "system", "content": ""}, {"role": "user", "content": "a"}]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_text_alone_is_a_plain_string(role: Role) -> None:
    """Every compatible server takes that."""
    assert [{"role": role, "content": "ab"}] == messages(Message(role=role, parts=[TEXT, TextPart(text="b")]))
    assert [{"role": role, "content": ""}] == messages(Message(role=role, parts=[]))


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (IMAGE, {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}),
        (
            ImagePart(media_type="image/png", data="aaaa"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}},
        ),
        (
            AudioPart(media_type="audio/mpeg", data="aaaa"),
            {"type": "input_audio", "input_audio": {"data": "aaaa", "format": "mp3"}},
        ),
        (
            AudioPart(media_type="audio/x-wav", data="aaaa"),
            {"type": "input_audio", "input_audio": {"data": "aaaa", "format": "wav"}},
        ),
        (
            FilePart(media_type="application/pdf", data="aaaa", filename="a.pdf"),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aaaa", "filename": "a.pdf"}},
        ),
        (
            FilePart(media_type="application/pdf", data="aaaa"),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aaaa"}},
        ),
    ],
    ids=range(6),
)
def test_media_stands_beside_the_text(part: Part, content: JsonValue) -> None:
    """In a list of content parts."""
    assert [{"role": "user", "content": [{"type": "text", "text": "a"}, content]}] == messages(
        Message(role="user", parts=[TEXT, part])
    )


def test_an_assistant_message_is_replayed_without_its_thoughts() -> None:
    """Text, refusal and calls; no content where there were only calls."""
    call = ToolCallPart(id="c", name="f", arguments="{")
    said: JsonValue = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
    thought = ReasoningPart(text="hm")

    assert [
        {"role": "assistant", "content": "a", "tool_calls": [said]},
        {"role": "assistant", "tool_calls": [said]},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ] == messages(
        Message(role="assistant", parts=[thought, TEXT, call]),
        Message(role="assistant", parts=[call]),
        Message(role="assistant", parts=[thought]),
        Message(role="assistant", parts=[RefusalPart(text="no")]),
    )


def test_each_tool_result_is_a_message() -> None:
    """One neutral message of role tool may hold several."""
    results = [ToolResultPart(tool_call_id=name, content=[TEXT, TextPart(text=name)]) for name in "bc"]

    assert messages(Message(role="tool", parts=results)) == [
        {"role": "tool", "tool_call_id": "b", "content": "ab"},
        {"role": "tool", "tool_call_id": "c", "content": "ac"},
    ]


_RESULT_WITH_IMAGE: list[ResultPart] = [IMAGE]


@pytest.mark.parametrize(
    ("role", "part", "named"),
    [
        ("user", ReasoningPart(text="a"), "reasoning"),
        ("user", RefusalPart(text="a"), "refusal"),
        ("user", ToolCallPart(id="c", name="f", arguments=""), "tool_call"),
        ("user", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("user", FilePart(url="u"), "file"),
        ("user", AudioPart(url="u"), "audio"),
        ("user", AudioPart(media_type="audio/ogg", data="a"), "audio"),
        ("system", IMAGE, "image"),
        ("system", ToolCallPart(id="c", name="f", arguments=""), "tool_call"),
        ("assistant", IMAGE, "image"),
        ("assistant", FilePart(media_type="a/b", data="a"), "file"),
        ("assistant", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("tool", TEXT, "text"),
        ("tool", ToolResultPart(tool_call_id="c", content=_RESULT_WITH_IMAGE), "tool_result"),
    ],
    ids=range(14),
)
def test_what_the_wire_has_no_words_for_is_named(role: Role, part: Part, named: str) -> None:
    """Rather than left out: the model would answer another question."""
    with pytest.raises(CannotExpress, match=named):
        messages(Message(role=role, parts=[TEXT, part] if role != "tool" else [part]))
