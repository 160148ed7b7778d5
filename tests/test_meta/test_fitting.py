"""Meta-estimators keep every class's column, never see the fold they predict, and are kept without pickle."""

from pathlib import Path

import numpy as np
import pytest
from world import meta_table

from ensemble.errors import ConfigError, StoreError
from meta import META_ESTIMATORS
from meta.fitting import Fitted, cross_fit, fit
from meta.table import MetaTable


@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_a_saved_estimator_loads_back_to_equal_predictions(name: str, tmp_path: Path) -> None:
    data = meta_table()
    fitted = fit(name, data.oof, data.labels, 3, "macro_f1", seed=0)
    fitted.save(tmp_path)
    assert (Fitted.load(tmp_path).predict_proba(data.oof) == fitted.predict_proba(data.oof)).all()


@pytest.mark.parametrize("name", META_ESTIMATORS)
@pytest.mark.parametrize("gone", [0, 1])
def test_a_class_absent_from_the_rows_still_has_its_column(name: str, gone: int) -> None:
    data = meta_table()
    kept = data.labels != gone
    values = fit(name, data.oof[kept], data.labels[kept], 3, "macro_f1", seed=0).predict_proba(data.oof)
    assert values.shape == (len(data.oof), 3)
    np.testing.assert_allclose(values.sum(axis=1), 1)
    if not name.endswith("_vote"):
        assert (values[:, gone] == 0).all()


@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_one_class_only_is_predicted_surely_by_trained_estimators(name: str, tmp_path: Path) -> None:
    data = meta_table()
    kept = data.labels == 2
    fitted = fit(name, data.oof[kept], data.labels[kept], 3, "accuracy", seed=0)
    fitted.save(tmp_path)
    values = Fitted.load(tmp_path).predict_proba(data.oof)
    assert values.shape == (len(data.oof), 3)
    if not name.endswith("_vote"):
        assert (values[:, 2] == 1).all()


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "xgboost", "decision_tree"])
def test_cross_fitting_does_not_depend_on_the_labels_of_the_fold_it_predicts(name: str) -> None:
    data = meta_table()
    scrambled = data.labels.copy()
    held = data.fold == 2
    scrambled[held] = (scrambled[held] + 1) % 3
    other = MetaTable(*[scrambled if name == "labels" else value for name, value in vars(data).items()])
    assert (cross_fit(name, data, 0)[held] == cross_fit(name, other, 0)[held]).all()


@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_rows_without_a_label_are_predicted_but_not_fitted_on(name: str) -> None:
    data = meta_table()
    labels = np.where(np.arange(240) % 5 == 0, -1, data.labels)
    known = labels >= 0
    ours = fit(name, data.oof, labels, 3, "macro_f1", seed=0).predict_proba(data.oof)
    theirs = fit(name, data.oof[known], labels[known], 3, "macro_f1", seed=0).predict_proba(data.oof)
    assert (ours == theirs).all()


def test_a_model_file_with_a_strange_type_is_refused_with_its_name(tmp_path: Path) -> None:
    import skops.io

    data = meta_table()
    fit("decision_tree", data.oof, data.labels, 3, "accuracy", seed=0).save(tmp_path)
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(Stranger()))
    with pytest.raises(StoreError, match="Stranger"):
        Fitted.load(tmp_path)


def test_a_damaged_model_file_is_refused(tmp_path: Path) -> None:
    data = meta_table()
    fit("decision_tree", data.oof, data.labels, 3, "accuracy", seed=0).save(tmp_path)
    (tmp_path / "model.skops").write_bytes(b"PK not really")
    with pytest.raises(StoreError, match="damaged"):
        Fitted.load(tmp_path)


def test_an_unknown_estimator_is_refused_with_a_suggestion() -> None:
    data = meta_table()
    with pytest.raises(ConfigError, match="Did you mean 'random_forest'"):
        fit("random_forrest", data.oof, data.labels, 3, "accuracy", seed=0)


class Stranger:
    """A type skops does not trust."""

    def __init__(self) -> None:
        self.value = 1
