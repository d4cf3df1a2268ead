"""Whether Redis takes what is sent, and what its being there says of that."""

import pytest
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import NoPermissionError

from streaming.live.link import Link


@pytest.mark.parametrize(("reason", "stands"), [(Unreachable("gone"), True), (NoPermissionError("no"), False)])
def test_a_server_that_answers_may_still_refuse(reason: Exception, stands: bool) -> None:
    """One that was gone is back; one that refused is back when it takes something."""
    link = Link()
    link.broke(reason)
    link.answered()
    assert link.stands is stands

    link.stood()
    assert link.stands


def test_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """When it breaks, and when it is back."""
    link = Link("away", "back")
    for _ in range(2):
        link.broke("why")
    for _ in range(2):
        link.answered()

    assert [record.getMessage() for record in caplog.records] == ["away (why)", "back"]
