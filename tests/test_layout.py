"""The project's shape: whose modules are imported, and where their tests are."""

from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("streaming", "activities", "workflows", "telemetry", "cli", "deploy")

# What has no test file of its own, and why.
UNMIRRORED = {
    "activities/attempt.py": "a pass of the activity: tests/e2e, against real servers",
    "activities/generate.py": "the activity: tests/e2e, against real servers",
    "activities/interrupts.py": "asks the workflow: tests/e2e/test_interrupt.py",
    "activities/live_turn.py": "declares a port; tests/e2e goes through it",
    "activities/tally.py": "asks the server: tests/e2e/test_interrupt.py, test_tally.py",
    "activities/unwatched.py": "does nothing; tests/e2e runs turns with it",
    "cli/breakers.py": "needs Redis: tests/e2e/test_breakers.py",
    "cli/following.py": "needs the whole stack: tests/e2e/test_cli.py",
    "cli/showing.py": "brings the whole stack up: tests/e2e/test_showing.py",
    "deploy/sandbox/errors.py": "declares one exception",
    "deploy/sandbox/worker.py": "a worker process: tests/e2e starts it",
    "streaming/duplex/provider.py": "declares ports; every wire's tests go through them",
    "streaming/duplex/setup.py": "declares values; every wire's tests say what becomes of them",
    "streaming/live/counts.py": "declares numbers: tests/e2e/test_metrics.py",
    "streaming/live/durable.py": "declares a port; tests/e2e goes through it",
    "streaming/live/exchange.py": "Redis: tests/e2e/test_breakers.py",
    "streaming/live/hints.py": "declares a port: tests/e2e/test_breakers.py",
    "streaming/live/publisher.py": "Redis: tests/e2e/test_live.py",
    "streaming/live/hub.py": "Redis: tests/e2e/test_live.py",
    "streaming/live/subscriptions.py": "Redis: tests/e2e/test_live.py",
    "telemetry/health.py": "served by a worker: tests/e2e/test_worker.py",
    "telemetry/logs.py": "written by a worker: tests/e2e/test_worker.py",
    "telemetry/metrics.py": "served by a worker: tests/e2e/test_metrics.py",
    "workflows/policies.py": "one constant; tests/e2e retries by it",
    "workflows/ports.py": "declares the activity; tests/e2e calls through it",
    "workflows/turn.py": "the workflow: tests/e2e, and the recorded histories",
}
# The scripted providers are tested through their sockets, by what they do and not by their modules.
UNMIRRORED_FOLDERS = {
    "deploy/sandbox/provider": "tests/deploy/sandbox_provider",
    "deploy/sandbox/realtime": "tests/deploy/sandbox_realtime",
}


def modules() -> list[str]:
    """Return the path of each module that should have a test."""
    found = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(
        path.as_posix()
        for path in found
        if path.name not in ("__init__.py", "__main__.py") and path.parent.as_posix() not in UNMIRRORED_FOLDERS
    )


def mirrored(module: str) -> bool:
    """Return whether a module has a test file: in its own folder's mirror, or in that of its package."""
    path = Path(module)
    name = f"test_{path.name}"
    return (ROOT / "tests" / path.parent / name).is_file() or (ROOT / "tests" / path.parts[0] / name).is_file()


@pytest.mark.parametrize("name", [*PACKAGES, "connection", "realtime", "routing", "settings", "turns", "worker"])
def test_an_import_name_is_this_projects(name: str) -> None:
    """Other distributions use some of these names too, and an editable install loses to them."""
    spec = find_spec(name)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


@pytest.mark.parametrize("module", modules())
def test_a_module_has_its_test(module: str) -> None:
    """Under the mirrored name, or a reason why not, and never both."""
    assert mirrored(module) != (module in UNMIRRORED)


def test_no_exception_is_stale() -> None:
    """Each names what exists."""
    assert set(modules()) >= UNMIRRORED.keys()
    for folder, tests in UNMIRRORED_FOLDERS.items():
        assert (ROOT / folder).is_dir()
        assert list((ROOT / tests).glob("test_*.py"))
