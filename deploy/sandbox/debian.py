"""Redis out of Debian's or Ubuntu's packages, unpacked in the cache folder: no root, nothing installed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.sandbox.cache import cache_folder, workshop
from deploy.sandbox.commands import run
from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers
from deploy.sandbox.programs import Program, on_path

_PACKAGES = ["redis-server", "redis-tools"]
_DOWNLOAD_LIMIT = 120.0


def cached_redis(environ: Mapping[str, str]) -> Program:
    """Find what an earlier sandbox unpacked.

    Args:
        environ: The environment, for the cache folder.

    Returns:
        The server, with the libraries unpacked beside it.

    Raises:
        SandboxError: Nothing was unpacked yet.
    """
    root = _root(environ)
    if not root.is_dir():
        raise SandboxError(f"nothing at {root}")
    return _program(root, environ)


async def unpacked_redis(servers: Servers, environ: Mapping[str, str]) -> Program:
    """Download the packages, and those they need and this machine lacks, and unpack them.

    Args:
        servers: Where the commands run.
        environ: The environment, for ``PATH`` and the cache folder.

    Returns:
        The server, with the libraries unpacked beside it.

    Raises:
        SandboxError: There is no apt here, or it has no such package, or what it has does not run.
    """
    on_path(["apt-get"], environ)
    with workshop(environ) as folder:
        root = folder / "root"
        await _unpack(servers, environ, _PACKAGES, root)
        needed = await _needed(servers, environ, folder)
        if needed:
            await _unpack(servers, environ, needed, root)
        made = _program(root, environ)
        await run(servers, [str(made.path), "--version"], made.environ)
        # Another sandbox may have put the same there meanwhile, and runs it.
        with suppress(OSError):
            root.rename(_root(environ))
    return cached_redis(environ)


async def _unpack(servers: Servers, environ: Mapping[str, str], packages: Sequence[str], root: Path) -> None:
    apt, dpkg = (str(on_path([name], environ).path) for name in ("apt-get", "dpkg-deb"))
    await run(servers, [apt, "download", *packages], environ, root.parent, _DOWNLOAD_LIMIT)
    for name in packages:
        await run(servers, [dpkg, "-x", _archive(root.parent, name), str(root)], environ)


async def _needed(servers: Servers, environ: Mapping[str, str], folder: Path) -> list[str]:
    dpkg = str(on_path(["dpkg-deb"], environ).path)
    wanted = await run(servers, [dpkg, "-f", _archive(folder, "redis-tools"), "Depends"], environ)
    names = [alternatives.split()[0] for alternatives in wanted.split(",") if alternatives.strip()]
    libraries = [name for name in names if name.startswith(("lib", "lua"))]
    return [name for name in libraries if not await _is_installed(servers, environ, name)]


async def _is_installed(servers: Servers, environ: Mapping[str, str], package: str) -> bool:
    dpkg = str(on_path(["dpkg"], environ).path)
    try:
        return "Status: install ok installed" in await run(servers, [dpkg, "-s", package], environ)
    except SandboxError:
        return False


def _archive(folder: Path, package: str) -> str:
    return str(next(folder.glob(f"{package}_*.deb")))


def _program(root: Path, environ: Mapping[str, str]) -> Program:
    libraries = [str(folder) for place in ("usr/lib", "lib") for folder in root.glob(f"{place}/*-linux-*")]
    return Program(root / "usr/bin/redis-server", {**environ, "LD_LIBRARY_PATH": ":".join(libraries)})


def _root(environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / "debian-redis"
