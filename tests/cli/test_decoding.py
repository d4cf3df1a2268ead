import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.decoding import decoded
from streaming.errors import NotTheWire, ProviderError, StreamedError, TruncatedStream
from streaming.messages import Message, text_sha256
from streaming.providers import WIRES
from streaming.providers.wire import Quirks
from tests.recordings import OPENAI_CHAT, Recording, recordings, said

MILLSTREAM = Path(sys.executable).with_name("millstream")
TEXT = OPENAI_CHAT["text"]
EVERY = [
    pytest.param(wire, recording, id=f"{wire}-{name}")
    for wire in WIRES
    for name, recording in recordings(wire.replace("-", "_")).items()
]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `millstream decode` as a user does."""
    return subprocess.run(
        [MILLSTREAM, "decode", *arguments], input=stdin, capture_output=True, timeout=240, check=False
    )


@pytest.mark.parametrize(("wire", "recording"), EVERY)
def test_every_recording_decodes_to_what_the_unary_endpoint_says(wire: str, recording: Recording) -> None:
    """Whatever the wire and the answer."""
    got = decoded(wire, [recording.stream], quirks=Quirks(), neutral=False)

    assert said(recording.unary) == said(got)


def test_a_file_or_standard_input_becomes_json_on_standard_output(tmp_path: Path) -> None:
    """The provider's own object, in one line."""
    file = tmp_path / "stream.sse"
    file.write_bytes(TEXT.stream)

    from_file, from_pipe = run("openai-chat", str(file)), run("openai-chat", "-", stdin=TEXT.stream)

    assert (from_file.returncode, from_file.stderr) == (0, b"")
    assert said(TEXT.unary) == said(json.loads(from_file.stdout))
    assert from_file.stdout == from_pipe.stdout == run("openai-chat", stdin=TEXT.stream).stdout
    assert from_file.stdout.count(b"\n") == 1


def test_neutral_is_our_message_with_how_it_ended_and_its_fingerprint() -> None:
    """As a turn's result would have it."""
    done = run("openai-chat", "--neutral", stdin=TEXT.stream)

    assert done.returncode == 0
    got = json.loads(done.stdout)
    text = "".join(part["text"] for part in got["message"]["parts"])
    assert got["message"]["role"] == "assistant"
    assert got["finish_reason"] == "stop"
    assert got["sha256"] == text_sha256(text)
    assert got["usage"].keys() >= {"input_tokens", "output_tokens"}


def test_neutral_shows_every_choice_where_there_are_several() -> None:
    """The message is the first of them."""
    got = decoded("openai-chat", [OPENAI_CHAT["two_choices"].stream], quirks=Quirks(), neutral=True)

    assert isinstance(got["choices"], list)
    assert len(got["choices"]) == 2
    assert got["message"] == got["choices"][0]


def test_neutral_has_what_only_the_provider_understands_under_the_wires_name() -> None:
    """A recording does not say which provider it is of, and no provider's name is empty."""
    thinking = recordings("anthropic_messages")["thinking"]
    got = decoded("anthropic-messages", [thinking.stream], quirks=Quirks(), neutral=True)

    message = Message.model_validate(got["message"])
    assert message == WIRES["anthropic-messages"].answer(thinking.unary, "anthropic-messages").message
    assert message.model_dump()["parts"][0]["provider_data"].keys() == {"anthropic-messages"}


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (TEXT.stream[: len(TEXT.stream) // 2], "TruncatedStream"),
        (b"", "TruncatedStream"),
        (b"\xef\xbb\xbf\n", "TruncatedStream"),
        (b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n', "StreamedError"),
        (b"<html>502 Bad Gateway</html>", "NotTheWire"),
        (json.dumps(TEXT.unary).encode(), "NotTheWire"),
        (b"\x00\xff\xfe" * 100, "NotTheWire"),
        (b"data: <html>\n\n", "NotTheWire"),
        (b"plain words\n", "NotTheWire"),
    ],
    ids=["cut", "empty", "byte order mark", "error", "html", "unary", "binary", "html in events", "words"],
)
def test_what_is_no_whole_answer_exits_with_3_and_a_typed_error(stream: bytes, kind: str) -> None:
    """Nothing on standard output, so that a pipe never takes half of an answer for one."""
    done = run("openai-chat", stdin=stream)

    assert (done.returncode, done.stdout) == (3, b"")
    error = json.loads(done.stderr)["error"]
    assert error.keys() == {"type", "message"}
    assert error["type"] == kind


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        ([b"\n\n", b"\xef\xbb\xbf<p>"], NotTheWire),
        ([b'data: {"error":"no"}\n\n'], StreamedError),
        ([b": only a comment\n\n"], TruncatedStream),
    ],
)
def test_the_first_line_with_anything_in_it_decides_what_it_is(stream: list[bytes], error: type[ProviderError]) -> None:
    """However the bytes are cut, and whatever blank lines stand before."""
    with pytest.raises(error):
        decoded("openai-chat", stream, quirks=Quirks(), neutral=False)


def test_a_server_without_done_is_decoded_when_told_so() -> None:
    """As the worker does by the candidate's quirk."""
    stream = TEXT.stream.replace(b"data: [DONE]\n\n", b"")

    assert run("openai-chat", stdin=stream).returncode == 3
    assert run("openai-chat", "--no-done", stdin=stream).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["openai"], b"no wire 'openai'; this version speaks "),
        (["openai-chat", "no-such-file"], b"no-such-file: No such file or directory"),
        (["openai-chat", "/"], b"/: Is a directory"),
    ],
)
def test_usage_errors_exit_with_2_and_say_what_to_write(arguments: list[str], words: bytes) -> None:
    """They are not answers that failed."""
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, b"")
    assert words in done.stderr
