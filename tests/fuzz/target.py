"""Fuzzes one target, guided by coverage: `python -m tests.fuzz.target NAME CORPUS [libFuzzer options]`."""

import sys

import atheris
from atheris.import_hook import instrument_imports

with instrument_imports(include=["streaming"]):
    from tests.fuzz.properties import TARGETS


def main() -> None:
    """Run until libFuzzer's options say stop; a finding ends the process with its input written to a file."""
    name, *options = sys.argv[1:]
    # libFuzzer gives its first argument to a shell when it starts itself again, to merge.
    atheris.Setup([f"{sys.executable} -m tests.fuzz.target {name}", *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
