"""The words of an answer as every format counts, cuts and ends them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import JsonValue

from deploy.sandbox.provider.answers import answer, numbered, tokens
from deploy.sandbox.provider.errors import Unfit
from deploy.sandbox.provider.script import Choice, JsonObject, Response


class Written(NamedTuple):
    """A text, and why it ends where it ends.

    Attributes:
        pieces: The text's tokens.
        end: Its own end, the request's limit, or one of its stop sequences.
        stop_sequence: That sequence, which is no part of the text.
    """

    pieces: list[str]
    end: Literal["own", "limit", "stop_sequence"] = "own"
    stop_sequence: str | None = None

    @property
    def text(self) -> str:
        """The tokens joined."""
        return "".join(self.pieces)


def write(
    script: Response, question: str, *, stops: Sequence[str] = (), limit: int | None = None, variant: int = 0
) -> Written:
    """Returns the text of a script, or a pleasant one, within what the request allows.

    Args:
        script: What to say.
        question: What a made-up text quotes.
        stops: The request's stop sequences.
        limit: The number of tokens that the request allows.
        variant: Which of several made-up texts.
    """
    text = numbered(script.tokens) if script.tokens else script.text
    if text is None:
        text = answer(question, variant)
    found = None
    for stop in stops:
        if stop and stop in text:
            text, found = text.partition(stop)[0], stop
    pieces = tokens(text)
    if limit is not None and len(pieces) > limit:
        return Written(pieces[:limit], "limit")
    return Written(pieces, "own" if found is None else "stop_sequence", found)


def finish(scripted: Response | Choice, usual: str) -> str | None:
    """Returns the scripted finish reason, or the usual one where the script has none; null is one too."""
    return scripted.finish_reason if "finish_reason" in scripted.model_fields_set else usual


def usage(script: Response, usual: JsonObject) -> JsonObject | None:
    """Returns the scripted usage, or the counted one where the script has none; null is one too."""
    return script.usage if "usage" in script.model_fields_set else usual


def scripted_list(message: JsonObject, key: str) -> list[JsonObject]:
    """Returns the objects that a scripted message must have under a format's own key.

    Raises:
        Unfit: It has no such list.
    """
    value = message.get(key)
    if not isinstance(value, list):
        raise Unfit(f"On this wire a scripted message has a list of objects under {key!r}, not {value!r}.")
    return objects(value)


def objects(value: JsonValue) -> list[JsonObject]:
    """Returns the objects in a list, and none of what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def length(value: JsonValue) -> int:
    """Returns the number of tokens in all the texts of a value."""
    match value:
        case str():
            return len(tokens(value))
        case list():
            return sum(length(item) for item in value)
        case dict():
            return sum(length(item) for item in value.values())
        case _:
            return 0


def logprob(token: str) -> JsonObject:
    """Returns a token's log probability in OpenAI's form."""
    return {"token": token, "logprob": -0.125, "bytes": list(token.encode()), "top_logprobs": []}
