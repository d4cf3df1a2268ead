from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers
from deploy.sandbox.temporal_cli import find_temporal


async def test_the_error_names_everything_tried_and_the_ways_out(
    servers: Servers, bare_environ: Mapping[str, str]
) -> None:
    """On a machine with nothing at all, the user still learns what to do."""
    with pytest.raises(SandboxError) as error:
        await find_temporal(servers, bare_environ, print)

    told = str(error.value)
    tried = ["TEMPORAL_ADDRESS", "on PATH", "the cache folder", "the SDK's own download", "a build with Go"]
    ways_out = ["brew install temporal", "https://docs.temporal.io/cli", "set TEMPORAL_ADDRESS"]
    assert [part for part in tried + ways_out if part not in told] == []


async def test_the_cli_kept_in_the_cache_is_used(
    servers: Servers, bare_environ: Mapping[str, str], tmp_path: Path
) -> None:
    """What was built once is not built again."""
    kept = tmp_path / "millstream" / "bin" / "temporal"
    kept.parent.mkdir(parents=True)
    kept.touch(mode=0o755)
    told: list[str] = []
    found = await find_temporal(servers, {**bare_environ, "XDG_CACHE_HOME": str(tmp_path)}, told.append)

    assert (found.path, told) == (kept, [])


async def test_the_cli_on_path_comes_before_the_kept_one(servers: Servers, tmp_path: Path) -> None:
    """The user's own choice of version wins."""
    own, kept = tmp_path / "own" / "temporal", tmp_path / "millstream" / "bin" / "temporal"
    for binary in (own, kept):
        binary.parent.mkdir(parents=True)
        binary.touch(mode=0o755)
    environ = {"PATH": str(own.parent), "XDG_CACHE_HOME": str(tmp_path)}

    assert (await find_temporal(servers, environ, print)).path == own
