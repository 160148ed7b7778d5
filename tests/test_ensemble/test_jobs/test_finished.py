"""A run opened from its folder alone: what it needs is checked, and what is missing is named."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.finished import REGISTRY, finish, record
from support.toys import Hash
from support.world import SENTIMENT, toy_table

from ensemble.data import Dataset
from ensemble.errors import StoreError
from ensemble.jobs.finished import base_probabilities, find_models
from ensemble.jobs.job import list_work
from ensemble.jobs.run_record import RunRecord
from ensemble.jobs.train import train
from ensemble.provenance import IMPORTED
from ensemble.run import Run
from ensemble.system.files import read_json, write_json


class Rooted(Hash):
    """Starts from a local file, and needs it no more once it is saved."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.weights = weights

    def sources(self) -> list[Path]:
        from base_models.weights import checkpoint_file

        return [checkpoint_file(self.weights)]


KNOWN = {**REGISTRY, "rooted": f"{__name__}:Rooted"}


@pytest.fixture
def data() -> Dataset:
    return toy_table(24, test_rows=4)


@pytest.fixture
def run(tmp_path: Path, data: Dataset) -> Run:
    return finish(tmp_path / "run", data, {"a": ("hash", {"salt": 1}), "b": ("hash", {})})


def opened(run: Run) -> Run:
    return RunRecord.read(run.store.root).open(KNOWN)


def refused(run: Run, learner: str, words: str, others: tuple[str, ...] = ("b",)) -> None:
    with pytest.raises(StoreError, match=words):
        find_models(opened(run), learner, SENTIMENT, others)


def test_the_record_knows_tasks_threads_columns_and_where_paths_begin(run: Run, tmp_path: Path) -> None:
    found = RunRecord.read(run.store.root)
    assert found.tasks == (SENTIMENT,)
    assert found.threads == 1
    assert found.home == Path.cwd()
    assert found.columns == {"id": "name", "text": "caption", "image": "file"}


def test_models_are_those_of_every_seed_and_fold(run: Run, data: Dataset) -> None:
    _, work = find_models(opened(run), "a", SENTIMENT, [])
    assert [(item.job.seed, item.job.fold) for item in work] == [(0, 0), (0, 1), (0, 2)]
    found = base_probabilities(opened(run), work, data.take(run.plan.test_rows))
    assert list(found) == [("a", "sentiment")]


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere does not exist: it has no run\.json; --run names one"):
        RunRecord.read(tmp_path / "nowhere")


def test_a_record_that_is_gone_is_refused_with_what_writes_it_again(run: Run) -> None:
    run.store.record.unlink()
    with pytest.raises(StoreError, match=r"run\.json is gone; `ensemble train-base` .* writes it again"):
        RunRecord.read(run.store.root)


def test_a_run_of_an_older_version_is_refused_with_what_helps(run: Run) -> None:
    facts = read_json(run.store.record)
    del facts["tasks"]
    write_json(run.store.record, facts)
    with pytest.raises(StoreError, match="older version and names no tasks; run `ensemble train-base` again"):
        RunRecord.read(run.store.root)


@pytest.mark.parametrize("damage", [{"config": {}}, {"tasks": [{"name": "x"}]}, {"tasks": [3]}, {"home": 7}])
def test_a_damaged_record_is_refused(run: Run, damage: dict[str, object]) -> None:
    write_json(run.store.record, read_json(run.store.record) | damage)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        RunRecord.read(run.store.root)


def test_a_run_folder_without_its_fold_plan_is_refused(run: Run) -> None:
    run.store.plan.with_suffix(".json").unlink()
    with pytest.raises(
        StoreError, match=r"folds\.parquet or its \.json is gone or damaged; `ensemble status` .* restores it"
    ):
        opened(run)


def test_models_that_were_not_kept_are_named_with_what_helps(tmp_path: Path, data: Dataset) -> None:
    run = finish(tmp_path / "run", data, {"a": ("hash", {}), "b": ("hash", {})}, keep_models="none")
    refused(
        run, "a", r"a / sentiment / seed 0 / fold 0 was trained with keep_models = \"none\".* delete .*sentiment and"
    )
    refused(run, "a", "--task sentiment --keep-models best`, then `ensemble stack`")
    with pytest.raises(StoreError) as caught:
        find_models(opened(run), "a", SENTIMENT, ["b"])
    assert "stack without it" not in str(caught.value), "b has no models either"
    (run.store.base("b", "sentiment").path / "seed-0" / "fold-0" / "model").mkdir()
    refused(run, "a", re.escape("or stack without it: `ensemble stack --set 'stack.learners=[\"b\"]'`"))
    again = replace(run, keep_models="best")
    assert train(again, list_work(again, run.specs, data.tasks, ())) == []
    refused(run, "a", "keep_models")  # finished jobs are not done again, so deleting them is part of the advice


def test_an_imported_learner_is_refused_with_what_helps(run: Run) -> None:
    report = run.store.base("b", "sentiment").record
    facts = read_json(report)
    write_json(report, facts | {"made_of": {**run.identity, "learner": IMPORTED, "task": "sentiment"}})
    refused(run, "b", "'b' was imported: .* no model to predict new ones; stack without it", others=("a",))


def test_a_learner_the_configuration_has_lost_is_refused(run: Run) -> None:
    record(replace(run, specs=run.specs[:1]))
    refused(run, "b", r"run\.json has no base\.b any more; run `ensemble train-base --learner b")


def test_a_learner_trained_with_other_parameters_is_refused(run: Run) -> None:
    record(replace(run, specs=(replace(run.specs[0], params={"salt": 9}), run.specs[1])))
    refused(run, "a", r"is stale: params\.salt was 1, is now 9; run `ensemble train-base --learner a")


def test_a_damaged_model_is_refused(run: Run) -> None:
    path = run.store.root / "base" / "a" / "sentiment" / "seed-0" / "fold-1" / "model" / "hash.txt"
    path.write_text("2 1")
    refused(run, "a", "fold-1/model/hash.txt is damaged")


def test_weights_that_training_began_from_may_go_but_not_change(tmp_path: Path, data: Dataset) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    REGISTRY["rooted"] = KNOWN["rooted"]
    run = finish(tmp_path / "run", data, {"a": ("rooted", {"weights": str(weights)})})
    assert find_models(opened(run), "a", SENTIMENT, [])[1]
    weights.unlink()
    assert find_models(opened(run), "a", SENTIMENT, [])[1]
    weights.write_bytes(b"another")
    refused(run, "a", "is stale: the local files it depends on")
