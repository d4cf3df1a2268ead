import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.store import Store
from streaming.errors import AttachmentNotLoaded, BadAttachment

NO_KEY = "its object is no key"
NOT_THERE = "the worker's attachment store has no such object"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a few objects, and things beside it that nobody may have."""
    (tmp_path / "secret").write_bytes(b"secret")
    directory = tmp_path / "store"
    (directory / "a" / "b").mkdir(parents=True)
    (directory / "a" / "b" / "c.png").write_bytes(b"png")
    (directory / "ünï ¢ode \\ %2e%2e").write_bytes(b"odd")
    (directory / "...").write_bytes(b"dots")
    (directory / "empty").write_bytes(b"")
    (directory / "out").symlink_to(tmp_path / "secret")
    (directory / "up").symlink_to(tmp_path)
    (directory / "within").symlink_to(directory / "a")
    (directory / "round").symlink_to("round")
    os.mkfifo(directory / "pipe")
    return Store(directory)


async def refusal(store: Store, key: str, max_bytes: int = 100) -> str:
    """Return why an object is not to be had; never where the store is."""
    with pytest.raises(BadAttachment) as refused:
        await store.read(key, max_bytes)
    assert "/" not in str(refused.value).replace("joined by /", "")
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "content"),
    [("a/b/c.png", b"png"), ("ünï ¢ode \\ %2e%2e", b"odd"), ("...", b"dots"), ("empty", b"")],
)
async def test_an_object_is_read_by_its_key(store: Store, key: str, content: bytes) -> None:
    """Any name but those with a meaning of their own."""
    assert content == await store.read(key, 100)


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "a//b", "a/", "..", "../secret", "a/../../secret", "a/./b/c.png", "a\0b", "a/b/c.png\0"],
)
async def test_what_is_no_key_is_refused(store: Store, key: str) -> None:
    """Before anything is opened."""
    assert (await refusal(store, key)).startswith(NO_KEY)


@pytest.mark.parametrize(
    "key",
    [
        "none",
        "a",
        "a/b",
        "a/none/c.png",
        "a/b/c.png/d",
        "out",
        "up/secret",
        "within/b/c.png",
        "round",
        "pipe",
        "x" * 1000,
        "a/" * 3000 + "b",
        "\ud800",
    ],
)
async def test_what_is_no_file_below_the_directory_is_not_there(store: Store, key: str) -> None:
    """Folders, links wherever they lead, pipes that nobody writes to, and names that no file can have."""
    async with asyncio.timeout(60):
        assert await refusal(store, key) == NOT_THERE


async def test_an_object_over_the_cap_is_refused(store: Store) -> None:
    """To the byte."""
    assert await store.read("a/b/c.png", 3) == b"png"
    assert await refusal(store, "a/b/c.png", 2) == "it is over 2 bytes"


async def test_without_a_directory_the_setting_is_named() -> None:
    """Whoever runs the worker reads it."""
    assert await refusal(Store(None), "a") == "this worker has no attachment store: set attachments.directory"


async def test_a_store_that_is_not_mounted_may_be_so_later(tmp_path: Path) -> None:
    """Or on another worker: the turn is tried again."""
    with pytest.raises(AttachmentNotLoaded, match=r"^the worker's attachment store cannot be read$"):
        await Store(tmp_path / "not-mounted").read("a", 100)


async def test_a_store_may_stand_behind_a_link(store: Store, tmp_path: Path) -> None:
    """The operator's links are not the caller's."""
    (tmp_path / "link").symlink_to("store")

    assert await Store(tmp_path / "link").read("a/b/c.png", 100) == b"png"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="abc./\0\\ \ud800upsecrt", max_size=20))
async def test_no_key_leads_out(store: Store, key: str) -> None:
    """Whatever it is made of."""
    try:
        content = await store.read(key, 100)
    except BadAttachment:
        return
    assert content in (b"png", b"dots", b"")
