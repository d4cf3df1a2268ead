"""Standard input, output and error: whoever starts us may have closed them, leave, or have no room for more."""

import contextlib
import errno
import io
import os
import sys

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def open_what_is_closed() -> None:
    """Lead it nowhere. A socket that came in its place would be written to, and libuv aborts at the sight of one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def abandon_output() -> None:
    """Write nothing more: whoever read it has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(line: str) -> None:
    """Write a line to standard error: where nobody reads it, the answer still has its own way out."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def is_full(error: OSError) -> bool:
    """Whether a stream has no room for what was to be written; an error of a file's names the file."""
    return error.errno in _FULL and error.filename is None


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")
