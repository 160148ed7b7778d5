"""The ensemble as estimators of scikit-learn: posts in, classes or numbers out."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ensemble.data import Floats
from ensemble.errors import ConfigError, DataError, FoldError
from ensemble.modalities import BOTH, MODALITIES

if TYPE_CHECKING:
    from cli.api.predictor import Predictor

TASK, GROUP = "label", "group"
LARGEST_SEED = 2**31 - 1


class _Ensemble(BaseEstimator):
    """What both have in common: posts to a run folder, and a run folder to predictions.

    Where ``folder`` is None, a run lies in a folder for the moment and its models stay in memory alone.
    """

    def __init__(
        self,
        learners: Sequence[str] | Mapping[str, Any] = ("tfidf",),
        *,
        meta_estimators: Sequence[str] = (),
        folds: int = 5,
        metric: str | None = None,
        n_jobs: int | None = None,
        folder: str | Path | None = None,
        random_state: "int | np.random.RandomState | None" = None,
        root: str | Path = ".",
    ) -> None:
        self.learners = learners
        self.meta_estimators = meta_estimators
        self.folds = folds
        self.metric = metric
        self.n_jobs = n_jobs
        self.folder = folder
        self.random_state = random_state
        self.root = root

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train the learners on all folds but one, fold by fold, and stack what they say of the others.

        X are (posts,) texts, (posts, 2) texts and paths of images, or a frame with columns of modalities: ``text``,
        ``image``, ``audio``, ``video``, files below ``root``. y are (posts,) labels. Posts of equal ``groups`` stay
        together in every split. Raises ValueError in one line for posts or labels that cannot be used, EnsembleError
        where a learner cannot be trained.
        """
        frame = posts_frame(X)
        check_consistent_length(frame, y, groups)
        if not isinstance(self.folds, Integral):
            raise ValueError(f"folds must be a whole number, got {self.folds!r}.")
        if len(frame) < self.folds:
            raise ValueError(f"n_samples={len(frame)} posts are too few for folds={self.folds}.")
        targets = column_or_1d(y, warn=True)
        assert_all_finite(targets, input_name="y")
        if missing := [row for row, label in enumerate(np.asarray(y, dtype=object).ravel()) if pd.isna(label)]:
            raise ValueError(f"Input y contains NaN or None: {len(missing)} posts, the first at {missing[0]}.")
        labels, kind = self._labels(targets)
        table = frame.assign(**{TASK: labels}, **({} if groups is None else {GROUP: list(map(str, groups))}))
        with _as_value_errors():
            self._run(table, kind, self._seed(), groups is not None)
        self.n_posts_ = len(frame)
        return self

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(LARGEST_SEED))

    def _labels(self, y: npt.NDArray[Any]) -> tuple[list[Any], Any]:
        """As a table has them, and what the posts are told of them."""
        raise NotImplementedError

    def _run(self, table: pd.DataFrame, kind: Any, seed: int, grouped: bool) -> None:
        from cli.api.posts import PostFiles, Posts
        from cli.api.predictor import load
        from cli.api.project import Project

        group = GROUP if grouped else None
        posts = Posts.from_frame(table, {TASK: kind}, id="", groups=group, root=self.root)
        sections: dict[str, Any] = {
            "folds": {"k": self.folds, "seed": seed},
            "stack": {
                "estimators": list(self.meta_estimators),
                "metrics": {} if self.metric is None else {TASK: self.metric},
            },
        }
        with self._place() as place:
            made_of = [PostFiles.of(posts).names, repr(self.learners), sections]
            name = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
            run = {"seeds": [seed], "cache": place / "cache"}
            project = Project.from_posts(posts, self.learners, place / name, **sections, run=run, progress=False)
            project.train(n_jobs=self.n_jobs)
            self.scores_ = project.stack()
            self.run_folder_ = None if self.folder is None else project.folder
            self._allow = project.allow
            self._predictor: Predictor | None = load(project.folder, allow=self._allow, operating_points=False)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Where run folders lie, one for each set of posts and parameters."""
        if self.folder is not None:
            yield Path(self.folder).expanduser().resolve()
            return
        with TemporaryDirectory(prefix="ensemble-") as folder:
            yield Path(folder).resolve()

    def _predicted(self, X: Any) -> pd.DataFrame:
        from cli.api.predictor import load

        check_is_fitted(self, "n_posts_")
        frame = posts_frame(X)
        with _as_value_errors():
            if self._predictor is None:
                assert self.run_folder_ is not None
                self._predictor = load(self.run_folder_, allow=self._allow, operating_points=False)
            return self._predictor.predict(frame, root=self.root)

    def __getstate__(self) -> dict[str, Any]:
        """Models stay where they are: in the run folder, from where they are loaded again; without one what is left is
        an estimator that is not fitted."""
        state: dict[str, Any] = super().__getstate__()
        if "_predictor" not in state:
            return state
        return {**state, "_predictor": None} if self.folder is not None else self.get_params(deep=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True  # a missing text or image
        tags.target_tags.required = True
        tags.no_validation = True
        return tags


class EnsembleClassifier(ClassifierMixin, _Ensemble):
    """A stacked ensemble that classifies posts.

    ``learners`` are as of ``Project.from_posts``: names, or tables by name. ``meta_estimators`` empty tries all there
    are. ``metric`` is what the stack is chosen by and its labels are decided for, by default macro-F1; so ``predict``
    may say another class than the most probable one. ``n_jobs`` jobs at a time. ``folder`` keeps runs, and features of
    media for the next ones; without it nothing is left on disk, and pickles hold the parameters alone.

    Learned: ``classes_``; ``scores_``, a frame of what learners and stacks score out of fold; ``run_folder_``.
    """

    def _labels(self, y: npt.NDArray[Any]) -> tuple[list[Any], Any]:
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"The labels have one class only, {self.classes_.tolist()}; there must be two or more.")
        self._names = _names(self.classes_)
        return [self._names[code] for code in codes], self._names

    def predict_proba(self, X: Any) -> Floats:
        """(posts, classes) in the order of ``classes_``."""
        found = self._predicted(X)
        return found[[f"{TASK}:{name}" for name in self._names]].to_numpy(dtype=np.float64)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """(posts,) of ``classes_``, as decided for the metric."""
        found = self._predicted(X)[TASK]
        return np.asarray(self.classes_[[self._names.index(name) for name in found]])


class EnsembleRegressor(RegressorMixin, _Ensemble):
    """A stacked ensemble that predicts a number of each post; parameters as those of EnsembleClassifier, the default
    ``metric`` is the mean absolute error."""

    def _labels(self, y: npt.NDArray[Any]) -> tuple[list[Any], Any]:
        return np.asarray(y, dtype=np.float64).tolist(), "number"

    def predict(self, X: Any) -> Floats:
        """(posts,)."""
        return self._predicted(X)[TASK].to_numpy(dtype=np.float64)


def posts_frame(X: Any) -> pd.DataFrame:
    """Posts as a frame with a column per modality. Raises ValueError for what is neither texts, nor texts and images,
    nor such a frame."""
    if isinstance(X, pd.DataFrame):
        strange = [str(name) for name in X if name not in MODALITIES]
        if strange or not len(X.columns):
            raise ValueError(
                f"X has columns {strange}; posts have columns named {', '.join(MODALITIES)}: select or rename."
            )
        return X.reset_index(drop=True)
    if issparse(X):
        raise TypeError("X is a sparse matrix; posts are texts, perhaps with images: a list, an array or a frame.")
    cells = np.asarray(X.to_numpy() if isinstance(X, pd.Series) else X, dtype=object)
    if cells.ndim not in (1, 2) or (cells.ndim == 2 and cells.shape[1] not in (1, 2)):
        raise ValueError(
            f"X has shape {cells.shape}; posts are (posts,) texts, (posts, 2) texts and images, or a frame."
        )
    columns = cells[:, None] if cells.ndim == 1 else cells
    for cell in columns.ravel():
        if not isinstance(cell, str | Path | bytes) and not pd.isna(cell):
            raise ValueError(f"X holds {cell!r}, a {type(cell).__name__}; a post is a text, perhaps with an image.")
    kinds = [name for name in MODALITIES if name in BOTH][: columns.shape[1]]
    return pd.DataFrame({kind: column for kind, column in zip(kinds, columns.T, strict=True)}, dtype=object)


def _names(classes: npt.NDArray[Any]) -> list[str]:
    """What the classes are called in the table of posts."""
    names = [str(name) for name in classes.tolist()]
    plain = len(set(names)) == len(names) and all(name.strip() == name != "" for name in names)
    return names if plain else [f"class {number}" for number in range(len(names))]


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """As scikit-learn raises what is wrong with its input."""
    try:
        yield
    except (ConfigError, DataError, FoldError) as error:
        raise ValueError(str(error)) from error
