"""A Temporal server: the one the environment names, or a development server of our own."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import RPCError

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import LOOPBACK, RunningServer, Servers, free_ports
from deploy.sandbox.programs import Program
from deploy.sandbox.serving import on_free_ports, until_serving

DEFAULT_NAMESPACE = "default"
_ANSWER_LIMIT = 10.0


@dataclass(frozen=True)
class TemporalServer:
    """Where a Temporal server is; its process where it is ours."""

    address: str
    namespace: str = DEFAULT_NAMESPACE
    ui: str | None = None
    process: RunningServer | None = None


async def given_temporal(environ: Mapping[str, str]) -> TemporalServer | None:
    """Use the server named by the environment or a Temporal config profile, if one is.

    Args:
        environ: The environment, for ``TEMPORAL_ADDRESS`` and the other variables of Temporal's clients.

    Returns:
        That server, or None where nothing names an address.

    Raises:
        SandboxError: The configuration cannot be read, or the server it names does not answer.
    """
    profile = _profile(environ)
    if not profile.address:
        return None
    connection = profile.to_client_connect_config()
    try:
        async with asyncio.timeout(_ANSWER_LIMIT):
            await Client.connect(**connection)
    except (RuntimeError, RPCError, TimeoutError) as failure:
        told = str(failure) or f"no answer in {_ANSWER_LIMIT:.0f} s"
        raise SandboxError(
            f"TEMPORAL_ADDRESS or a Temporal config profile names {profile.address}: {told}"
        ) from failure
    return TemporalServer(profile.address, profile.namespace or DEFAULT_NAMESPACE)


async def start_temporal(
    servers: Servers,
    program: Program,
    namespace: str = DEFAULT_NAMESPACE,
    port: int | None = None,
    database: Path | None = None,
) -> TemporalServer:
    """Start a development server, and wait until it serves.

    Args:
        servers: Where it runs.
        program: The Temporal CLI.
        namespace: The namespace it is to have.
        port: Where it serves its clients; a free port unless told.
        database: The file it keeps everything in, and finds it in when it is started again; unless told, it keeps
            everything in memory.

    Returns:
        The server, its user interface and its process.

    Raises:
        SandboxError: It ended, or did not serve in time; with its last output.
    """
    # Its client's variables are not for the server: one naming a missing profile would end it.
    environ = {name: value for name, value in program.environ.items() if not name.startswith("TEMPORAL_")}

    async def attempt() -> TemporalServer:
        chosen, ui, http, metrics = free_ports(4)
        chosen = port or chosen
        command = [str(program.path), "server", "start-dev", "--ip", LOOPBACK, "--namespace", namespace]
        command += ["--port", str(chosen), "--ui-port", str(ui)]
        command += ["--http-port", str(http), "--metrics-port", str(metrics)]
        command += ["--db-filename", str(database)] if database else []
        process = servers.start("Temporal", command, environ)
        address = f"{LOOPBACK}:{chosen}"
        await until_serving(process, lambda: _serves(address, namespace))
        return TemporalServer(address, namespace, f"http://{LOOPBACK}:{ui}", process)

    return await on_free_ports(attempt)


def wanted_namespace(environ: Mapping[str, str]) -> str:
    """Name the namespace the environment's clients will use."""
    return _profile(environ).namespace or DEFAULT_NAMESPACE


def _profile(environ: Mapping[str, str]) -> ClientConfigProfile:
    try:
        return ClientConfigProfile.load(override_env_vars=dict(environ))
    except RuntimeError as failure:
        raise SandboxError(f"Temporal's client configuration cannot be read: {failure}") from failure


async def _serves(address: str, namespace: str) -> bool | None:
    with suppress(RuntimeError, RPCError):
        client = await Client.connect(address, namespace=namespace)
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
        return True
    return None
