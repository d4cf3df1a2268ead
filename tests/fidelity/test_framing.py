import random

import pytest

from streaming.sse import Decoder, Event
from tests.fidelity.cases import StreamEvent, pieces, words
from tests.fidelity.framing import cut, framed


@pytest.mark.parametrize("seed", range(300))
def test_framed_events_come_back_as_they_were(seed: int) -> None:
    """So that a difference the generators find is the accumulator's."""
    rng = random.Random(seed)
    given = [
        StreamEvent(words(rng).encode().replace(b"\r", b"").strip() or b"x", rng.choice(["", "named"])) for _ in "abc"
    ]
    decoder = Decoder()

    got = [event for chunk in cut(rng, framed(rng, given)) for event in decoder.feed(chunk)]

    wanted = [Event(event.data, event.type or "message") for event in given]
    assert [event for event in got if event.data] == [_as_framed(event, got) for event in wanted]


def _as_framed(event: Event, got: list[Event]) -> Event:
    """Return the event, over two lines if that is how it came."""
    broken = Event(b"{\n" + event.data[1:], event.type)
    return broken if event.data.startswith(b"{") and broken in got else event


@pytest.mark.parametrize("seed", range(50))
def test_pieces_are_the_text(seed: int) -> None:
    """Joined, in order."""
    rng = random.Random(seed)
    text = words(rng)

    assert text == "".join(pieces(rng, text))
