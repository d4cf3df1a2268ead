import asyncio
from collections.abc import Mapping

import pytest

from deploy.sandbox.commands import run, telling
from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers


async def test_a_command_gives_what_it_wrote(servers: Servers, environ: Mapping[str, str]) -> None:
    """Both streams count, in the order written."""
    assert await run(servers, ["/bin/sh", "-c", "echo out; echo err >&2"], environ) == "out\nerr\n"


async def test_a_failed_command_is_told_with_its_last_words(servers: Servers, environ: Mapping[str, str]) -> None:
    """The error names the command and shows its reason."""
    with pytest.raises(SandboxError, match=r"`sh -c .*` failed:\nno such mill"):
        await run(servers, ["/bin/sh", "-c", "echo no such mill; exit 1"], environ)


async def test_a_command_that_takes_too_long_is_ended(servers: Servers, environ: Mapping[str, str]) -> None:
    """A build that hangs does not hang the sandbox."""
    with pytest.raises(SandboxError, match="takes longer than 0 s"):
        await run(servers, ["/bin/sh", "-c", "sleep 60"], environ, limit=0.1)


async def test_progress_is_told_until_it_is_over() -> None:
    """A long wait shows that it is still under way, and for how long."""
    lines: list[str] = []
    async with telling(lines.append, "Mill: building", every=1), asyncio.timeout(60):
        while len(lines) < 2:  # noqa: ASYNC110 - a line sets no event
            await asyncio.sleep(0.01)
    told = list(lines)
    await asyncio.sleep(1.1)

    assert told[:2] == ["Mill: building ...", "Mill: building ... 1 s"]
    assert lines == told
