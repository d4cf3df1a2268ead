"""The bodies that the scripted provider would send on each wire, as bytes: to be cut anywhere and joined to others."""

import base64
import json
from collections.abc import Mapping

from deploy.sandbox.provider.format import Asked, Format, Target
from deploy.sandbox.provider.formats import format_of
from deploy.sandbox.provider.framing import EventStream
from deploy.sandbox.provider.script import Response
from streaming.jsontext import JsonObject
from streaming.messages import Message, TextPart
from streaming.providers import WIRES
from streaming.providers.wire import Call

ROOTS: Mapping[str, str] = {name: "/v1beta" if name == "gemini" else "/v1" for name in WIRES}
"""By wire: the path at which the provider serves it."""


def stream(wire: str, text: str) -> bytes:
    """Return the whole stream of an answer."""
    asked, spoken = _asked(wire)
    events = asked.events(asked.whole(Response(text=text), "1", 0))
    framing = EventStream(spoken.newline, spoken.ping)
    return b"".join(framing.frame(event, position) for position, event in enumerate(events))


def raw(body: bytes) -> JsonObject:
    """Return a script that sends these bytes as an event stream."""
    return {"raw_base64": base64.b64encode(body).decode(), "content_type": "text/event-stream"}


def last_event(body: bytes) -> int:
    """Return where the last event of a stream begins: on every wire it is what makes the answer whole."""
    end = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    return body.rindex(end, 0, -len(end)) + len(end)


def error_event(wire: str, error: JsonObject) -> bytes:
    """Return the event that tells an error within a stream."""
    spoken = _asked(wire)[1]
    return EventStream(spoken.newline, spoken.ping).frame(spoken.broken(error, "req_1", 0), 0)


def error_body(wire: str, error: JsonObject) -> str:
    """Return the JSON body that tells an error."""
    return json.dumps(_asked(wire)[1].failure(error, "req_1"))


def _asked(wire: str) -> tuple[Asked, Format]:
    """Return a streaming request, and the format that answers it."""
    ours, model = WIRES[wire], "model-a"
    headers = ours.headers("key")
    call = Call(model=model, messages=[Message(role="user", parts=[TextPart(text="Hi")])])
    spoken = format_of(ROOTS[wire] + ours.path(model, stream=True).partition("?")[0], headers)
    target = Target(headers, {"alt": "sse"}, model, "streamGenerateContent")
    return spoken.parse(ours.body(call, stream=True), target), spoken
