"""The README's promises, held against the code."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
import typer
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined

import routing
import settings
from activities.presets import PRESETS
from activities.prices import cost_usd, shipped
from cli.app import EXIT_CODES, app
from settings import Settings
from streaming import errors
from streaming.contracts import (
    DEFAULT_TASK_QUEUE,
    WORKFLOW_TYPE,
    GenerationSettings,
    Limits,
    TurnInput,
    TurnResult,
    parse_turn,
)
from streaming.live.channels import Channels
from streaming.messages import Part, text_sha256

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^    (\S.*)$", re.MULTILINE)


def blocks(language: str, document: str = README) -> list[str]:
    """Return the code blocks of a language."""
    return [code for name, code in _BLOCK.findall(document) if name == language]


def commands(document: str = README) -> Iterator[list[str]]:
    """Yield each shell command, as words."""
    for line in _COMMAND.findall(_BLOCK.sub("", document)):
        yield shlex.split(line, comments=True)


def tables(*header: str) -> list[list[list[str]]]:
    """Return the rows of every table with this header."""
    found = re.findall(r"^\| (.+) \|\n\|[-|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [
        [[cell.strip() for cell in line[1:-1].split("|")] for line in body.splitlines()]
        for head, body in found
        if tuple(head.split(" | ")) == header
    ]


def names(rows: list[list[str]]) -> set[str]:
    """Return every name in backticks in the first column."""
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


def test_the_two_commands_come_first() -> None:
    """Before any word of explanation, a newcomer sees what to type."""
    first, second, *_ = commands()

    assert (first, second) == (["make", "demo"], ["make", "test"])
    assert README.splitlines()[2].startswith("    make demo")


def test_every_turn_in_the_readme_is_accepted() -> None:
    """An example that is pasted works."""
    inputs = [words[words.index("--input") + 1] for words in commands() if "--input" in words]
    examples = [block for block in blocks("json") if "messages" in json.loads(block)]

    assert len(inputs) == 2
    assert len(examples) == 1
    for text in inputs + examples:
        assert parse_turn(text.encode()).messages


def test_the_example_of_a_result_is_one() -> None:
    """The result's shape is shown as it comes."""
    (example,) = [json.loads(block) for block in blocks("json") if "sha256" in block]
    result = TurnResult.model_validate(example)

    assert result.model_dump(mode="json") == example
    assert result.sha256 == text_sha256(result.message.text)


def test_the_temporal_commands_name_what_exists() -> None:
    """Type, task queue, update and query are the workflow's own names."""
    starts = [words for words in commands() if words[:3] == ["temporal", "workflow", "execute"]]
    (retired,) = [words for words in commands() if words[0] == "tctl"]

    assert [words[words.index("--type") + 1] for words in starts] == [WORKFLOW_TYPE]
    assert [words[words.index("--task-queue") + 1] for words in starts] == [DEFAULT_TASK_QUEUE]
    assert retired[retired.index("--workflow_type") + 1] == WORKFLOW_TYPE
    assert retired[retired.index("--taskqueue") + 1] == DEFAULT_TASK_QUEUE


def test_the_channel_in_the_readme_is_the_turns() -> None:
    """A bare subscriber that follows the README hears something."""
    (subscribe,) = [words for words in commands() if words[0] == "redis-cli"]

    assert subscribe[-1] == Channels("default").live("hello")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_target_exists(document: Path) -> None:
    """What is told to be typed can be typed."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {"millstream": set(typer.main.get_group(app).commands), "make": targets}
    text = document.read_text()
    used = re.findall(r"`(millstream|make) ([a-z-]+)", text)
    for program, *words in commands(text):
        if program == "millstream":
            used.append((program, words[0]))
        elif program == "make":
            used += [(program, word) for word in words if "=" not in word]

    assert [(program, word) for program, word in used if word not in known[program]] == []


def test_the_routes_in_the_readme_load(tmp_path: Path) -> None:
    """The example file is taken as it is, with the overrides beside it."""
    (example,) = blocks("toml")
    (tmp_path / "millstream.toml").write_text(example)
    exports = dict(
        word.split("=", 1)
        for words in commands()
        if words[0] == "export"
        for word in words[1:]
        if "MILLSTREAM_" in word
    )
    environ = {"MILLSTREAM_CONFIG": str(tmp_path / "millstream.toml"), "LOCAL_API_KEY": "x", "OPENAI_API_KEY": "x"}
    routes, warnings = routing.resolve_routes(settings.load(environ), environ)
    overridden, _ = routing.resolve_routes(settings.load(environ | exports), environ)

    assert [candidate.name for candidate in routes.candidates("default")] == ["openai/gpt-5.5", "local/llama3"]
    assert warnings == []
    assert len(exports) == 5
    assert [candidate.name for candidate in overridden.candidates("default")] == ["local/llama3"]


def test_python_in_the_readme_compiles() -> None:
    """A snippet has no typing mistake."""
    for number, block in enumerate(blocks("python")):
        compile(block, f"README block {number}", "exec")


def test_the_tables_of_a_turn_name_every_field() -> None:
    """A field that exists is told, and none that does not."""
    turn, result = tables("key", "meaning")
    (generation,) = tables("`settings`", "values")
    (parts,) = tables("part", "fields")

    assert names(turn) == set(TurnInput.model_fields)
    assert names(result) == set(TurnResult.model_fields)
    assert names(generation) == set(GenerationSettings.model_fields)
    assert names(parts) == set(TypeAdapter(Part).json_schema()["discriminator"]["mapping"])


def test_the_clocks_in_the_readme_have_their_defaults() -> None:
    """Nobody waits for a number that was changed."""
    (limits,) = tables("`limits`", "default", "ends")

    told = {name.strip("`"): float(default) if default else None for name, default, _ in limits}
    assert told == Limits().model_dump()


def test_the_settings_in_the_readme_are_those_there_are() -> None:
    """Every key is told with its default, and no other."""
    (table,) = tables("key", "default", "meaning")
    called = {"prices": '"PROVIDER/MODEL"'}
    sections = [
        _section(section, field.annotation, called.get(section, "NAME"))
        for section, field in Settings.model_fields.items()
    ]
    told = {_whole(name, row[0]): row[1].strip("`") for row in table for name in re.findall(r"`([^`]+)`", row[0])}
    defaults = {
        f"{section}.{name}": _as_toml(field.default)
        for section, model in sections
        for name, field in model.model_fields.items()
    }

    assert told == {
        name: "the turn's" if name.endswith("_s") and "routes" in name else default
        for name, default in defaults.items()
    }


def _section(path: str, annotation: object, name: str) -> tuple[str, type[BaseModel]]:
    """Return where the keys of a setting stand, and the model that has them: in itself, a table or a list of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return path, annotation
    steps: dict[object, tuple[str, int]] = {dict: (f".{name}", 1), list: ("[]", 0)}
    step, at = steps.get(get_origin(annotation), ("", 0))
    return _section(path + step, get_args(annotation)[at], name)


def _whole(name: str, cell: str) -> str:
    """Complete `.name` by what the cell's first name begins with."""
    return cell.strip("`").split("`")[0].rpartition(".")[0] + name if name.startswith(".") else name


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | frozenset):
        return str(sorted(value))
    return "" if value in (PydanticUndefined, None) else str(value)


def test_the_presets_in_the_readme_are_those_there_are() -> None:
    """With the variables of their keys, where those are told one by one."""
    (table,) = tables("preset", "key's variable", "where")

    assert names(table) == PRESETS.keys()
    for row in table:
        for name in names([row]):
            assert str(PRESETS[name]["api_key_env"]) in row[1] or "..." in row[1]


def test_the_cost_in_the_readme_is_the_sum() -> None:
    """The example's tokens at the shipped price."""
    (example,) = [json.loads(block) for block in blocks("json") if "sha256" in block]
    result = TurnResult.model_validate(example)

    assert result.cost_usd == cost_usd(result.usage, shipped()[f"{result.provider}/{result.model}"])


def test_the_commands_in_the_readme_are_those_there_are() -> None:
    """Every command with each of its options, and no other."""
    (table,) = tables("command", "does")
    told = {
        re.findall(r"`millstream ([a-z]+)", command)[0]: set(re.findall(r"`(--[a-z-]+)", does))
        for command, does in table
    }

    assert told == {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for name, command in typer.main.get_group(app).commands.items()
    }


def test_the_troubles_in_the_readme_are_told_in_those_words() -> None:
    """Whoever looks a message up finds it: each piece between what varies stands in the code."""
    (table,) = tables("it says", "do")
    files = [*ROOT.glob("*.py"), *ROOT.glob("cli/*.py"), *ROOT.glob("deploy/sandbox/*.py"), ROOT / "Makefile"]
    files += [*ROOT.glob("settings/*.py"), *ROOT.glob("streaming/live/*.py")]
    source = " ".join(path.read_text() for path in files)
    source = re.sub(r'"\s+f?"', "", source)  # literals that Python joins
    pieces = [piece.strip(" '\";:.") for message in names(table) for piece in message.split("...")]

    assert len(table) > 15
    assert [piece for piece in pieces if piece not in source] == []


def test_the_exit_codes_in_the_readme_are_the_commands() -> None:
    """Scripts that follow the table work."""
    (table,) = tables("exit code", "meaning")

    assert {int(code): meaning for code, meaning in table} == EXIT_CODES


def test_the_failures_in_the_readme_are_told_by_those_names() -> None:
    """A type that is looked up is found in the code."""
    (types,) = tables("type", "meaning")
    source = "".join(
        path.read_text() for folder in ("activities", "workflows", "streaming") for path in ROOT.glob(f"{folder}/*.py")
    )

    assert all(f'"{name}"' in source or hasattr(errors, name) for name in names(types))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_local_links_lead_somewhere(document: Path) -> None:
    """No link of a document is dead."""
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())

    assert all((ROOT / link).exists() for link in links if "://" not in link)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/design.md"])
def test_the_tree_is_told_whole(document: str) -> None:
    """Whoever looks for a place finds each package and module of the top level."""
    places = {path.name for path in ROOT.glob("*.py")} | {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")}
    cells = re.findall(r"^\| (`[^|]+) \|", (ROOT / document).read_text(), re.MULTILINE)
    told = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    apart = {"tests/", "benchmarks/"} if document == "docs/design.md" else set()  # it is about what runs

    assert [place for place in places - apart if not any(name.startswith(place) for name in told)] == []


def test_the_licence_is_the_whole_apache_licence() -> None:
    """The text is complete and unchanged."""
    licence = (ROOT / "LICENSE").read_text()

    assert "Apache License" in licence.splitlines()[0]
    assert len(licence) == 11_357
