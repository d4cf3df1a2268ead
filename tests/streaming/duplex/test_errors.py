"""The tree of errors is printed in one place."""

import re
from collections.abc import Iterator

import streaming.duplex.aio  # noqa: F401 - declares some of them
from streaming.duplex import errors


def beneath(kind: type[Exception]) -> Iterator[str]:
    """Return the names of all kinds of a kind, as far as they are the project's."""
    for sub in kind.__subclasses__():
        if sub.__module__.startswith("streaming."):
            yield sub.__name__
        yield from beneath(sub)


def test_the_tree_has_them_all() -> None:
    """Each once, wherever it is declared."""
    printed = re.findall(r"── (\w+)", errors.__doc__ or "")

    assert sorted(printed) == sorted(beneath(errors.DuplexError))
