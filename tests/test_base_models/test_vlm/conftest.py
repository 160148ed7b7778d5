"""One core, and a tiny model of each family."""

from collections.abc import Iterator

import pytest
from support.networks import freeze_imports, one_core
from support.vlms import KINDS, make_vlm


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    freeze_imports()
    with one_core():
        yield


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By kind."""
    folder = tmp_path_factory.mktemp("vlm")
    return {kind: str(make_vlm(folder / kind, kind)) for kind in KINDS}


@pytest.fixture
def llava(folders: dict[str, str]) -> str:
    return folders["llava"]
