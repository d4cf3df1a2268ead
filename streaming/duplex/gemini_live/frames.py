"""Pieces of a server message, read with suspicion. Messages: https://ai.google.dev/api/live, and the SDK's types."""

import re
from dataclasses import dataclass, field

from streaming.duplex.elements import Audio
from streaming.duplex.samples import Samples
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Usage
from streaming.providers.values import count, string

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_RATE = re.compile(r";\s*rate=([1-9][0-9]{2,5})(?![0-9])")
_DEFAULT_RATE = 24_000


def seconds(value: JsonValue) -> float | None:
    """Return a protobuf Duration ("1.5s"); None for anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) if match else None


def usage(metadata: JsonObject) -> Usage:
    """Return what a `usageMetadata` counts: each is about one response, so they add up."""
    prompt, tools = count(metadata, "promptTokenCount"), count(metadata, "toolUsePromptTokenCount")
    said, thought = count(metadata, "responseTokenCount"), count(metadata, "thoughtsTokenCount")
    return Usage(input_tokens=prompt, output_tokens=said).plus(
        Usage(
            input_tokens=tools,
            output_tokens=thought,
            cache_read_tokens=count(metadata, "cachedContentTokenCount"),
            reasoning_tokens=thought,
        )
    )


@dataclass
class Flaws:
    """What in one message is not of this wire."""

    found: list[str] = field(default_factory=list)

    def object(self, holder: JsonObject, key: str) -> JsonObject | None:
        """Return the object under a key; None where there is none, which is a flaw where there is something else."""
        value = holder.get(key)
        if value is None or isinstance(value, dict):
            return value
        self.found.append(f"{key} is not an object")
        return None

    def objects(self, holder: JsonObject, key: str) -> list[JsonObject]:
        """Return the objects in the list under a key."""
        value = holder.get(key)
        listed = value if isinstance(value, list) else []
        found = [item for item in listed if isinstance(item, dict)]
        if (value is not None and not isinstance(value, list)) or len(found) < len(listed):
            self.found.append(f"{key} is not a list of objects")
        return found

    def text(self, holder: JsonObject, key: str) -> str:
        """Return the string under a key, "" where there is none."""
        value = holder.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self.found.append(f"{key} is not a string")
        return ""


class Sound:
    """The sound of an answer: a sample may be split over two parts."""

    def __init__(self) -> None:
        self._samples = Samples()
        self._type = ""
        self._rate: int | None = None

    def end(self) -> None:
        """What comes next is of another answer."""
        self._samples.forget()

    def take(self, blob: JsonObject, flaws: Flaws) -> Audio | None:
        """Return the whole samples that a part adds."""
        if (media_type := blob.get("mimeType")) != self._type or self._rate is None:
            self._type, self._rate, self._samples = string(media_type), _rate(string(media_type)), Samples()
        if self._rate is None:
            flaws.found.append(f"a part of type {self._type[:100]!r}")
            return None
        try:
            data = self._samples.take(flaws.text(blob, "data"))
        except ValueError:
            flaws.found.append("the data of a part is not base64")
            return None
        return Audio(data, self._rate) if data else None


def _rate(media_type: str) -> int | None:
    """Return the samples a second of `audio/pcm;rate=24000`; None for what is no such sound."""
    if not media_type.startswith("audio/pcm"):
        return None
    match = _RATE.search(media_type)
    return int(match[1]) if match else None if "rate=" in media_type else _DEFAULT_RATE
