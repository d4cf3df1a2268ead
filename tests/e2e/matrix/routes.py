"""The settings of a worker that knows a route for each cell."""

from collections.abc import Mapping, Sequence

from streaming.providers import WIRES
from tests import tables
from tests.e2e.matrix.bodies import ROOTS
from tests.e2e.matrix.cells import Cell


def settings_file(cells: Sequence[Cell], provider: str, doors: Mapping[str, str]) -> str:
    """Return a worker's settings with a route for each cell.

    Args:
        cells: the cells.
        provider: the address of the scripted provider, without a path.
        doors: by provider, the address of the door in front of it.
    """
    written = [tables.provider(wire, provider + ROOTS[wire], wire) for wire in WIRES]
    for cell in cells:
        written += [tables.provider(name, doors[name] + ROOTS[cell.wire], cell.wire) for name in cell.doors]
        written += [tables.candidate(cell.slug, one.provider, one.model) for one in cell.candidates]
    return "".join(written)
