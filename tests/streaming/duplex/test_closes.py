import pytest

from streaming.duplex.closes import told


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "the connection was closed with 1007"),
        ("No.", "the connection was closed with 1007: No."),
        ("\ud83d", "the connection was closed with 1007: \N{REPLACEMENT CHARACTER}"),
        ("x" * 100_000, "the connection was closed with 1007: " + "x" * 500),
    ],
)
def test_a_close_in_words(reason: str, words: str) -> None:
    """In bounds, and whole characters."""
    assert told(1007, reason) == words
