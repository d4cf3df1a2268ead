"""The scripts that were put, and how far each has been played."""

from deploy.sandbox.provider.script import Response


class Library:
    """Lists of responses by name, some for one model only; a list's last response repeats."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str | None], list[Response]] = {}
        self._played: dict[tuple[str, str | None], int] = {}

    def put(self, name: str, responses: list[Response], model: str | None = None) -> None:
        """Stores a script, from its first response on."""
        self._lists[name, model] = responses
        self._played[name, model] = 0

    def take(self, name: str, model: str) -> Response | None:
        """Returns the next response, the model's own list first; nothing when there is no such script."""
        key = next((key for key in ((name, model), (name, None)) if key in self._lists), None)
        if key is None:
            return None
        responses = self._lists[key]
        position = min(self._played[key], len(responses) - 1)
        self._played[key] += 1
        return responses[position]
