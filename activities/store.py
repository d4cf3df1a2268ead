"""The worker's attachment store: a directory, for instance a mounted bucket, in which a part's `object` is a key.

Read by threads of its own: a mount that hangs holds up no one's name look-ups.
"""

import asyncio
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from streaming.errors import AttachmentNotLoaded, BadAttachment
from streaming.media import too_large

_THREADS = 8
_NO_SUCH_OBJECT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}
)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would wait for a writer


class Store:
    """Objects by key; with no directory there are none."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="attachments")

    async def read(self, key: str, max_bytes: int) -> bytes:
        """Return an object's bytes.

        Raises:
            BadAttachment: there is no such object, or it is over `max_bytes`.
            AttachmentNotLoaded: the store cannot be read now.
        """
        if self._directory is None:
            raise BadAttachment("this worker has no attachment store: set attachments.directory")
        steps = key.split("/")
        if "\0" in key or any(step in ("", ".", "..") for step in steps):
            raise BadAttachment("its object is no key: names joined by /, and none of them empty, . or ..")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, _read, self._directory, steps, max_bytes)
        except UnicodeEncodeError:
            raise _no_such_object() from None
        except OSError as error:
            if error.errno in _NO_SUCH_OBJECT:
                raise _no_such_object() from None
            # The words of the system may hold the path.
            raise AttachmentNotLoaded("the worker's attachment store cannot be read") from error


def _no_such_object() -> BadAttachment:
    return BadAttachment("the worker's attachment store has no such object")


def _read(directory: Path, steps: list[str], max_bytes: int) -> bytes:
    """Read a file below the directory, step by step: no link of anyone's leads out, however fast it is changed."""
    with ExitStack() as opened:
        try:
            at = os.open(directory, _DIRECTORY)
        except OSError as error:
            raise OSError(errno.EIO, "the store is not there") from error
        opened.callback(os.close, at)
        for flags, step in zip([_DIRECTORY] * (len(steps) - 1) + [_FILE], steps, strict=True):
            at = os.open(step, flags | os.O_NOFOLLOW, dir_fd=at)
            opened.callback(os.close, at)
        if not stat.S_ISREG(os.fstat(at).st_mode):
            raise OSError(errno.ENOENT, "not a regular file")
        with open(at, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    return content
