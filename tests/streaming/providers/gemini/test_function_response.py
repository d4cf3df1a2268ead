import pytest

from streaming.jsontext import JsonObject
from streaming.providers.gemini.function_response import response_of


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ('{"celsius": 12}', {"celsius": 12}),
        ("{}", {}),
        ("[12]", {"output": "[12]"}),
        ("12", {"output": "12"}),
        ("true", {"output": "true"}),
        ("", {"output": ""}),
        ("{broken", {"output": "{broken"}),
        ('{"a": NaN}', {"output": '{"a": NaN}'}),
        ('{"a": "\ud800"}', {"a": "?"}),
        ("\ud800", {"output": "\ud800"}),
    ],
)
def test_a_result_is_always_an_object(output: str, told: JsonObject) -> None:
    """A JSON object as it is, all else under a key that says what it is."""
    assert response_of(output, is_error=False) == told
    assert response_of(output, is_error=True) == {"error": output}


@pytest.mark.parametrize(
    "output",
    [
        '{"$ref": "x"}',
        '{"a": [{"$ref": "x"}]}',
        '{"\\u0024ref": "x"}',
        '{"a": [[{"b": {"$ref": null}}]]}',
    ],
)
def test_what_would_be_taken_for_a_reference_is_told_as_text(output: str) -> None:
    """However deep it is, and however it is written."""
    assert response_of(output, is_error=False) == {"output": output}


@pytest.mark.parametrize("value", ["$ref", "see $ref", '\\"$ref\\"'])
def test_the_word_alone_is_no_reference(value: str) -> None:
    """Only a key is one."""
    assert list(response_of(f'{{"a": ["{value}"], "ref": 1}}', is_error=False)) == ["a", "ref"]


def test_nesting_that_others_could_not_read_is_told_as_text() -> None:
    """And breaks no stack of ours."""
    output = '{"a":' * 100_000 + "1" + "}" * 100_000

    assert response_of(output, is_error=False) == {"output": output}
