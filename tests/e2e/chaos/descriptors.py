"""What a process' open descriptors are, by the kernel's own account."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


def descriptors(pid: int, leads_to: Mapping[int, str]) -> Counter[str]:
    """Return a process' open descriptors by kind, where there is a /proc: nothing elsewhere.

    Args:
        pid: the process.
        leads_to: names for the ports that its sockets may lead to.
    """
    folder = Path(f"/proc/{pid}/fd")
    found: Counter[str] = Counter()
    if not folder.is_dir():
        return found
    peers = _peers(Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    for descriptor in folder.iterdir():
        with suppress(FileNotFoundError):
            found[_kind(os.readlink(descriptor), peers, leads_to)] += 1
    return found


def _peers(lines: Sequence[str]) -> dict[str, int]:
    """Return the remote port of each TCP socket by its inode."""
    fields = (line.split() for line in lines)
    return {inode: int(remote.rpartition(":")[2], 16) for _, _, remote, _, _, _, _, _, _, inode, *_ in fields}


def _kind(target: str, peers: Mapping[str, int], leads_to: Mapping[int, str]) -> str:
    kind, _, inode = target.partition(":")
    if kind != "socket":
        return "file" if target.startswith("/") else kind
    port = peers.get(inode.strip("[]"))
    return "socket" if port is None else f"socket to {leads_to.get(port, 'another')}"
