"""Search spaces: as classes declare them, as configurations spell them."""

import pytest

from ensemble.search_space import as_set, grid, outline, searchable, suggest
from ensemble.tuned import overlay

SPACE = searchable(
    {"training": {"lr": {"low": 1e-6, "high": 1e-4, "log": True}}, "layers": [1, 2], "training.batch": [8]}
)


def test_dotted_names_become_tables() -> None:
    assert set(SPACE) == {"training.lr", "layers", "training.batch"}
    seen, found = outline(lambda trial: suggest(SPACE, trial))
    assert found == {"training": {"lr": 1e-6, "batch": 8}, "layers": 1}
    assert 1e-5 in seen.asked["training.lr"] and 1.0 not in seen.asked["training.lr"]


def test_found_parameters_leave_others_of_their_table_alone() -> None:
    params = {"model": "bert", "training": {"lr": 1.0, "epochs": 3}}
    assert overlay(params, {"training": {"lr": 0.1}, "layers": 2}) == {
        "model": "bert",
        "training": {"lr": 0.1, "epochs": 3},
        "layers": 2,
    }
    assert params["training"] == {"lr": 1.0, "epochs": 3}


def test_whole_numbers_stay_whole_on_any_scale() -> None:
    for log in (False, True):
        _, found = outline(lambda trial, log=log: suggest({"width": {"low": 64, "high": 512, "log": log}}, trial))
        assert found == {"width": 64} and isinstance(found["width"], int)


def test_a_grid_is_every_combination_or_none_where_there_are_too_many() -> None:
    seen, _ = outline(lambda trial: suggest({"a": [1, 2], "b": {"low": 1, "high": 3}}, trial))
    assert len(grid(seen.asked, 6)) == 6 and grid(seen.asked, 5) == []
    seen, _ = outline(lambda trial: suggest(SPACE, trial))
    assert grid(seen.asked, 1000) == []


def test_parameters_as_set_are_found_under_the_names_of_a_space() -> None:
    asked = outline(lambda trial: suggest({"lr": {"low": 0.0, "high": 1.0}, "kind": ["a", "b"]}, trial))[0].asked
    assert as_set(asked, {"training.lr": 0.5, "kind": "b", "other": 1}) == {"lr": 0.5, "kind": "b"}
    assert as_set(asked, {"training.lr": 2.0, "kind": "b"}) == {}  # outside
    assert as_set(asked, {"training.lr": 0.5, "head.lr": 0.5, "kind": "b"}) == {}  # which of the two?
    assert as_set(asked, {"training.lr": 0.5}) == {}


WRONG = {
    "empty": [],
    "twice": [1, 1],
    "nested": [[1]],
    "number": 3,
    "upside down": {"low": 2, "high": 1},
    "no end": {"low": 1},
    "words": {"low": "a", "high": "b"},
    "zero": {"low": 0, "high": 1, "log": True},
    "other key": {"low": 0, "high": 1, "step": 2},
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_choice_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"^rate must be a list of different values, or \{ low = "):
        searchable({"rate": WRONG[case]})
