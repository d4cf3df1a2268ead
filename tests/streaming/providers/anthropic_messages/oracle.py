"""The official SDK's reading of a stream, to compare ours with."""

import json
import warnings
from collections.abc import Iterable, Iterator
from typing import cast

import anthropic
import httpx2
from anthropic.lib.streaming._beta_messages import accumulate_event
from anthropic.types.beta import BetaRawMessageStreamEvent
from anthropic.types.beta.parsed_beta_message import ParsedBetaMessage

from streaming.jsontext import JsonObject


def accumulated(events: Iterable[bytes]) -> JsonObject:
    """Return the Message that the SDK's accumulator makes of a stream's events. Its beta form knows more blocks."""
    snapshot: ParsedBetaMessage[None] | None = None
    buffers: dict[int, bytes] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it serializes what it did not validate
        for data in events:
            event: BetaRawMessageStreamEvent = json.loads(data)
            snapshot = accumulate_event(
                event=event, current_snapshot=snapshot, json_bufs=buffers, request_headers=httpx2.Headers()
            )
        assert snapshot is not None
        return cast(JsonObject, snapshot.to_dict(mode="json"))


class _Body(httpx2.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def streamed(chunks: list[bytes], *, beta: bool = True) -> JsonObject:
    """Return the Message that the SDK's client has at the end of a response, however it ended."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, stream=_Body(chunks)))
    with httpx2.Client(transport=transport) as http:
        client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=http)
        messages = client.beta.messages if beta else client.messages
        with messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "a"}]) as stream:
            for _ in stream:
                pass
            return cast(JsonObject, stream.current_message_snapshot.to_dict(mode="json", warnings=False))
