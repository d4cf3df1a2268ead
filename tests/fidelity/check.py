"""One seed of one wire: an answer made first, then cut into a stream, then rebuilt; what differs is a problem."""

import importlib
import random

from streaming.errors import ProviderError
from streaming.jsontext import JsonObject
from streaming.live.transcript import Transcript
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks, Wire
from tests.fidelity.cases import Case, Generator
from tests.fidelity.framing import cut, framed
from tests.recordings import said


def generator(wire: str) -> Generator:
    """Return the generator of a wire: `case` of the module with its name."""
    case: Generator = importlib.import_module(f"tests.fidelity.{wire.replace('-', '_')}").case
    return case


def problem(wire: str, seed: int) -> str | None:
    """Return what is wrong with the answer rebuilt from this seed's stream, or None."""
    rng = random.Random(f"{wire} {seed}")
    case = generator(wire)(rng)
    body = framed(rng, case.events)
    try:
        found = _difference(WIRES[wire], case, cut(rng, body))
        found = found or _truncation(WIRES[wire], case, rng)
    except ProviderError as error:
        found = f"{type(error).__name__}: {error}"
    return f"{wire}, seed {seed}: {found}" if found else None


def _difference(wire: Wire, case: Case, chunks: list[bytes]) -> str | None:
    reader, transcript = StreamReader(wire, Quirks()), Transcript()
    for chunk in chunks:
        for delta in reader.feed(chunk):
            transcript.add(delta)
    if not reader.complete:
        for delta in reader.eof():
            transcript.add(delta)
    final, unary = reader.final(), wire.unary(case.unary)
    if said(final) != said(unary):
        return f"the objects differ: {_first_difference(said(unary), said(final))}"
    streamed, whole = wire.answer(final, "p"), wire.answer(unary, "p")
    if streamed != whole:
        return f"the neutral answers differ: {whole} is not {streamed}"
    if transcript.text != streamed.message.text:
        return f"viewers saw {transcript.text!r}, and the answer is {streamed.message.text!r}"
    return None


def _truncation(wire: Wire, case: Case, rng: random.Random) -> str | None:
    """Look for a success where the last thing the wire sends is missing."""
    body = framed(rng, case.events[: rng.randrange(len(case.events))])
    reader = StreamReader(wire, Quirks())
    try:
        reader.feed(body)
        complete = reader.complete
        if not complete:
            reader.eof()
            complete = True
    except ProviderError:
        return None
    unary = wire.unary(case.unary)
    if complete and said(reader.final()) == said(unary):
        return None  # what was cut off said nothing more
    answer = wire.answer(reader.final(), "p")
    if answer.message == wire.answer(unary, "p").message:
        return None  # the message was whole; usage and its like came after
    if answer.finish_reason == "stop" and not answer.message.parts:
        return None  # no answer either: the activity's `EmptyAnswer` (gateways begin Gemini's streams with a STOP)
    return "a stream cut short passed for an answer"


def _first_difference(wanted: object, got: object, path: str = "") -> str:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted(wanted.keys() | got.keys()):
            if wanted.get(key) != got.get(key):
                return _first_difference(wanted.get(key), got.get(key), f"{path}.{key}")
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for at, (one, other) in enumerate(zip(wanted, got, strict=True)):
            if one != other:
                return _first_difference(one, other, f"{path}[{at}]")
    return f"at {path or 'the top'}: {wanted!r} became {got!r}"


def example(wire: str, seed: int) -> tuple[JsonObject, bytes]:
    """Return a seed's unary answer and its stream, to look at or to keep as a fixture."""
    rng = random.Random(f"{wire} {seed}")
    case = generator(wire)(rng)
    return case.unary, framed(rng, case.events)
