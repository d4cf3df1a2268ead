import sys
from collections.abc import Mapping

import pytest

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers
from deploy.sandbox.scripted_provider import start_provider


async def test_the_address_is_the_one_the_provider_says(servers: Servers, environ: Mapping[str, str]) -> None:
    """What it writes besides, warnings say, is passed over; it runs in the project's root."""
    said = "import time; print('warming up'); print('{\"url\": \"http://mill/v1\"}', flush=True); time.sleep(60)"
    provider = await start_provider(servers, environ, [sys.executable, "-c", said])

    assert provider.url == "http://mill/v1"


async def test_a_provider_that_dies_at_its_start_is_told(servers: Servers, environ: Mapping[str, str]) -> None:
    """Its traceback's last line reaches the user."""
    with pytest.raises(SandboxError, match=r"Provider ended with exit code 1.*\n(.*\n)*ZeroDivisionError"):
        await start_provider(servers, environ, [sys.executable, "-c", "1 / 0"])
