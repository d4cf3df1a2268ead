"""One connection: its setup, and what is not its wire."""

import pytest

from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.errors import NotTheWireError, ProviderFaultError
from tests.streaming.duplex.aio.raw import saying, serving, silence
from tests.streaming.duplex.aio.talking import SOON, answer_of, ending_of, refusal, rest_of
from tests.streaming.duplex.toy.wire import ToyProvider


async def test_a_setup_that_nobody_takes() -> None:
    """It has its time."""
    async with serving(silence) as url:
        error = await refusal(ToyProvider(url), tries=1, setup_timeout_s=0.2)

    assert error.code == "setup_timeout"


@pytest.mark.parametrize(
    ("message", "text", "code"),
    [
        ("x" * (16 * 2**20 + 1), None, "1009"),
        (b"\xff\xfe", True, "1007"),
        (b"\x00\x01\x02", None, ""),
        ("no json", None, ""),
        ("[]", None, ""),
        ('{"is": "sound", "data": "?"}', None, ""),
    ],
    ids=["too-big", "no-utf8", "binary", "no-json", "no-object", "no-base64"],
)
async def test_what_is_not_the_wire(message: str | bytes, text: bool | None, code: str) -> None:
    """It ends the session, with a typed error as the last element."""
    async with (
        serving(saying(message, text=text)) as url,
        RealtimeSession(ToyProvider(url), reconnects=SOON) as session,
    ):
        error = ending_of(await rest_of(session))

        assert isinstance(error, NotTheWireError)
        assert error.code == code


async def test_json_in_a_binary_frame() -> None:
    """It is read like any other."""
    async with (
        serving(saying(b'{"is": "began"}', b'{"is": "words", "text": "Hi."}', b'{"is": "done"}')) as url,
        RealtimeSession(ToyProvider(url)) as session,
    ):
        answer = await answer_of(session)

        assert answer.message is not None
        assert answer.message.text == "Hi."


async def test_a_fatal_error_of_the_provider() -> None:
    """It is the last element, after the answer that it cut."""
    messages = ['{"is": "began"}', '{"is": "words", "text": "Hi."}', '{"is": "fault", "fatal": true, "message": "no"}']
    async with (
        serving(saying(*messages)) as url,
        RealtimeSession(ToyProvider(url), reconnects=SOON) as session,
    ):
        rest = await rest_of(session)

        assert rest[-2].interrupted
        assert isinstance(ending_of(rest), ProviderFaultError)
