"""scikit-learn's own checks of the estimators. Their rows of numbers are spelled out as texts, a word for each column.

Run as a module in tests/, this prints the table for the documentation.
"""

from collections.abc import Callable, Iterator
from inspect import unwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.utils import estimator_checks

from cli.api import estimators

CHEAP = {"tfidf": {"learner": "tfidf", "params": {"words": 1, "characters": 2, "strengths": [3.0]}}}


def spelled(X: Any) -> pd.DataFrame:
    """A row of numbers as a text: of each column its number, rounded, in a word; of one that is missing none. All else
    as it is."""
    numbers = np.asarray(X) if not issparse(X) else np.zeros(0)
    if numbers.dtype.kind not in "fiu" or numbers.ndim != 2 or not numbers.size:
        return posts_frame(X)
    words = [[f"column{n}is{value:.0f}" for n, value in enumerate(row) if value == value] for row in numbers]
    return posts_frame([" ".join(row) for row in words])


posts_frame = estimators.posts_frame


class _Numbers:
    """Says that it takes rows of numbers, and that it checks them: so all checks are asked for."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.no_validation = True, False, False
        return tags


class Classifier(_Numbers, estimators.EnsembleClassifier): ...


class Regressor(_Numbers, estimators.EnsembleRegressor): ...


MADE = {
    "classifier": lambda: Classifier(CHEAP, meta_estimators=("soft_vote",), folds=3, random_state=0),
    "regressor": lambda: Regressor(CHEAP, meta_estimators=("mean",), folds=3, random_state=0),
}
LEFT_OUT = {  # and why
    "check_array_api_input": "is about arrays on other devices; posts are texts and files",
    "check_classifiers_train": "wants rows of fewer columns refused; a text has as many words as it has",
    "check_complex_data": "wants complex numbers refused in certain words; posts are no numbers",
    "check_dtype_object": "gives numbers as objects; posts are no numbers",
    "check_estimators_empty_data_messages": "wants rows of no columns refused in certain words; a text may be empty",
    "check_fit2d_predict1d": "wants one row refused in certain words; one dimension is the usual form of texts",
    "check_n_features_in": "counts the columns of a matrix; posts have modalities",
    "check_n_features_in_after_fitting": "counts the columns of a matrix; posts have modalities",
}


def name_of(check: Callable[..., None]) -> str:
    return getattr(check, "func", unwrap(check)).__name__


def checks_of(kind: str) -> dict[str, Callable[..., None]]:
    """All that the installed scikit-learn has for such an estimator, by name."""
    made = MADE[kind]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "posts_frame", spelled)
        listed = estimator_checks._yield_all_checks(made, legacy=True)
        return {name_of(check): check for check in listed}


ALWAYS = (  # the others take minutes together; they are run by hand, with -m slow
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_fit_idempotent",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)
CASES = [(kind, name) for kind in MADE for name in checks_of(kind)]


@pytest.fixture(autouse=True)
def _texts_for_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(estimators, "posts_frame", spelled)
    yield


def marked(kind: str, name: str) -> Any:
    return pytest.param(kind, name, marks=() if name in ALWAYS else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "name"), [marked(*case) for case in CASES if case[1] not in LEFT_OUT])
def test_a_check_of_scikit_learn_passes(kind: str, name: str, tmp_path: Path) -> None:
    made = MADE[kind]()
    if name == "check_estimators_pickle":
        made.set_params(folder=tmp_path)  # what is kept nowhere else is not in the pickle either
    checks_of(kind)[name](type(made).__name__, made)


def test_what_is_left_out_and_what_is_always_run_are_checks_of_scikit_learn() -> None:
    assert {*LEFT_OUT, *ALWAYS} <= {name for _, name in CASES}


def as_table() -> str:
    """Which checks pass, and which are left out and why, as Markdown."""
    rows = [f"| `{name}` | {LEFT_OUT.get(name, 'passes')} |" for name in sorted({name for _, name in CASES})]
    return "\n".join(["| check | |", "|---|---|", *rows])


if __name__ == "__main__":
    print(as_table())
