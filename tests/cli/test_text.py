import pytest

from cli.text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;aGVsbG8=\x07", r"\x1b]52;c;aGVsbG8=\x07"),
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\x00\x08\x0b\x7f", r"\x00\x08\x0b\x7f"),
        ("over\rwritten", r"over\x0dwritten"),
        ("\u202egnp.exe\u2069", r"\u202egnp.exe\u2069"),
    ],
    ids=["OSC 52", "CSI", "C1", "C0 and DEL", "lone CR", "bidirectional overrides"],
)
def test_what_could_command_a_terminal_is_written_out(text: str, shown: str) -> None:
    """Nothing a model says moves the cursor, fills the clipboard or reads otherwise than it is."""
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["", "a\tb\n\nc", "[bold]mill[/bold]", "東京 🌾 é e\u0301", "👩\u200d🌾", "\\x1b"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Tabs, newlines, markup and every script pass unchanged."""
    assert visible(text) == text


def test_a_windows_line_end_is_one_newline() -> None:
    """CRLF is a line end, not a control character to show."""
    assert visible("a\r\nb") == "a\nb"
