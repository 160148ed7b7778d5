"""One walk and one deletion, and both stop at a link."""

from pathlib import Path

import pytest

from ensemble.system.folders import delete_path, files_below, size_of, subfolders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five files, a link to a folder and one to a file of somebody else."""
    for name in ("root/a/1", "root/a/b/2", "root/c/3", "theirs/4", "theirs/deep/5"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(1_000))
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "theirs")
    (tmp_path / "root" / "file").symlink_to(tmp_path / "theirs" / "4")
    return tmp_path / "root"


def test_the_walk_names_links_and_goes_through_none(root: Path) -> None:
    names = [str(path.relative_to(root)) for path in files_below(root)]
    assert names == ["a/1", "a/b/2", "c/3", "file", "folder"]
    assert [path.name for path in files_below(root, {root / "a", root / "c" / "3"})] == ["file", "folder"]
    assert list(files_below(root / "gone")) == []


def test_folders_are_found_by_a_pattern_for_each_level(root: Path) -> None:
    assert [path.name for path in subfolders(root, "*")] == ["a", "c"]
    assert list(subfolders(root, "*", "b")) == [root / "a" / "b"] and list(subfolders(root, "folder", "*")) == []


def test_a_link_counts_as_itself_and_what_is_gone_as_nothing(root: Path) -> None:
    assert size_of(root / "a") == 2_000 and size_of(root / "c" / "3") == 1_000 and size_of(root / "gone") == 0
    assert 0 < size_of(root / "file") < 1_000 and 3_000 < size_of(root) < 4_000


def test_files_links_and_folders_go_and_what_a_link_leads_to_stays(root: Path) -> None:
    for name in ("file", "folder", "a", "c/3", "gone"):
        delete_path(root / name)
    assert list(files_below(root)) == []
    assert sorted(path.name for path in files_below(root.parent / "theirs")) == ["4", "5"]
