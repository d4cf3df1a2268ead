"""What the provider was asked, and how each answer ended."""

from collections import deque
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from deploy.sandbox.provider.format import Asked
from deploy.sandbox.provider.script import JsonObject

_KEPT = 10_000
_KEY_IN_QUERY = "key"
_SECRET = ("authorization", "x-api-key", "x-goog-api-key")


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _hidden(secret: str) -> str:
    scheme, _, key = secret.rpartition(" ")
    return f"{scheme} ***" if scheme and key else "***"


class Entry(BaseModel):
    """One request; times are in seconds since the epoch."""

    at: float
    path: str
    script: str | None
    model: str
    stream: bool
    body: JsonObject
    headers: dict[str, str]
    query: dict[str, str] = {}
    chunks_sent: int = 0
    last_chunk_at: float | None = None
    outcome: Literal["running", "complete", "client closed", "cut"] = "running"
    ended_at: float | None = None

    def count(self, chunks: int) -> None:
        """Records how many chunks have been sent so far."""
        if chunks > self.chunks_sent:
            self.chunks_sent, self.last_chunk_at = chunks, _now()

    def end(self, outcome: Literal["complete", "client closed", "cut"]) -> None:
        """Records the end; the first one told is the true one."""
        if self.ended_at is None:
            self.outcome = outcome
            self.ended_at = _now()


class Journal:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)

    def open(self, request: web.Request, body: JsonObject, asked: Asked, script: str | None) -> Entry:
        """Adds a request that is about to be answered."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        entry = Entry(
            at=_now(),
            path=request.path,
            script=script,
            model=asked.model,
            stream=asked.delivery != "whole",
            body=body,
            headers=headers | {name: _hidden(headers[name]) for name in _SECRET if name in headers},
            query={name: value for name, value in request.query.items() if name != _KEY_IN_QUERY},
        )
        self._entries.append(entry)
        return entry

    def entries(self, script: str | None = None) -> list[JsonObject]:
        """Returns the requests for one script, or all of them."""
        return [entry.model_dump() for entry in self._entries if script in (None, entry.script)]
