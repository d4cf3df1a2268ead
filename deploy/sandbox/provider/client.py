"""Puts scripts into a running provider and reads what it was asked."""

from types import TracebackType
from typing import Self

import aiohttp
from pydantic import TypeAdapter

from deploy.sandbox.provider.errors import ScriptRefused
from deploy.sandbox.provider.journal import Entry
from deploy.sandbox.provider.script import JsonObject

_ENTRIES = TypeAdapter(list[Entry])


class ScriptedProvider:
    """A provider's control side, as an async context manager.

    Attributes:
        url: The base URL for OpenAI's clients, as the server printed it.
        root: The same for clients that put a version into the path themselves: Anthropic's and Google's.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.root = url.removesuffix("/v1")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def put(self, name: str, responses: list[JsonObject], model: str | None = None) -> None:
        """Stores a script, for one model only if that is named.

        Raises:
            ScriptRefused: Some field is not what a script may say.
        """
        address = f"{self.root}/scripts/{name}"
        query = {} if model is None else {"model": model}
        async with self._session.put(address, params=query, json=responses) as answer:
            if not answer.ok:
                raise ScriptRefused(await answer.text())

    async def requests(self, name: str | None = None) -> list[Entry]:
        """Returns the requests for one script, or all of them, oldest first."""
        path = "/requests" if name is None else f"/scripts/{name}/requests"
        async with self._session.get(self.root + path) as answer:
            return _ENTRIES.validate_json(await answer.read())
