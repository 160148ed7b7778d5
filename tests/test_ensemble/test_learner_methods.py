"""A learner's methods are those of the protocols: what is misspelt, missing or takes other arguments is refused."""

from pathlib import Path
from typing import Any

import pytest
from support.toys import TOYS, Dial, Hash, Mortal, Pair

from base_models import LEARNERS
from ensemble.data import Dataset
from ensemble.errors import ConfigError, LearnerError
from ensemble.learner import (
    LooksAtModalities,
    Prepares,
    ReportsTraining,
    Searchable,
    TrainsLong,
    Trial,
    WeighsModalities,
)
from ensemble.learner_factory import make_learner
from ensemble.registry import resolve


class Prepar(Hash):
    def prepar(self, data: Dataset, cache: object) -> None: ...


class Modality(Hash):
    def modality(self) -> tuple[str, ...]:
        return ("text",)


class Unprepared(Hash):
    def prepare(self, data: Dataset) -> None: ...


class Bound(Hash):
    def search_space(self, trial: Trial) -> dict[str, Any]:
        return {}


class Half:
    def fit(self, data: object, task: object, seed: int) -> None: ...

    def predict_proba(self, data: object) -> None: ...

    def save(self, folder: Path) -> None: ...


class Neighbours(Hash):
    """Its other methods are its own: near a protocol's that it has, or near none."""

    def predict(self, data: Dataset) -> None: ...

    def fits(self) -> None: ...

    def word_counts(self) -> None: ...

    def prepare(self, data: Dataset, cache: object, quiet: bool = False) -> None: ...


REFUSED = {
    Prepar: r"class Prepar has a method 'prepar'; did you mean 'prepare'\?",
    Modality: r"class Modality has a method 'modality'; did you mean 'modalities'\?",
    Unprepared: r"class Unprepared: 'prepare' must be callable as prepare\(data, cache\)\.",
    Bound: r"class Bound: 'search_space' must be callable as search_space\(trial\) on the class itself\.",
    Half: r"class Half has no method 'load'; every learner has one\.",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_method_that_is_no_protocols_is_refused_with_the_name_that_was_meant(kind: type) -> None:
    with pytest.raises(ConfigError, match=rf"^base\.x: {REFUSED[kind]}$"):
        make_learner({"it": f"{__name__}:{kind.__name__}"}, "it", {}, "base.x.params")


def test_methods_of_its_own_and_more_arguments_with_defaults_are_a_learners_affair() -> None:
    assert isinstance(make_learner({"it": f"{__name__}:Neighbours"}, "it", {}, "base.x.params"), Prepares)


@pytest.mark.parametrize("name", [*LEARNERS, *TOYS])
def test_no_learner_of_ours_is_refused(name: str) -> None:
    registry = {**LEARNERS, **TOYS}
    try:
        make_learner(registry, name, {}, "base.x.params")
    except (ConfigError, LearnerError) as error:
        assert "class" not in str(error), "parameters may be missing, methods not"


def test_what_a_learner_offers_is_asked_by_protocol() -> None:
    assert isinstance(Mortal(), TrainsLong) and not isinstance(Hash(), TrainsLong)
    assert isinstance(Pair(), WeighsModalities) and isinstance(Pair(), LooksAtModalities)
    assert isinstance(Dial, Searchable) and not isinstance(Hash, Searchable)
    assert issubclass(resolve(LEARNERS, "learner", "visual"), ReportsTraining)  # type: ignore[arg-type]
