"""Finding a program: the first way that works, or an error that names every way tried."""

import shutil
import textwrap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.sandbox.errors import SandboxError


@dataclass(frozen=True)
class Program:
    """An executable file, and the environment it is to run in."""

    path: Path
    environ: Mapping[str, str]


Way = Callable[[], Awaitable[Program]]


async def first_found(server: str, ruled_out: str, ways: Mapping[str, Way], ways_out: Sequence[str]) -> Program:
    """Go the ways in order until one leads to a program.

    Args:
        server: What the program serves, as messages call it.
        ruled_out: What was tried before any of these ways, and why it failed.
        ways: Each way by its name; one that leads nowhere raises ``SandboxError`` saying why.
        ways_out: What the user can do when none leads anywhere.

    Returns:
        The program the first working way led to.

    Raises:
        SandboxError: No way worked.
    """
    tried = [ruled_out]
    for name, way in ways.items():
        try:
            return await way()
        except SandboxError as failure:
            tried.append(f"{name}: {failure}")
    raise SandboxError(f"No {server} server. Tried:\n{_listed(tried)}\nWays out:\n{_listed(ways_out)}")


def on_path(names: Sequence[str], environ: Mapping[str, str]) -> Program:
    """Find the first of some programs on PATH.

    Args:
        names: The names it may have, best first.
        environ: The environment, for ``PATH``; the program runs in it.

    Returns:
        The program.

    Raises:
        SandboxError: None is there.
    """
    for name in names:
        if found := shutil.which(name, path=environ.get("PATH", "")):
            return Program(Path(found), environ)
    raise SandboxError(f"no {' or '.join(names)} on PATH")


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"  - {textwrap.indent(line, ' ' * 4).lstrip()}" for line in lines)
