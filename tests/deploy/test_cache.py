from pathlib import Path

import pytest

from deploy.sandbox.cache import cache_folder, workshop
from deploy.sandbox.errors import SandboxError


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CACHE_HOME": "/caches", "HOME": "/home/me"}, "/caches/millstream"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/millstream"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/millstream"),
        ({"HOME": "/home/me"}, "/home/me/.cache/millstream"),
    ],
)
def test_the_cache_is_where_the_user_keeps_caches(environ: dict[str, str], folder: str) -> None:
    """The XDG folder counts when it is absolute, as its specification says, else the home's."""
    assert cache_folder(environ) == Path(folder)


def test_without_a_home_there_is_no_cache() -> None:
    """Nothing is put in a folder that others could have prepared."""
    with pytest.raises(SandboxError, match="neither XDG_CACHE_HOME nor HOME"):
        cache_folder({"HOME": ""})


def test_a_workshop_is_on_the_file_system_of_the_cache_and_goes_away(tmp_path: Path) -> None:
    """What is made there can be moved into the cache in one step, and leftovers vanish."""
    with workshop({"XDG_CACHE_HOME": str(tmp_path)}) as folder:
        (folder / "half-a-binary").touch()

        assert folder.parent == tmp_path / "millstream"

    assert list((tmp_path / "millstream").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the folder's place becomes a sandbox's error."""
    (tmp_path / "millstream").touch()

    with pytest.raises(SandboxError, match="cannot be written"), workshop({"XDG_CACHE_HOME": str(tmp_path)}):
        pass
