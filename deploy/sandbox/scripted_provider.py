"""The scripted LLM provider as a child process."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import executable

from deploy.sandbox.processes import RunningServer, Servers
from deploy.sandbox.serving import until_serving

COMMAND = (executable, "-m", "deploy.sandbox.provider", "--port", "0")
_PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ProviderServer:
    """Where the provider is, and its process."""

    url: str
    process: RunningServer


async def start_provider(
    servers: Servers, environ: Mapping[str, str], command: Sequence[str] = COMMAND
) -> ProviderServer:
    """Start the provider, and wait until it has said where it serves.

    Args:
        servers: Where it runs.
        environ: The whole environment it gets.
        command: How it is started, from the project's root; it writes one JSON line with its ``url``.

    Returns:
        The provider's address and its process.

    Raises:
        SandboxError: It ended, or said nothing in time; with its last output.
    """
    process = servers.start("Provider", command, environ, _PROJECT)

    async def ask() -> str | None:
        return _announced(process.output())

    return ProviderServer(await until_serving(process, ask), process)


def _announced(output: str) -> str | None:
    for line in output.splitlines(keepends=True):
        if line.startswith('{"url"') and line.endswith("\n"):
            return str(json.loads(line)["url"])
    return None
