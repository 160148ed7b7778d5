"""Meta-estimators keep every class's column, never see the fold they predict, and are kept without pickle."""

from pathlib import Path

import numpy as np
import pytest
from support.world import meta_table

from ensemble.data import Codes
from ensemble.errors import ConfigError, StoreError
from ensemble.system.files import write_json
from meta import META_ESTIMATORS, NUMBER_ESTIMATORS
from meta.candidates import VARIANTS, StackSpec
from meta.fitting import Fitted, Option, fit
from meta.nested_cv import options_of

SPEC = StackSpec(learners=3, classes=3, metric="macro_f1", seed=0)
TRAINED = ("logistic_regression", "decision_tree", "random_forest", "xgboost")


def fitted_on(name: str, features: np.ndarray, labels: Codes, calibrate: bool = False) -> Fitted:
    return fit(Option(name), features, labels, SPEC, calibrate)


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_a_saved_estimator_loads_back_to_equal_predictions(name: str, calibrate: bool, tmp_path: Path) -> None:
    data = meta_table()
    fitted = fitted_on(name, data.oof, data.labels, calibrate)
    fitted.save(tmp_path)
    assert (Fitted.load(tmp_path, fitted.option.name).predict(data.oof) == fitted.predict(data.oof)).all()


@pytest.mark.parametrize("name", META_ESTIMATORS)
@pytest.mark.parametrize("gone", [0, 1])
def test_a_class_absent_from_the_rows_still_has_its_column(name: str, gone: int) -> None:
    data = meta_table()
    kept = data.labels != gone
    values = fitted_on(name, data.oof[kept], data.labels[kept]).predict(data.oof)
    assert values.shape == (len(data.oof), 3)
    np.testing.assert_allclose(values.sum(axis=1), 1)
    if name in TRAINED:
        assert (values[:, gone] == 0).all()


@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_one_class_only_is_predicted_surely_by_trained_estimators(name: str, tmp_path: Path) -> None:
    data = meta_table()
    kept = data.labels == 2
    fitted = fitted_on(name, data.oof[kept], data.labels[kept])
    fitted.save(tmp_path)
    values = Fitted.load(tmp_path, fitted.option.name).predict(data.oof)
    assert values.shape == (len(data.oof), 3)
    if name in TRAINED:
        assert (values[:, 2] == 1).all()


@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_rows_without_a_label_are_predicted_but_not_fitted_on(name: str) -> None:
    data = meta_table()
    labels = np.where(np.arange(240) % 5 == 0, -1, data.labels)
    known = labels >= 0
    ours = fitted_on(name, data.oof, labels).predict(data.oof)
    theirs = fitted_on(name, data.oof[known], labels[known]).predict(data.oof)
    assert (ours == theirs).all()


def test_a_model_file_with_a_strange_type_is_refused_with_its_name(tmp_path: Path) -> None:
    import skops.io

    data = meta_table()
    fitted_on("decision_tree", data.oof, data.labels).save(tmp_path)
    (tmp_path / "decision_tree.skops").write_bytes(skops.io.dumps(Stranger()))
    with pytest.raises(StoreError, match="Stranger"):
        Fitted.load(tmp_path, "decision_tree")


@pytest.mark.parametrize("name", ["best_single", "soft_vote", "rank_mean", "simplex", "greedy"])
def test_means_and_votes_are_kept_to_the_bit_without_skops(name: str, tmp_path: Path) -> None:
    data = meta_table()
    fitted = fitted_on(name, data.oof, data.labels)
    fitted.save(tmp_path)
    assert not (tmp_path / f"{name}.skops").exists()
    loaded = Fitted.load(tmp_path, name)
    assert (loaded.predict(data.oof) == fitted.predict(data.oof)).all()
    assert {key: type(value) for key, value in vars(loaded.estimator).items()} == {
        key: type(value) for key, value in vars(fitted.estimator).items()
    }


@pytest.mark.parametrize("kept", [{"type": "os.system", "state": {}}, {"type": "meta.votes.SoftVote"}, {}])
def test_what_is_no_mean_or_vote_is_refused(kept: dict[str, object], tmp_path: Path) -> None:
    fitted_on("soft_vote", meta_table().oof, meta_table().labels).save(tmp_path)
    write_json(tmp_path / "soft_vote.estimator.json", kept)
    with pytest.raises(StoreError, match="no mean or vote of ours"):
        Fitted.load(tmp_path, "soft_vote")


def test_a_damaged_model_file_is_refused(tmp_path: Path) -> None:
    data = meta_table()
    fitted_on("decision_tree", data.oof, data.labels).save(tmp_path)
    (tmp_path / "decision_tree.skops").write_bytes(b"PK not really")
    with pytest.raises(StoreError, match="damaged"):
        Fitted.load(tmp_path, "decision_tree")


def test_an_unknown_estimator_is_refused_with_a_suggestion() -> None:
    data = meta_table()
    with pytest.raises(ConfigError, match="Did you mean 'random_forest'"):
        fitted_on("random_forrest", data.oof, data.labels)


class Stranger:
    """A type skops does not trust."""

    def __init__(self) -> None:
        self.value = 1


def test_every_variant_of_a_candidate_is_an_option_with_a_name_of_its_own() -> None:
    everything = META_ESTIMATORS | NUMBER_ESTIMATORS
    options = options_of(tuple(everything))
    names = [str(option) for variants in options.values() for option in variants]
    assert len(set(names)) == len(names) == len(everything) + sum(len(each) - 1 for each in VARIANTS.values())


@pytest.mark.parametrize("name", ["soft_vote", "greedy", "rank_mean", "best_single"])
def test_means_and_votes_do_not_look_at_columns_after_the_learners(name: str) -> None:
    data = meta_table()
    wider = np.hstack([data.oof, np.random.default_rng(1).random((len(data.ids), 4))])
    ours = fitted_on(name, wider, data.labels).predict(wider)
    assert (ours == fitted_on(name, data.oof, data.labels).predict(data.oof)).all()
