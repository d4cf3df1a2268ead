import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import EventTooLarge
from streaming.sse import Decoder, Event
from tests.strategies import LINE_ENDS, cut

BOM = b"\xef\xbb\xbf"


def decoded(pieces: list[bytes]) -> tuple[list[Event], Event | None]:
    """Return the events of a body, and what its end cut off."""
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events, decoder.close()


# (what it shows, body with \n as line end, its events). After the files of WPT's eventsource/ directory.
RULES: list[tuple[str, bytes, list[Event]]] = [
    ("one event", b"data: a\n\n", [Event(b"a")]),
    ("format-bom", BOM + b"data:1\n\ndata:2\n\n", [Event(b"1"), Event(b"2")]),
    ("format-bom-2", BOM + BOM + b"data:1\n\ndata:2\n\n", [Event(b"2")]),
    ("bom-later", b"data:1\n\n" + BOM + b"data:2\n\n", [Event(b"1")]),
    ("format-comments", b"data:1\n:data:fail\n:" + b"x" * 4000 + b"\ndata:2\n:\n\n", [Event(b"1\n2")]),
    ("format-leading-space", b"data:\ttab\ndata:  two\ndata:none\n\n", [Event(b"\ttab\n two\nnone")]),
    ("format-field-data", b"data:\n\ndata\ndata\n\ndata:test\n\n", [Event(b""), Event(b"\n"), Event(b"test")]),
    ("format-field-parsing", b"data:\x00\nData:1\ndata\x00:2\n data:3\ndata :4\n data\n\n", [Event(b"\x00")]),
    ("format-field-event", b"event:test\ndata:x\n\ndata:y\n\n", [Event(b"x", "test"), Event(b"y")]),
    ("format-field-event-empty", b"event: \ndata:data\n\n", [Event(b"data")]),
    ("event-without-data", b"event:lost\n\ndata:1\n\n", [Event(b"1")]),
    ("last-event-name-wins", b"event:a\nevent:b\ndata:1\n\n", [Event(b"1", "b")]),
    ("id-and-retry", b"id:1\nretry:3\ndata:1\n\nid\nretry:x\n\n", [Event(b"1")]),
    (
        "format-field-unknown",
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacomment\n\n",
        [Event(b"test\n")],
    ),
    ("format-utf-8", "data:ok…\n\n".encode(), [Event("ok…".encode())]),
    ("blank-lines", b"\n\n\ndata:1\n\n\n\ndata:2\n\n", [Event(b"1"), Event(b"2")]),
    ("colons-in-a-value", b"data: a: b:c\n\n", [Event(b"a: b:c")]),
    ("invalid-utf-8-passes", b"data:\xff\xc3\n\n", [Event(b"\xff\xc3")]),
    ("event-name-of-invalid-utf-8", b"event:\xff\ndata:1\n\n", [Event(b"1", "�")]),
]


@pytest.mark.parametrize("newline", LINE_ENDS, ids=["lf", "cr", "crlf"])
@pytest.mark.parametrize(("body", "events"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_a_body_means_what_whatwg_says(body: bytes, events: list[Event], newline: bytes) -> None:
    """Each rule holds with each line end, whole, byte by byte, and cut in two at every place."""
    body = body.replace(b"\n", newline)

    assert decoded([body]) == (events, None)
    assert decoded([bytes([byte]) for byte in body]) == (events, None)
    for place in range(min(len(body), 500)):
        assert decoded([body[:place], body[place:]]) == (events, None)


def test_line_ends_may_be_mixed() -> None:
    """CR, LF and CRLF end lines side by side; LF CR is two ends."""
    assert decoded([b"data:1\rdata:2\r\ndata:3\n\rdata:4\r\r\n"]) == ([Event(b"1\n2\n3"), Event(b"4")], None)


@pytest.mark.parametrize(
    "character", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"], ids=lambda c: f"u{ord(c):04x}"
)
def test_nothing_else_ends_a_line(character: str) -> None:
    """What str.splitlines takes for a line end is legal inside JSON strings."""
    value = f'{{"a":"x{character}y"}}'.encode()

    assert decoded([b"data: " + value + b"\n\n"]) == ([Event(value)], None)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b"", None),
        (b"\n", None),
        (BOM, None),
        (b":comment", None),
        (b"event:x", None),
        (b"dat", None),
        (b"data", Event(b"")),
        (b"data:", Event(b"")),
        (b"data:1", Event(b"1")),
        (b"data:1\r", Event(b"1")),
        (b"data:1\n", Event(b"1")),
        (b"data:1\ndata:2", Event(b"1\n2")),
        (b"event:e\ndata:1\n:", Event(b"1", "e")),
        (b"data:1\n\n", None),
        (BOM + b"data:1", Event(b"1")),
    ],
)
def test_the_end_of_the_body_hands_over_what_it_cut_off(body: bytes, left: Event | None) -> None:
    """In every state of the decoder, and however the body came."""
    assert decoded([body])[1] == left
    assert decoded([bytes([byte]) for byte in body])[1] == left


@given(st.data())
def test_chunking_never_matters(data: st.DataObject) -> None:
    """Any bytes in any pieces give the events of the whole."""
    alphabet = [b"data", b"event", b":", b" ", b"\r", b"\n", b"\r\n", b"x", BOM, b"\xe2\x80\xa8", b"\xff"]
    body = b"".join(data.draw(st.lists(st.sampled_from(alphabet), max_size=30)))

    assert decoded(data.draw(cut(body))) == decoded([body])


PIECES = [
    b"data: a\n\n",
    b"data: b\n\n",
    b"data: \n\n",
    b"data:c\n\n",
    b"data: a\n\n\n",
    b"data: a\n",
    b"data: a\ndata: b\n\n",
    b"data: a\r\n\r\n",
    b"data: a\n\r",
    b"event: x\ndata: a\n\n",
    b"event: x\ndata: a\ndata: b\n\n",
    b"event: y\ndata: b\n\n",
    b"event: y\n\n",
    b"event: y\n",
    b": ping\n\n",
    b"\n",
    b"\r",
    b"",
    BOM,
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12), known=st.booleans())
def test_events_that_come_one_by_one_are_those_of_the_whole(pieces: list[bytes], *, known: bool) -> None:
    """What a decoder expects of the next chunk changes nothing, whether it comes so or not."""
    if known:
        pieces = [b"event: x\ndata: a\n\n", b"data: a\n\n", b"event: x\ndata: b\n\n", *pieces]

    assert decoded(pieces) == decoded([b"".join(pieces)])


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(body: bytes) -> None:
    """Anything at all decodes to some events."""
    decoded([body])


@given(st.data(), st.integers(0, 30))
def test_the_cap_does_not_depend_on_the_chunks(data: st.DataObject, cap: int) -> None:
    """A body is over the cap however it is cut, or never."""
    alphabet = [b"data:", b"event:", b":", b"\n", b"\r\n", b"xxxxx"]
    body = b"".join(data.draw(st.lists(st.sampled_from(alphabet), max_size=15)))

    def over(pieces: list[bytes]) -> bool:
        decoder = Decoder(max_event_bytes=cap)
        try:
            for piece in pieces:
                decoder.feed(piece)
        except EventTooLarge:
            return True
        return False

    assert over(data.draw(cut(body))) == over([body])


@pytest.mark.parametrize("piece", [b"x" * 10, b"\ndata:x", b"\ndata", b":", b"\r:\rdata:" + b"x" * 50])
def test_an_endless_event_is_refused(piece: bytes) -> None:
    """As one endless line, as endless lines of data, and as an endless comment before them."""
    decoder = Decoder(max_event_bytes=1000)
    decoder.feed(b"data:")

    def feed_for_ever() -> None:
        for _ in range(1001):
            decoder.feed(piece)

    with pytest.raises(EventTooLarge, match="over 1,000 bytes"):
        feed_for_ever()


def test_many_events_may_be_larger_than_one_may_be() -> None:
    """The cap is for one event: comments and other events do not count towards it."""
    decoder = Decoder(max_event_bytes=100)
    events = [event for _ in range(50) for event in decoder.feed(b":" + b"x" * 80 + b"\ndata:" + b"y" * 80 + b"\n\n")]

    assert [Event(b"y" * 80)] * 50 == events


def test_a_megabyte_may_come_byte_by_byte() -> None:
    """Work is linear: a million chunks of one byte are a matter of a second, were it quadratic, of hours."""
    decoder = Decoder()
    decoder.feed(b"data:")
    for _ in range(1_000_000):
        assert not decoder.feed(b"x")

    assert [Event(b"x" * 1_000_000)] == decoder.feed(b"\n\n")


def test_64_mib_in_one_event_are_the_most_by_default() -> None:
    """An event with an image in it passes, one byte too many does not."""
    size = 64 * 1024 * 1024 - len(b"data:")
    image = b"x" * size

    assert [Event(image)] == Decoder().feed(b"data:" + image + b"\n\n")
    with pytest.raises(EventTooLarge):
        Decoder().feed(b"data:x" + image)


def test_long_names_of_events_are_not_kept() -> None:
    """A server that calls each event otherwise, at great length, fills no memory."""
    decoder = Decoder()
    tracemalloc.start()
    try:
        for number in range(64):
            name = str(number) * 500_000
            assert [event.type for event in decoder.feed(f"event:{name}\ndata:x\n\n".encode())] == [name]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 10 * 1024 * 1024
