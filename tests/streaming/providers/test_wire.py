import pytest

from streaming.messages import Message, Usage
from streaming.providers import WIRES
from streaming.providers.wire import Answer, Call, Quirks, Wire


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_each_wire_makes_a_request_and_starts_with_nothing(wire: Wire) -> None:
    """A wire is a module that can do all of this."""
    call = Call(model="m", messages=[Message.model_validate({"role": "user", "content": "hi"})])

    assert all(wire.path("m", stream=stream).startswith("/") for stream in (True, False))
    assert "secret" in " ".join(wire.headers("secret").values())
    body = wire.body(call, stream=False)
    assert body["model"] == "m" if "model" in body else "/m:" in wire.path("m", stream=False)
    assert not wire.accumulator(Quirks()).complete


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_a_server_without_keys_is_sent_none(wire: Wire) -> None:
    """Not even an empty one, which some servers refuse."""
    assert not {name.lower() for name in wire.headers("")} & {"authorization", "x-api-key", "x-goog-api-key"}


def test_the_message_of_an_answer_is_its_first_choice() -> None:
    """The others are beside it."""
    first, second = (Message.model_validate({"role": "assistant", "content": text}) for text in "ab")

    assert Answer([first, second], "stop", "stop", None, Usage()).message == first
