from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.sandbox.debian import cached_redis, unpacked_redis
from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers

APT = """
shift
for package; do echo "$package" >> "$DOWNLOADED"; : > "${package}_1.0_any.deb"; done
"""
DPKG_DEB = """
case $1 in
-f) echo "adduser, libc6 (>= 2.34), libgrain1 | libgrain0, luamill" ;;
-x)
    mkdir -p "$3/usr/bin" "$3/usr/lib/mill-linux-gnu"
    printf '#!/bin/sh\\nexit %s\\n' "$REDIS_EXIT" > "$3/usr/bin/redis-server"
    chmod +x "$3/usr/bin/redis-server" ;;
esac
"""
DPKG = """
[ "$2" = libc6 ] && echo "Status: install ok installed"
"""


@pytest.fixture
def debian(environ: Mapping[str, str], tmp_path: Path) -> Mapping[str, str]:
    """A machine whose apt has a Redis, and whose C library is installed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in {"apt-get": APT, "dpkg-deb": DPKG_DEB, "dpkg": DPKG}.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}")
        (tools / name).chmod(0o755)
    return {
        "PATH": f"{tools}:{environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "DOWNLOADED": str(tmp_path / "downloaded"),
        "REDIS_EXIT": "0",
    }


async def test_redis_is_unpacked_with_the_libraries_this_machine_lacks(
    servers: Servers, debian: Mapping[str, str], tmp_path: Path
) -> None:
    """What is installed already is not fetched again."""
    made = await unpacked_redis(servers, debian)
    downloaded = (tmp_path / "downloaded").read_text().split()

    assert downloaded == ["redis-server", "redis-tools", "libgrain1", "luamill"]
    assert made.environ["LD_LIBRARY_PATH"] == str(made.path.parents[1] / "lib" / "mill-linux-gnu")


async def test_what_was_unpacked_is_found_again_and_nothing_else_is_left(
    servers: Servers, debian: Mapping[str, str]
) -> None:
    """A second sandbox needs no apt, and a second one beside the first does no harm."""
    made = await unpacked_redis(servers, debian)
    again = await unpacked_redis(servers, debian)
    left = [entry.name for entry in (Path(debian["XDG_CACHE_HOME"]) / "millstream").iterdir()]

    assert made == again == cached_redis(debian)
    assert left == ["debian-redis"]


async def test_a_redis_that_does_not_run_is_not_kept(servers: Servers, debian: Mapping[str, str]) -> None:
    """A library missed is told at once, and the next sandbox tries again."""
    with pytest.raises(SandboxError, match="`redis-server --version` failed"):
        await unpacked_redis(servers, {**debian, "REDIS_EXIT": "127"})
    with pytest.raises(SandboxError, match="nothing at"):
        cached_redis(debian)


async def test_what_apt_says_of_a_missing_package_is_told(
    servers: Servers, debian: Mapping[str, str], tmp_path: Path
) -> None:
    """The user sees apt's own reason."""
    (tmp_path / "tools" / "apt-get").write_text("#!/bin/sh\necho Unable to locate package $2; exit 100\n")

    with pytest.raises(SandboxError, match="`apt-get download redis-server` failed:\nUnable to locate package"):
        await unpacked_redis(servers, debian)


async def test_a_machine_without_apt_is_told(servers: Servers, bare_environ: Mapping[str, str]) -> None:
    """Other systems pass over this way."""
    with pytest.raises(SandboxError, match="no apt-get on PATH"):
        await unpacked_redis(servers, bare_environ)
