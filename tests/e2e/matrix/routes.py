"""The settings of a worker that knows a route for each cell."""

import json
from collections.abc import Mapping, Sequence

from streaming.providers import WIRES
from tests.e2e.matrix.bodies import ROOTS
from tests.e2e.matrix.cells import Cell


def settings_file(cells: Sequence[Cell], provider: str, doors: Mapping[str, str]) -> str:
    """Return a worker's settings with a route for each cell.

    Args:
        cells: the cells.
        provider: the address of the scripted provider, without a path.
        doors: by provider, the address of the door in front of it.
    """
    lines: list[str] = []
    for wire in WIRES:
        lines += _provider(wire, wire, provider)
    for cell in cells:
        for name in cell.doors:
            lines += _provider(name, cell.wire, doors[name])
        for candidate in cell.candidates:
            lines += [f"[[routes.{json.dumps(cell.slug)}]]"]
            lines += [f"provider = {json.dumps(candidate.provider)}", f"model = {json.dumps(candidate.model)}"]
    return "\n".join(lines)


def _provider(name: str, wire: str, url: str) -> list[str]:
    keys = {"wire": wire, "base_url": url + ROOTS[wire], "api_key_env": "SCRIPTED_KEY"}
    return [f"[providers.{json.dumps(name)}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
