"""Everybody's way from the bytes of a stream to its text, all in memory: ours, the official SDKs', bare decoders."""

from collections.abc import Callable, Iterator

import anthropic
import httpx
import httpx2
import httpx_sse
import openai
import orjson

from benchmarks.decode_streams import Stream
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks

Reader = Callable[[list[bytes]], str | None]
"""Reads a stream; returns its text, or None where it decodes events and looks no further."""

OURS, SDK = "Millstream", "official SDK"
_EVENT_STREAM = {"content-type": "text/event-stream"}


def readers(wire: str) -> dict[str, Reader]:
    """Return the readers of one wire, by the names of the tables."""
    sdk, bare = _OF_WIRE[wire]
    return {
        OURS: lambda pieces: _ours(wire, pieces),
        SDK: sdk,
        "httpx2 EventSource (decode only)": _httpx2,
        "httpx-sse (decode only)": _httpx_sse,
        "split + orjson (no checks)": bare,
    }


def _ours(wire: str, pieces: list[bytes]) -> str:
    reader = StreamReader(WIRES[wire], Quirks())
    for piece in pieces:
        reader.feed(piece)
    return WIRES[wire].answer(reader.final(), "").message.text


class _Body(httpx2.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


class _OldBody(httpx.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def _client(pieces: list[bytes]) -> httpx2.Client:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=_EVENT_STREAM, stream=_Body(pieces))

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def _openai_sdk(pieces: list[bytes]) -> str:
    client = openai.OpenAI(api_key="none", base_url="http://provider", max_retries=0, http_client=_client(pieces))
    with client.chat.completions.stream(model="m", messages=[]) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion().choices[0].message.content or ""


def _anthropic_sdk(pieces: list[bytes]) -> str:
    client = anthropic.Anthropic(api_key="none", base_url="http://provider", max_retries=0, http_client=_client(pieces))
    with client.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]) as stream:
        for _ in stream:
            pass
        return stream.get_final_text()


def _httpx2(pieces: list[bytes]) -> None:
    request = httpx2.Request("POST", "http://provider")
    for _ in httpx2.EventSource(httpx2.Response(200, headers=_EVENT_STREAM, stream=_Body(pieces), request=request)):
        pass


def _httpx_sse(pieces: list[bytes]) -> None:
    response = httpx.Response(200, headers=_EVENT_STREAM, stream=_OldBody(pieces))
    for _ in httpx_sse.EventSource(response).iter_sse():
        pass


def _bare_openai(pieces: list[bytes]) -> str:
    words: list[str] = []
    for block in b"".join(pieces).split(b"\n\n"):
        if block.startswith(b"data: {"):
            words += [choice["delta"].get("content") or "" for choice in orjson.loads(block[6:])["choices"]]
    return "".join(words)


def _bare_anthropic(pieces: list[bytes]) -> str:
    words: list[str] = []
    for block in b"".join(pieces).split(b"\n\n"):
        _, _, data = block.partition(b"data: ")
        if data:
            words.append(orjson.loads(data).get("delta", {}).get("text", ""))
    return "".join(words)


_OF_WIRE: dict[str, tuple[Reader, Reader]] = {
    "openai-chat": (_openai_sdk, _bare_openai),
    "anthropic-messages": (_anthropic_sdk, _bare_anthropic),
}


def check(stream: Stream) -> None:
    """Make sure that everybody reads the same text: a fast wrong answer is no answer.

    Raises:
        RuntimeError: somebody does not.
    """
    for name, read in readers(stream.wire).items():
        if read(stream.events) not in (None, stream.text):
            raise RuntimeError(f"{name} reads another text in {stream.wire}")
