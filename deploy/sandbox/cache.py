"""Where the sandbox keeps the binaries it fetched or built: outside the tree, once per user."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.sandbox.errors import SandboxError


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Name the folder that survives between sandboxes; it may not exist yet.

    Args:
        environ: The environment, for ``XDG_CACHE_HOME`` and ``HOME``.

    Returns:
        ``$XDG_CACHE_HOME/millstream``, else ``~/.cache/millstream``.

    Raises:
        SandboxError: Neither variable names an absolute folder.
    """
    chosen = Path(environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen / "millstream"
    home = Path(environ.get("HOME", ""))
    if home.is_absolute():
        return home / ".cache" / "millstream"
    raise SandboxError("neither XDG_CACHE_HOME nor HOME names a folder to keep it in")


@contextmanager
def workshop(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give a folder to make a binary in, on the cache's own file system, and remove it afterwards.

    What is finished there is moved into the cache whole, so a sandbox beside this one never starts half a
    binary.

    Args:
        environ: The environment, for the cache folder.

    Yields:
        The folder.

    Raises:
        SandboxError: The cache folder cannot be written.
    """
    cache = cache_folder(environ)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        making = tempfile.TemporaryDirectory(prefix="making-", dir=cache)
    except OSError as failure:
        raise SandboxError(f"the cache folder cannot be written: {failure}") from failure
    with making as folder:
        yield Path(folder)
