"""Hypothesis strategies that several tests share."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from streaming.jsontext import JsonValue

LINE_ENDS = (b"\n", b"\r", b"\r\n")


def texts(max_size: int = 20) -> SearchStrategy[str]:
    """Return any text that UTF-8 can carry."""
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)


def texts_with_halves() -> SearchStrategy[str]:
    """Return text as JSON's escapes can make it, with halves of surrogate pairs among the characters."""
    halves = st.sampled_from(["\ud83d", "\ude00", "\ud83d\ude00", "\udbff", "\udc00"])
    return st.lists(st.one_of(st.sampled_from(["a", "ß", "🌾", "\ufeff"]), halves), max_size=6).map("".join)


def json_values(strings: SearchStrategy[str] | None = None) -> SearchStrategy[JsonValue]:
    """Return any JSON value of modest size."""
    strings = texts() if strings is None else strings
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), strings
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(strings, inner, max_size=3)),
        max_leaves=10,
    )


@st.composite
def cut(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """Return `whole` in pieces, cut anywhere."""
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]
