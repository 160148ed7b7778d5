"""Where relative paths begin: below a named folder inside, at the working folder outside."""

from pathlib import Path

import pytest

from ensemble.system.paths import locate, relative_to


def test_relative_paths_begin_at_the_innermost_folder_and_others_stay(tmp_path: Path) -> None:
    assert locate("weights") == Path("weights")
    with relative_to(tmp_path):
        assert locate("weights") == tmp_path / "weights"
        assert locate("/weights") == Path("/weights")
        assert locate("~/weights") == Path.home() / "weights"
        with relative_to(tmp_path / "other"):
            assert locate("weights") == tmp_path / "other" / "weights"
        assert locate("weights") == tmp_path / "weights"


def test_what_fails_inside_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), relative_to(tmp_path):
        raise RuntimeError
    assert locate("weights") == Path("weights")
