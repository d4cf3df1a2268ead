import pytest

from activities.presets import DEFAULT_ROUTE, PRESETS, with_preset


@pytest.mark.parametrize(
    ("name", "table", "wire"),
    [
        ("groq", {}, "openai-chat"),
        ("groq", {"base_url": "https://mill.example"}, "openai-chat"),
        ("mill", {"preset": "anthropic"}, "anthropic-messages"),
        ("groq", {"preset": "anthropic"}, "anthropic-messages"),
        ("groq", {"preset": "groq", "wire": "gemini"}, "gemini"),
    ],
)
def test_a_preset_lies_beneath_the_table(name: str, table: dict[str, object], wire: str) -> None:
    """Found by the name of either; what the table says itself wins."""
    filled = with_preset(name, table)

    assert filled["wire"] == wire
    assert filled.items() >= table.items()
    assert filled.keys() >= PRESETS[str(table.get("preset", name))].keys()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("mill", {}),
        ("mill", {"preset": "mill"}),
        ("mill", {"preset": ["groq"]}),
        ("groq", {"wire": "openai-chat"}),
        ("groq", {"wire": "openai-chat", "preset": ""}),
    ],
)
def test_without_a_preset_a_table_stands_for_itself(name: str, table: dict[str, object]) -> None:
    """A wire of its own is no preset's, whatever the provider is called."""
    assert with_preset(name, table) == table


def test_the_default_route_is_made_of_presets_that_need_nothing_but_a_key() -> None:
    """In the order in which they are told."""
    providers = [entry["provider"] for entry in DEFAULT_ROUTE]

    assert providers == ["openai", "anthropic", "gemini"]
    assert all(PRESETS[name].keys() >= {"wire", "base_url", "api_key_env"} for name in providers)
