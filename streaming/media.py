"""What an attachment's bytes are: base64 undone, and media types held against magic numbers. Pure.

The magic numbers are those of the WHATWG's "MIME Sniffing" standard, and for what it leaves out those of the formats'
own specifications. Bytes are believed before names are: a type that has a magic number must show it.
"""

import binascii
import re

from streaming.errors import BadAttachment

HTML = frozenset({"text/html", "application/xhtml+xml"})

_MP3 = ("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3")
_AAC = ("audio/aac", "audio/x-aac", "audio/aacp")
_WAV = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
_HEIF = ("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence")
_AVIF = ("image/avif", "image/avif-sequence")
_QUICKTIME = ("video/quicktime",)
_MP4 = ("video/mp4", "audio/mp4", "audio/m4a", "audio/x-m4a", "video/x-m4v", "video/3gpp", "audio/3gpp")
# The beginning of the bytes -> the types they may go by, the most usual first.
_MAGIC: list[tuple[re.Pattern[bytes], tuple[str, ...]]] = [
    (re.compile(pattern, re.DOTALL), types)
    for pattern, types in [
        (rb"\x89PNG\r\n\x1a\n", ("image/png",)),
        (rb"\xff\xd8\xff", ("image/jpeg", "image/jpg", "image/pjpeg")),
        (rb"GIF8[79]a", ("image/gif",)),
        (rb"RIFF....WEBP", ("image/webp",)),
        (rb"II\*\0|MM\0\*", ("image/tiff",)),
        (rb"....ftyp(avif|avis)", _AVIF),
        (rb"....ftyp(mif1|msf1)", (*_HEIF, *_AVIF)),
        (rb"....ftyp(hei[cxms]|hev[cxms])", _HEIF),
        (rb"....ftypqt  ", _QUICKTIME),
        (rb"....ftyp", (*_MP4, *_QUICKTIME)),
        (rb"(RIFF|RF64)....WAVE", _WAV),
        (rb"ID3[\2-\4]", (*_MP3, *_AAC)),
        (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", _MP3),
        (rb"\xff[\xf0\xf1\xf8\xf9]", _AAC),
        (rb"fLaC", ("audio/flac", "audio/x-flac")),
        (rb"OggS\0", ("audio/ogg", "video/ogg", "application/ogg", "audio/opus", "audio/vorbis")),
        (rb"FORM....AIF[FC]", ("audio/aiff", "audio/x-aiff")),
        (rb"\x1aE\xdf\xa3", ("video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska")),
        (rb"RIFF....AVI ", ("video/x-msvideo", "video/avi")),
        (rb".{0,1019}?%PDF-", ("application/pdf",)),  # readers forgive what stands before it
    ]
]
_WITH_MAGIC = frozenset(media_type for _, types in _MAGIC for media_type in types)
_HTML_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")  # RFC 6838, 4.2
_PARAMETERS = re.compile(r"(?:; ?[\w.+-]+=[\w.+-]+)*", re.ASCII)
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download"})
# The part's type -> how the media types that it can hold begin.
_HOLDS = {"image": "image/", "audio": "audio/", "file": ""}
_BY_EXTENSION = {
    "avif": "image/avif",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
}


def decoded(data: str, limit: int) -> bytes:
    """Return the bytes of a part's inline `data`.

    Args:
        data: base64 (RFC 4648, section 4) with its padding, and nothing else.
        limit: the most bytes they may be.

    Raises:
        BadAttachment: it is not base64, or more than that.
    """
    if len(data) // 4 * 3 - data[-2:].count("=") > limit:
        raise too_large(limit)
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise BadAttachment("its data is not base64: no line breaks, no data: prefix, and padded with =") from None


def encoded(content: bytes) -> str:
    """Return bytes as a part's inline `data`."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def too_large(limit: int) -> BadAttachment:
    """Return the error of an attachment that is over its cap, in bytes."""
    return BadAttachment(f"it is over {limit:,} bytes")


def sniffed(content: bytes) -> tuple[str, ...]:
    """Return the media types that these bytes may go by, the most usual first; none where nothing gives them away."""
    return next((types for magic, types in _MAGIC if magic.match(content)), ())


def essence_of(media_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_html(content_type: str, content: bytes) -> bool:
    """Return whether a response is a web page: by its header, or where that says nothing by how it begins."""
    return content_type in HTML or (content_type in _SAYS_NOTHING and _HTML_BEGINS.match(content) is not None)


def type_by_name(name: str) -> str:
    """Return the media type that a name's extension stands for, "" if none; what has a magic number needs none."""
    _, dot, extension = name.rpartition(".")
    return _BY_EXTENSION.get(extension.lower(), "") if dot else ""


def media_type_of(content: bytes, part_type: str, declared: str | None, hint: str = "") -> str:
    """Return the media type to send `content` under: the declared one, or the one it shows, or the hint.

    Args:
        content: the bytes.
        part_type: of the message's part; an image part holds nothing but images.
        declared: the part's own `media_type`.
        hint: what a response's header or a name's extension says, without parameters.

    Raises:
        BadAttachment: the type and the bytes do not agree, or there is no telling the type.
    """
    if not content:
        raise BadAttachment("it is empty")
    shown = sniffed(content)
    given = declared or _fitting(shown, part_type) or ("" if hint in _SAYS_NOTHING else hint)
    if not given:
        raise BadAttachment("its bytes do not tell their type: give its media_type")
    essence, parameters = essence_of(given), "".join(given.partition(";")[1:])
    if not _MEDIA_TYPE.fullmatch(essence) or not _PARAMETERS.fullmatch(parameters):
        raise BadAttachment(f"{given[:100]!r} is no media type")
    if not essence.startswith(_HOLDS[part_type]):
        raise BadAttachment(f"{part_type} parts hold {_HOLDS[part_type]}* and not {essence}")
    # A type without a magic number is believed, unless the hint and the bytes agree on another.
    if essence not in shown and (essence in _WITH_MAGIC or hint in shown):
        raise BadAttachment(
            f"its type is given as {essence} and its bytes are {shown[0] if shown else 'no such thing'}"
        )
    if essence.startswith("text/"):
        _refuse_other_than_utf8(content, essence)
    return essence + parameters


def _fitting(types: tuple[str, ...], part_type: str) -> str:
    """Return the first of the types that the part can hold, or the first of all: containers hold sound or pictures."""
    return next((name for name in types if name.startswith(_HOLDS[part_type])), types[0] if types else "")


def _refuse_other_than_utf8(content: bytes, essence: str) -> None:
    try:
        content.decode()
    except UnicodeDecodeError:
        raise BadAttachment(f"its type is given as {essence} and its bytes are not UTF-8") from None
