from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.elements import Transcript
from streaming.duplex.gemini_live.utterance import Utterance
from tests.strategies import texts_with_halves


def test_pieces_and_the_whole() -> None:
    """Each piece is told, and at the end all of it; the next words are of another utterance."""
    utterance = Utterance("u")

    assert utterance.add("how ", finished=False) == Transcript("user", "how ", item_id="u1")
    assert utterance.add("are you", finished=False) == Transcript("user", "are you", item_id="u1")
    assert utterance.end() == Transcript("user", "how are you", final=True, item_id="u1")
    assert utterance.end() is None
    assert utterance.add("hi", finished=True) == Transcript("user", "hi", final=True, item_id="u2")
    assert utterance.add("", finished=True) is None


@given(st.lists(texts_with_halves()))
def test_halves_of_characters(pieces: list[str]) -> None:
    """They are put together, and what is told can be written down."""
    utterance = Utterance("u")
    for piece in pieces:
        if transcript := utterance.add(piece, finished=False):
            transcript.text.encode()
    if whole := utterance.end():
        assert whole.text == "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
