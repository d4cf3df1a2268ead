from pathlib import Path

import pytest

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.programs import Program, first_found, on_path


async def blocked() -> Program:
    """Lead nowhere."""
    raise SandboxError("a tree lies across it\nsince the storm")


async def open_way() -> Program:
    """Lead to a program."""
    return Program(Path("mill"), {})


async def test_the_first_way_that_works_is_taken() -> None:
    """A blocked way only means the next one."""
    found = await first_found("Mill", "none", {"road": blocked, "path": open_way, "ford": blocked}, [])

    assert found == Program(Path("mill"), {})


async def test_the_error_names_every_way_and_the_ways_out() -> None:
    """The user sees what was tried, why it failed, and what to do."""
    with pytest.raises(SandboxError) as error:
        await first_found("Mill", "MILL: not set", {"road": blocked}, ["buy one", "set MILL"])

    assert str(error.value) == (
        "No Mill server. Tried:\n"
        "  - MILL: not set\n"
        "  - road: a tree lies across it\n"
        "    since the storm\n"
        "Ways out:\n"
        "  - buy one\n"
        "  - set MILL"
    )


def test_the_first_name_on_path_wins(tmp_path: Path) -> None:
    """The environment's PATH counts, and the better name first."""
    for name in ("second", "first"):
        (tmp_path / name).touch(mode=0o755)
    environ = {"PATH": str(tmp_path)}

    assert on_path(["first", "second"], environ) == Program(tmp_path / "first", environ)


@pytest.mark.parametrize("environ", [{}, {"PATH": ""}])
def test_an_empty_path_holds_no_program(environ: dict[str, str]) -> None:
    """This process's own PATH is not looked at."""
    with pytest.raises(SandboxError, match="no sh or bash on PATH"):
        on_path(["sh", "bash"], environ)
