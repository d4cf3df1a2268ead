"""The way to Temporal, found as Temporal's own tools find it."""

import asyncio
import re
from collections.abc import Mapping

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

DEFAULT_ADDRESS = "localhost:7233"
_DEFAULT_NAMESPACE = "default"
_CONNECT_WITHIN_S = 10


class CannotReachTemporal(Exception):
    """No Temporal server answers, or it has no such namespace; the message says where, and the way out."""


async def connect(environ: Mapping[str, str], runtime: Runtime | None = None) -> Client:
    """Connect as Temporal's own tools do: `TEMPORAL_*` variables, or a profile of Temporal's config file.

    Args:
        environ: the environment.
        runtime: the SDK's, where its defaults do not fit.

    Raises:
        CannotReachTemporal: nothing answers there, or there is no such namespace.
    """
    config = _configured(environ)
    config.setdefault("target_host", DEFAULT_ADDRESS)
    try:
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            client = await Client.connect(**config, data_converter=pydantic_data_converter, runtime=runtime)
            is_there = await _has_namespace(client)
    except (RuntimeError, OSError, ValueError) as error:
        raise CannotReachTemporal(
            f"no Temporal server answers at {config['target_host']}: start one with `millstream sandbox`, "
            f"or set TEMPORAL_ADDRESS ({_reason(error)})"
        ) from error
    if not is_there:
        raise CannotReachTemporal(
            f"no namespace {client.namespace!r} at {config['target_host']}: create it with "
            "`temporal operator namespace create`, or set TEMPORAL_NAMESPACE"
        )
    return client


def namespace(environ: Mapping[str, str]) -> str:
    """Return the namespace that `connect` would use.

    Raises:
        CannotReachTemporal: the configuration cannot be read.
    """
    return _configured(environ).get("namespace") or _DEFAULT_NAMESPACE


def _configured(environ: Mapping[str, str]) -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config(override_env_vars=dict(environ))
    except RuntimeError as error:
        raise CannotReachTemporal(f"Temporal's client configuration cannot be read: {error}") from error


async def _has_namespace(client: Client) -> bool:
    """Whether the namespace is there: a worker would start and then crash, a viewer be told of no such turn."""
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        # Whoever may not ask may still be allowed what comes next, which says for itself what is wrong.
        return error.status != RPCStatusCode.NOT_FOUND
    return True


def _reason(error: Exception) -> str:
    # The SDK gives the debug form of nested Rust errors, the innermost of which says what happened.
    innermost = re.findall(r'(?:message|error): "([^"]+)"', str(error))
    return innermost[-1] if innermost else str(error) or f"no answer within {_CONNECT_WITHIN_S} s"
