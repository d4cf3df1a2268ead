"""Fuzzes every target for a while: `python -m tests.fuzz.run --seconds 60`.

What reaches new code is kept (`corpora.py`). What breaks a property is written to `tests/fuzz/findings/`, and
belongs in the fixtures once it is mended.
"""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import corpora
from tests.fuzz.properties import TARGETS

_ROOT = Path(__file__).parents[2]
_FINDINGS = Path(__file__).parent / "findings"
_MAX_INPUT_BYTES = 4096
_SLOW_S = 30  # an input takes milliseconds: only a hang, or time out of all proportion, takes this long on any machine
_AT_ONCE = 2


class Broken(Exception):
    """An input broke a property; the text is libFuzzer's."""


def fuzz(target: str, *measure: str) -> tuple[int, list[bytes]]:
    """Fuzz one target; return how many inputs it took, and the fewest that reach all they reached.

    Args:
        target: its name.
        measure: libFuzzer's options that say for how long, and from which seed.

    Raises:
        Broken: an input broke a property.
    """
    with tempfile.TemporaryDirectory() as found, tempfile.TemporaryDirectory() as fewest:
        for number, data in enumerate([*corpora.seeds(target), *corpora.kept(target)]):
            Path(found, f"known-{number}").write_bytes(data[:_MAX_INPUT_BYTES])
        _FINDINGS.mkdir(exist_ok=True)
        log = _libfuzzer(
            target,
            found,
            *measure,
            f"-max_len={_MAX_INPUT_BYTES}",
            f"-timeout={_SLOW_S}",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            f"-artifact_prefix={_FINDINGS}/{target}-",
        )
        _libfuzzer(target, "-merge=1", fewest, found)
        inputs = [file.read_bytes() for file in Path(fewest).iterdir()]
    executed = next(line for line in log.splitlines() if "number_of_executed_units" in line)
    return int(executed.split()[-1]), inputs


def _libfuzzer(target: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "tests.fuzz.target", target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=_ROOT)
    if done.returncode:
        raise Broken((done.stdout + done.stderr)[-4000:])
    return done.stderr


def _report(target: str, seconds: int) -> str:
    try:
        count, inputs = fuzz(target, f"-max_total_time={seconds}")
    except Broken as broken:
        return f"{target}: BROKEN\n{broken}"
    corpora.keep(target, inputs)
    return f"{target}: {count:,} inputs, nothing broke; {len(inputs)} kept"


def main() -> int:
    """Run from the command line; return 1 if anything broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--target", choices=list(TARGETS), action="append", help="only this one; may be repeated")
    given = parser.parse_args()
    broken = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for words in pool.map(lambda target: _report(target, given.seconds), given.target or list(TARGETS)):
            print(words, flush=True)
            broken += "BROKEN" in words
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
