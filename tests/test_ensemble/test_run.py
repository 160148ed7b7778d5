"""A run: what its results depend on, and which of them may be used."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.toys import TOYS, Hash
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.content.grouped_folds import bind_folds
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.errors import ConfigError, DataError
from ensemble.folds import FoldSettings
from ensemble.jobs.job import list_work
from ensemble.jobs.run_record import versions, write_record
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.store import Store
from ensemble.system.files import read_json

MakeRun = Callable[..., Run]


class Weighted(Hash):
    """Depends on a local file."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.weights = weights
        self._loaded = object()

    def sources(self) -> list[Path]:
        return [Path(self.weights)]


class Seeing(Hash):
    """Says what it looks at, and how large it is."""

    def __init__(self, sees: tuple[str, ...] = (), parameters: int = 7) -> None:
        super().__init__()
        self.sees = sees
        self.parameters = parameters

    def modalities(self) -> tuple[str, ...]:
        return self.sees

    def training_info(self) -> dict[str, int]:
        return {"parameters": self.parameters}


REGISTRY = {**TOYS, "weighted": f"{__name__}:Weighted", "seeing": f"{__name__}:Seeing"}


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    data = toy_table(30, tasks=(SENTIMENT, SARCASM))
    return make_run(data, {"a": ("hash", {"salt": 1}), "b": ("hash", {})}, registry=REGISTRY)


def test_results_are_made_of_parameters_task_data_and_folds(run: Run) -> None:
    made = run.learners.provenance(run.specs[0], SENTIMENT).parts
    assert made == json.loads(json.dumps(made))
    assert made["learner"] == "support.toys:Hash"
    assert (made["task"], made["classes"]) == ("sentiment", ["negative", "neutral", "positive"])
    assert made["params.salt"] == 1
    assert made["data"] == run.identity["data"]
    assert made["folds"] == run.plan.fingerprint()


def test_a_default_written_out_is_the_same_parameter(run: Run) -> None:
    assert run.learners.provenance(LearnerSpec("b", "hash", {}), SENTIMENT) == run.learners.provenance(
        LearnerSpec("b", "hash", {"salt": 0}), SENTIMENT
    )
    assert run.learners.provenance(LearnerSpec("b", "hash", {}), SENTIMENT) != run.learners.provenance(
        LearnerSpec("b", "hash", {"salt": 2}), SENTIMENT
    )


def test_a_learner_is_bound_and_checked_once(run: Run) -> None:
    spec = run.learners.spec("a")
    bound = run.learners.bind(spec)
    assert run.learners.bind(spec, SENTIMENT) is bound
    assert run.learners.bind(LearnerSpec("x", "hash", {"salt": 1})) is bound
    assert bound.params == {"salt": 1}
    assert run.learners.make(spec) is not run.learners.make(spec), "what is fitted is a new one"
    with pytest.raises(ConfigError, match=r"Unknown base\.a\.params key 'slat'. Did you mean 'salt'"):
        run.learners.bind(replace(spec, params={"slat": 1}))


def test_a_changed_weight_file_makes_results_stale(run: Run, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    spec = LearnerSpec("w", "weighted", {"weights": str(weights)})
    before = run.learners.provenance(spec, SENTIMENT)
    assert not any(key.startswith("params._") for key in before.parts)
    weights.write_bytes(b"two")
    difference = before.difference(run.learners.provenance(spec, SENTIMENT))
    assert difference is not None and difference.startswith("the local files it depends on")


def test_names_are_looked_up_with_a_suggestion(run: Run) -> None:
    assert run.learners.spec("b").name == "b"
    with pytest.raises(ConfigError, match=r"Unknown base learner 'aa'. Did you mean 'a'\? Available: a, b"):
        run.learners.spec("aa")
    with pytest.raises(DataError, match="Unknown task 'sarcsm'"):
        run.some_tasks(["sarcsm"])


def test_no_name_means_all(run: Run) -> None:
    assert [spec.name for spec in run.learners.some([])] == ["a", "b"]
    assert [spec.name for spec in run.learners.some(["b"])] == ["b"]
    assert run.some_tasks([]) == [SENTIMENT, SARCASM]


def test_one_of_several_tasks_must_be_named(run: Run, make_run: MakeRun) -> None:
    with pytest.raises(ConfigError, match="--task must name one of sentiment, sarcasm"):
        run.only_task(None)
    assert run.only_task("sarcasm") == SARCASM
    assert make_run(toy_table(30), {}, folder="other").only_task(None) == SENTIMENT


def test_the_identity_does_not_depend_on_the_order_of_rows(run: Run) -> None:
    turned = replace(run.plan, frame=run.plan.frame.iloc[::-1].reset_index(drop=True))
    assert replace(run, plan=turned).identity == run.identity


def test_the_record_keeps_configuration_fingerprints_and_versions(run: Run) -> None:
    write_record(run, {"folds": {"k": 3}})
    record = read_json(run.store.record)
    assert record["config"] == {"folds": {"k": 3}}
    assert record["folds"] == run.plan.fingerprint()
    assert record["versions"] == versions()
    assert record["tasks"][1]["name"] == "sarcasm" and record["tasks"][1]["classes"] == ["0", "1"]
    assert (run.store.root / record["home"]).resolve() == Path.cwd()
    assert {"python", "numpy", "pandas"} <= set(record["versions"])


def test_the_drawn_memes_bind_with_their_copies_together(posts: Dataset, tmp_path: Path) -> None:
    data, scans = scan(posts)
    plan = bind_folds(Store(tmp_path), data, scans, FoldSettings(k=3))
    grouped = plan.with_groups(data)
    sizes = np.bincount(grouped.groups)
    assert (sizes > 1).any()
    for group in np.flatnonzero(sizes > 1):
        rows = np.intersect1d(np.flatnonzero(grouped.groups == group), plan.cv_rows)
        assert len(set(plan.fold[rows])) <= 1


@pytest.mark.parametrize(
    ("sees", "expected"), [(["text"], "text"), (["image"], "image"), (["image", "text"], "both"), ([], "none")]
)
def test_a_learner_says_what_it_looks_at(run: Run, sees: list[str], expected: str) -> None:
    other = replace(run, specs=(LearnerSpec("a", "hash"), LearnerSpec("s", "seeing", {"sees": sees})))
    assert other.results.modality("s", SENTIMENT) == expected
    assert other.results.modality("a", SENTIMENT) == "unknown"


def test_a_learner_costs_the_seconds_of_its_folds_and_the_parameters_it_recorded(run: Run) -> None:
    other = replace(run, specs=(LearnerSpec("a", "hash"), LearnerSpec("s", "seeing", {"parameters": 70})))
    train(other, list_work(other, other.specs, [SENTIMENT], ()))
    seconds = {name: other.results.base_record(name, SENTIMENT)["seconds"] for name in ("a", "s")}
    none = {"features": 0, "parameters": None, "trainable_parameters": None}
    assert other.results.cost("s", SENTIMENT) == {"seconds": seconds["s"], **none, "parameters": 70}
    assert other.results.cost("a", SENTIMENT) == {"seconds": seconds["a"], **none}
    assert other.results.base_record("s", SENTIMENT)["parameters"] == 70, "it stays with the results"


def test_nothing_is_imported_before_something_was(run: Run) -> None:
    assert run.results.imported(SENTIMENT) == []
