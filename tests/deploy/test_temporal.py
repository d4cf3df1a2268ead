from collections.abc import Mapping
from pathlib import Path

import pytest
from temporalio.client import Client

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import LOOPBACK, Servers, free_port
from deploy.sandbox.programs import Program
from deploy.sandbox.temporal import TemporalServer, given_temporal, start_temporal, wanted_namespace
from deploy.sandbox.temporal_cli import find_temporal


async def test_a_started_server_takes_workflows_in_its_namespace(servers: Servers, environ: Mapping[str, str]) -> None:
    """Started means that a client's first call works, whatever its own variables say."""
    program = await find_temporal(servers, environ, print)
    odd = Program(program.path, {**program.environ, "TEMPORAL_PROFILE": "absent"})
    server = await start_temporal(servers, odd, namespace="mill")
    client = await Client.connect(server.address, namespace="mill")
    handle = await client.start_workflow("Grind", id="grind", task_queue="wheel")

    assert (await handle.describe()).id == "grind"
    assert (server.namespace, server.process is None) == ("mill", False)

    given = await given_temporal({**environ, "TEMPORAL_ADDRESS": server.address})
    assert given == TemporalServer(server.address)


async def test_a_killed_server_with_a_file_comes_back_with_what_it_had(
    servers: Servers, environ: Mapping[str, str]
) -> None:
    """At the port told, where its clients still are: they notice nothing but the wait."""
    program, database = await find_temporal(servers, environ, print), servers.folder / "temporal.db"
    server = await start_temporal(servers, program, database=database)
    client = await Client.connect(server.address)
    handle = await client.start_workflow("Grind", id="grind", task_queue="wheel")
    assert server.process is not None
    server.process.kill()

    again = await start_temporal(servers, program, port=int(server.address.rpartition(":")[2]), database=database)

    assert again.address == server.address
    assert (await handle.describe()).id == "grind"


async def test_an_environment_without_an_address_gives_no_server(environ: Mapping[str, str]) -> None:
    """Only an address says that a server is there."""
    named = {**environ, "TEMPORAL_NAMESPACE": "mill", "TEMPORAL_ADDRESS": ""}

    assert (await given_temporal(named), wanted_namespace(named)) == (None, "mill")


async def test_a_given_server_that_does_not_answer_is_told(environ: Mapping[str, str], tmp_path: Path) -> None:
    """A profile counts as an address, and its address is in the error."""
    address = f"{LOOPBACK}:{free_port()}"
    profile = tmp_path / "temporal.toml"
    profile.write_text(f'[profile.default]\naddress = "{address}"\n')

    with pytest.raises(SandboxError, match=f"names {address}"):
        await given_temporal({**environ, "TEMPORAL_CONFIG_FILE": str(profile)})


async def test_a_configuration_that_cannot_be_read_is_told(environ: Mapping[str, str]) -> None:
    """A profile named but absent is the user's to mend."""
    with pytest.raises(SandboxError, match="configuration cannot be read"):
        await given_temporal({**environ, "TEMPORAL_PROFILE": "absent"})


async def test_a_server_that_dies_at_its_start_is_told(servers: Servers, tmp_path: Path) -> None:
    """A broken binary's own words reach the user."""
    broken = tmp_path / "temporal"
    broken.write_text('#!/bin/sh\necho "unknown command: $1"\nexit 2\n')
    broken.chmod(0o755)

    with pytest.raises(SandboxError, match=r"Temporal ended with exit code 2.*\nunknown command: server"):
        await start_temporal(servers, Program(broken, {}))
