"""Commands with equal settings share a run folder; one with others is refused while they are at work."""

from pathlib import Path

import pytest

from ensemble.errors import StoreError
from ensemble.jobs import at_work as module
from ensemble.jobs.at_work import at_work
from ensemble.store import Store

ONE = {"folds": {"k": 5}, "base.a": {"lr": 1.0, "steps": [1, 2]}}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each command counts as a process of its own."""
    marks = iter("abcdefgh")
    monkeypatch.setattr(module, "mark", lambda: next(marks))
    return Store(tmp_path / "run")


@pytest.mark.parametrize("settings", [ONE, ONE | {"base.b": {"lr": 7}}, {"folds": {"k": 5}}])
def test_commands_share_a_folder_where_what_both_set_is_equal(
    store: Store, settings: dict[str, dict[str, object]]
) -> None:
    with at_work(store, ONE), at_work(store, settings):
        assert len(list((store.root / "at-work").iterdir())) == 2
    assert not (store.root / "at-work").exists()


def test_a_second_command_with_other_settings_is_refused_until_the_first_has_ended(store: Store) -> None:
    other = ONE | {"base.a": {"lr": 2.0, "steps": [1, 2]}}
    with at_work(store, ONE):
        for _ in range(2):
            with pytest.raises(StoreError, match=r"there base\.a\.lr is 1\.0, here 2\.0\. Wait for its end"):
                at_work(store, other).__enter__()
    with at_work(store, other):
        pass


def test_what_a_killed_command_left_refuses_nobody_and_goes(store: Store) -> None:
    left = store.root / "at-work" / "killed"
    left.mkdir(parents=True)
    (left / "settings.json").write_text('{"folds": {"k": 3}}')
    with at_work(store, ONE):
        assert not left.exists()
