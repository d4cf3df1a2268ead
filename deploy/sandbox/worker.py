"""A Millstream worker as a child process, and the environment that points processes at a stack."""

from collections.abc import Mapping
from pathlib import Path
from sys import executable

from deploy.sandbox.processes import RunningServer, Servers
from deploy.sandbox.serving import until_serving
from deploy.sandbox.stack import Stack

_PROJECT = Path(__file__).parents[2]
_SCRIPTED = """\
[providers.scripted]
wire = "openai-chat"
base_url = "{url}"
api_key_env = "SCRIPTED_API_KEY"

[[routes.default]]
provider = "scripted"
model = "sandbox-large"
"""


def environment(stack: Stack, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that uses `stack`.

    Whoever brings settings or a key talks to the providers they name; otherwise the scripted one answers.
    """
    pointed = dict(environ) | {
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": stack.temporal_namespace,
        "REDIS_URL": stack.redis_url,
    }
    if is_scripted(environ):
        config = stack.log_dir / "millstream.toml"
        config.write_text(_SCRIPTED.format(url=stack.provider_url))
        pointed |= {"MILLSTREAM_CONFIG": str(config), "SCRIPTED_API_KEY": "sandbox"}
    return pointed


def is_scripted(environ: Mapping[str, str]) -> bool:
    """Whether the scripted provider answers, because nothing in the environment names another."""
    own = environ.get("MILLSTREAM_CONFIG") or environ.get("OPENAI_API_KEY")
    return not own and not Path("millstream.toml").is_file()


async def start_worker(servers: Servers, environ: Mapping[str, str]) -> RunningServer:
    """Start a worker, and wait until it polls.

    Raises:
        SandboxError: it ended, or was not ready in time; with its last output.
    """
    process = servers.start("Worker", [executable, "-m", "worker"], environ, _PROJECT)

    async def ask() -> bool | None:
        return "worker ready" in process.output() or None

    await until_serving(process, ask)
    return process
