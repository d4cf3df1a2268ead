"""Finding the Temporal CLI, which is also its development server."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from deploy.sandbox.cache import cache_folder, workshop
from deploy.sandbox.commands import Progress, run, telling
from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers
from deploy.sandbox.programs import Program, first_found, on_path

_MODULE = "github.com/temporalio/cli/cmd/temporal@v1.5.1"
_DOWNLOAD_LIMIT = 300.0
_BUILD_LIMIT = 900.0
_WAYS_OUT = [
    "brew install temporal",
    "a download from https://docs.temporal.io/cli, put on PATH",
    "set TEMPORAL_ADDRESS to a server that runs already",
]


async def find_temporal(servers: Servers, environ: Mapping[str, str], say: Progress) -> Program:
    """Find the CLI on this machine, or fetch or build it into the cache folder.

    Args:
        servers: Where a build runs.
        environ: The environment to look in.
        say: Shows what takes long.

    Returns:
        The CLI.

    Raises:
        SandboxError: Each way failed; the message says why, and what the user can do.
    """

    async def path() -> Program:
        return on_path(["temporal"], environ)

    async def cache() -> Program:
        return _cached(environ)

    async def download() -> Program:
        return await _downloaded(environ, say)

    async def build() -> Program:
        return await _built(servers, environ, say)

    ways = {
        "a program on PATH": path,
        "the cache folder": cache,
        "the SDK's own download": download,
        "a build with Go": build,
    }
    return await first_found(
        "Temporal",
        "TEMPORAL_ADDRESS, or a Temporal config profile: no address there",
        ways,
        _WAYS_OUT,
    )


def _cached(environ: Mapping[str, str]) -> Program:
    binary = cache_folder(environ) / "bin" / "temporal"
    if not os.access(binary, os.X_OK):
        raise SandboxError(f"nothing at {binary}")
    return Program(binary, environ)


async def _downloaded(environ: Mapping[str, str], say: Progress) -> Program:
    with workshop(environ) as folder:
        async with telling(say, "Temporal: downloading the CLI"):
            await _download_into(folder)
        return _keep(folder, "temporal*", environ)


async def _download_into(folder: Path) -> None:
    try:
        # Starting one is the SDK's only way to download one.
        async with asyncio.timeout(_DOWNLOAD_LIMIT):
            started = await WorkflowEnvironment.start_local(download_dest_dir=str(folder))
        await started.shutdown()
    except TimeoutError:
        raise SandboxError(f"it takes longer than {_DOWNLOAD_LIMIT:.0f} s") from None
    except RuntimeError as failure:
        raise SandboxError(str(failure)) from failure


async def _built(servers: Servers, environ: Mapping[str, str], say: Progress) -> Program:
    go = on_path(["go"], environ)
    with workshop(environ) as folder:
        async with telling(say, "Temporal: building the CLI with Go (about 2.5 minutes, once)"):
            command = [str(go.path), "install", _MODULE]
            await run(servers, command, {**environ, "GOBIN": str(folder)}, limit=_BUILD_LIMIT)
        return _keep(folder, "temporal", environ)


def _keep(folder: Path, pattern: str, environ: Mapping[str, str]) -> Program:
    made = next(folder.glob(pattern), None)
    if made is None:
        raise SandboxError("it left no binary")
    kept = cache_folder(environ) / "bin" / "temporal"
    kept.parent.mkdir(exist_ok=True)
    made.replace(kept)
    return Program(kept, environ)
