import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import BadAttachment
from streaming.media import decoded, encoded, is_html, media_type_of, sniffed, type_by_name

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PDF = b"%PDF-1.7\n"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# The beginning of a file of each kind, as programs write it, and the types it may go by.
KINDS = [
    (PNG, "image", "image/png", []),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "image", "image/jpeg", ["image/jpg"]),
    (b"\xff\xd8\xff\xe1\x1d\x3cExif", "image", "image/jpeg", []),
    (b"GIF87a\1\0", "image", "image/gif", []),
    (b"GIF89a\1\0", "image", "image/gif", []),
    (b"RIFF\x24\0\0\nWEBPVP8 ", "image", "image/webp", []),
    (b"II*\0\x08\0", "image", "image/tiff", []),
    (b"MM\0*\0\0", "image", "image/tiff", []),
    (b"\0\0\0\x18ftypheic\0\0", "image", "image/heic", ["image/heif"]),
    (b"\0\0\0\x18ftyphevc\0\0", "image", "image/heic", ["image/heif"]),
    (b"\0\0\0\x18ftypmif1\0\0", "image", "image/heic", ["image/heif", "image/avif"]),
    (b"\0\0\0\x1cftypavif\0\0", "image", "image/avif", []),
    (b"RIFF\x24\0\0\nWAVEfmt ", "audio", "audio/wav", ["audio/x-wav", "audio/wave"]),
    (b"RF64\xff\xff\xff\xffWAVEds64", "audio", "audio/wav", []),
    (b"ID3\4\0\0", "audio", "audio/mpeg", ["audio/mp3", "audio/aac"]),
    (b"\xff\xfb\x90\x44", "audio", "audio/mpeg", ["audio/mp3"]),
    (b"\xff\xf1\x50\x80", "audio", "audio/aac", []),
    (b"fLaC\0\0\0\x22", "audio", "audio/flac", ["audio/x-flac"]),
    (b"OggS\0\2\0", "audio", "audio/ogg", ["audio/opus"]),
    (b"OggS\0\2\0", "file", "audio/ogg", ["video/ogg", "application/ogg"]),
    (b"FORM\0\1\0\0AIFFCOMM", "audio", "audio/aiff", ["audio/x-aiff"]),
    (b"\0\0\0\x20ftypM4A \0\0", "audio", "audio/mp4", ["audio/m4a", "audio/x-m4a"]),
    (b"\0\0\0\x20ftypisom\0\0", "file", "video/mp4", ["audio/mp4", "video/quicktime"]),
    (b"\0\0\0\x14ftypqt  \0\0", "file", "video/quicktime", []),
    (b"\x1aE\xdf\xa3\x9fB\x86", "audio", "audio/webm", []),
    (b"\x1aE\xdf\xa3\x9fB\x86", "file", "video/webm", ["video/x-matroska"]),
    (b"RIFF\x24\0\0\nAVI LIST", "file", "video/x-msvideo", []),
    (PDF, "file", "application/pdf", []),
    (b"\n\n" + PDF, "file", "application/pdf", []),
]


def refusal(content: bytes, part_type: str, declared: str | None, hint: str = "") -> str:
    """Return why an attachment is refused."""
    with pytest.raises(BadAttachment) as refused:
        media_type_of(content, part_type, declared, hint)
    return str(refused.value)


@pytest.mark.parametrize(("content", "part_type", "usual", "others"), KINDS, ids=range(len(KINDS)))
def test_bytes_tell_their_type(content: bytes, part_type: str, usual: str, others: list[str]) -> None:
    """One that the part can hold; each of its other names is as good."""
    assert usual == media_type_of(content, part_type, None)
    for name in [usual, *others]:
        assert name == media_type_of(content, part_type, name)


@pytest.mark.parametrize(("content", "part_type", "usual", "others"), KINDS, ids=range(len(KINDS)))
def test_a_type_with_a_magic_number_must_show_it(content: bytes, part_type: str, usual: str, others: list[str]) -> None:
    """Both types are told, where there are two."""
    claimed = "application/pdf" if usual != "application/pdf" else "image/png"

    assert (
        refusal(content, "file", claimed) == f"its type is given as {claimed} and its bytes are {sniffed(content)[0]}"
    )
    assert (
        refusal(b"nothing known", part_type, usual) == f"its type is given as {usual} and its bytes are no such thing"
    )


@pytest.mark.parametrize(
    ("content", "part_type", "declared", "hint", "settled"),
    [
        (PNG, "image", "IMAGE/PNG", "", "image/png"),
        (b"\0\1", "audio", "audio/pcm;rate=24000", "", "audio/pcm;rate=24000"),
        (b"a", "file", "text/plain; charset=utf-8", "", "text/plain; charset=utf-8"),
        (b"ID3\3 and C4.5 grow trees", "file", "text/plain", "", "text/plain"),
        (b"PK\3\4", "file", DOCX, "application/octet-stream", DOCX),
        (b"a,b", "file", None, "text/csv", "text/csv"),
        (b"\xff\xd8\xff", "image", None, "image/png", "image/jpeg"),
        (b"\0", "image", "image/x-canon-cr2", "", "image/x-canon-cr2"),
        (b"II*\0", "image", "image/x-canon-cr2", "", "image/x-canon-cr2"),
    ],
    ids=range(9),
)
def test_the_part_is_asked_first_then_the_bytes_then_the_hint(
    content: bytes, part_type: str, declared: str | None, hint: str, settled: str
) -> None:
    """A type without a magic number is believed; parameters stay."""
    assert settled == media_type_of(content, part_type, declared, hint)


@pytest.mark.parametrize(
    ("content", "part_type", "declared", "hint", "why"),
    [
        (b"", "image", "image/png", "", "it is empty"),
        (b"a", "file", None, "", "its bytes do not tell their type: give its media_type"),
        (b"a", "file", None, "application/octet-stream", "its bytes do not tell their type: give its media_type"),
        (b"a", "file", None, "image/png", "its type is given as image/png and its bytes are no such thing"),
        (PNG, "file", DOCX, "image/png", f"its type is given as {DOCX} and its bytes are image/png"),
        (
            PDF,
            "file",
            "text/plain",
            "application/pdf",
            "its type is given as text/plain and its bytes are application/pdf",
        ),
        (b"\xff\xfea\0", "file", "text/plain", "", "its type is given as text/plain and its bytes are not UTF-8"),
        (PDF, "image", "application/pdf", "", "image parts hold image/* and not application/pdf"),
        (PDF, "image", None, "", "image parts hold image/* and not application/pdf"),
        (b"OggS\0", "audio", "video/ogg", "", "audio parts hold audio/* and not video/ogg"),
        (b"a", "file", "png", "", "'png' is no media type"),
        (b"a", "file", "text/plain, text/html", "", "'text/plain, text/html' is no media type"),
        (b"a", "file", "text/plain;base64,x", "", "'text/plain;base64,x' is no media type"),
        (b"a", "file", "text/pläin", "", "'text/pläin' is no media type"),
        (b"a", "file", "a/" + "b" * 1000, "", f"{'a/' + 'b' * 98!r} is no media type"),
        (b"a", "file", "text/plain\r\nx: y", "", "'text/plain\\r\\nx: y' is no media type"),
    ],
    ids=range(16),
)
def test_what_is_refused_is_told_why(content: bytes, part_type: str, declared: str | None, hint: str, why: str) -> None:
    """In words for whoever wrote the turn."""
    assert why == refusal(content, part_type, declared, hint)


@given(st.binary(max_size=40), st.sampled_from(["image", "audio", "file"]), st.text(max_size=20), st.text(max_size=20))
def test_anything_has_a_type_or_a_refusal(content: bytes, part_type: str, declared: str, hint: str) -> None:
    """And no other error."""
    try:
        settled = media_type_of(content, part_type, declared or None, hint)
    except BadAttachment:
        return
    assert "/" in settled


@given(st.binary(max_size=100))
def test_base64_there_and_back(content: bytes) -> None:
    """As the standard library has it."""
    assert encoded(content) == base64.b64encode(content).decode()
    assert content == decoded(encoded(content), limit=len(content))


@pytest.mark.parametrize(
    "data",
    [
        "QQ",
        "QQ=",
        "Q",
        "QQ==QQ==",
        "QQ==\n",
        "Q Q=",
        "QÄ==",
        "-_-_",
        "data:image/png;base64,QQ==",
        "====",
        "=QQ=",
        "\ud800QQ=",
    ],
)
def test_what_is_not_base64_is_refused(data: str) -> None:
    """Nothing is skipped and nothing guessed: providers are as strict."""
    with pytest.raises(BadAttachment, match="not base64"):
        decoded(data, limit=100)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6])
def test_data_over_the_limit_is_refused_before_it_is_decoded(size: int) -> None:
    """To the byte, whatever the padding."""
    data = encoded(b"x" * size)

    assert len(decoded(data, limit=size)) == size
    with pytest.raises(BadAttachment, match=f"over {max(size - 1, 0):,} bytes"):
        decoded(data + "AAAA" * (size == 0), limit=max(size - 1, 0))


@pytest.mark.parametrize(
    ("content_type", "content", "page"),
    [
        ("text/html", b"", True),
        ("application/xhtml+xml", PNG, True),
        ("", b"<!DOCTYPE html>\n<html>", True),
        ("application/octet-stream", b"\xef\xbb\xbf\n <HTML lang=en>", True),
        ("", b"<htmlx>", False),
        ("", PNG, False),
        ("text/plain", b"<html>", False),
        ("image/svg+xml", b"<svg>", False),
    ],
)
def test_a_web_page_is_known(content_type: str, content: bytes, *, page: bool) -> None:
    """By its header, or where that says nothing by its beginning."""
    assert page is is_html(content_type, content)


@pytest.mark.parametrize(
    ("name", "media_type"), [("a/b.TXT", "text/plain"), ("report.docx", DOCX), ("txt", ""), ("a.b/c", "")]
)
def test_an_extension_names_a_type(name: str, media_type: str) -> None:
    """Where the bytes would not."""
    assert media_type == type_by_name(name)
