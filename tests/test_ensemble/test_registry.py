"""Names to code, and arguments checked against signatures."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field
from support.toys import TOYS, Hash

from ensemble.errors import ConfigError, some, unknown
from ensemble.learner_factory import make_learner, source_files
from ensemble.registry import bind, resolve, validate


class Paint:
    """Colours a wall."""

    def __init__(
        self, colour: Literal["red", "blue"], coats: int = 1, thin: float = 0.5, name: str | None = None
    ) -> None:
        self.colour, self.coats, self.thin, self.name = colour, coats, thin, name


def read(root: Path, train: str, folds: int = 5) -> tuple[Path, str, int]:
    return root, train, folds


def test_a_name_resolves_to_its_code() -> None:
    assert resolve(TOYS, "learner", "hash") is Hash


def test_an_unknown_name_gets_a_suggestion_and_the_list() -> None:
    with pytest.raises(
        ConfigError,
        match=r"Unknown learner 'hsah'. Did you mean 'hash'\? Available: counted, dial, .*, hash, .*, waiting",
    ):
        resolve(TOYS, "learner", "hsah")


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    assert unknown("learner", "zzz", ["b", "a"]) == "Unknown learner 'zzz'. Available: a, b."


def test_the_first_of_many_are_named() -> None:
    assert some("abcde") == "'a', 'b', 'c' and 2 more"
    assert some([1]) == "1"


def test_bound_arguments_reach_the_call_in_their_types() -> None:
    paint = bind(Paint, {"colour": "red", "coats": "2", "thin": 1}, "base.wall.params")()
    assert (paint.colour, paint.coats, paint.thin, paint.name) == ("red", 2, 1.0, None)


class Brush:
    """Bounds stand in the signature."""

    def __init__(self, width: Annotated[float, Field(gt=0, le=1, description="of the bristles")] = 0.5) -> None:
        self.width = width


def test_declared_bounds_are_checked_and_a_default_stays_as_it_is() -> None:
    assert bind(Brush, {"width": 1}, "b")().width == 1.0 and bind(Brush, {}, "b")().width == 0.5
    for wrong, reason in ((0, "above 0"), (2, "at most 1"), (float("nan"), "finite number")):
        with pytest.raises(ConfigError, match=rf"^b\.width = .*: must be (a )?{reason}\.$"):
            bind(Brush, {"width": wrong}, "b")


def test_root_is_the_callers_to_add() -> None:
    bound = bind(read, {"train": "a.csv"}, "data")
    assert bound(root=Path("x")) == (Path("x"), "a.csv", 5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"base\.wall\.params\.colour is missing; it must be set"),
        ({"colour": "green"}, r"base\.wall\.params\.colour = 'green': must be 'red' or 'blue'"),
        ({"colour": "red", "coats": "many"}, r"base\.wall\.params\.coats = 'many': must be a whole number"),
        ({"colour": "red", "coat": 2}, r"Unknown base\.wall\.params key 'coat'\. Did you mean 'coats'\?"),
    ],
)
def test_wrong_arguments_are_refused_where_they_stand(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bind(Paint, arguments, "base.wall.params")


class Inner(BaseModel, extra="forbid"):
    width: int = 1


class Outer(BaseModel, extra="forbid"):
    inner: Inner = Inner()
    many: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"inner": {"widht": 2}}, r"Unknown inner key 'widht'\. Did you mean 'width'"),
        ({"many": {"a": {"widht": 2}}}, r"Unknown many\.a key 'widht'\. Did you mean 'width'"),
        ({"iner": {}}, r"Unknown key 'iner'\. Did you mean 'inner'"),
        ({"inner": 3}, r"inner = 3: must be a table"),
    ],
)
def test_nested_keys_are_named_with_their_place(value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Outer, value, "")


def test_a_learner_is_made_with_checked_parameters() -> None:
    learner = make_learner(TOYS, "hash", {"salt": 3}, "base.h.params")
    assert vars(learner) == {"salt": 3}
    with pytest.raises(ConfigError, match=r"base\.h\.params\.salt = 'x'"):
        make_learner(TOYS, "hash", {"salt": "x"}, "base.h.params")


def test_a_learner_without_sources_depends_on_no_file() -> None:
    assert source_files(make_learner(TOYS, "hash", {}, "")) == []


class Weighted(Hash):
    def sources(self) -> list[Path]:
        return [Path("b"), Path("a")]


def test_sources_are_sorted() -> None:
    assert source_files(Weighted()) == [Path("a"), Path("b")]


class Shade(BaseModel, extra="forbid"):
    kind: Literal["light", "dark"] = "light"
    range: tuple[float, float] | None = None


class Palette(BaseModel):
    shades: dict[str, list[str] | Shade]


@pytest.mark.parametrize(
    ("shade", "message"),
    [
        ({"range": 5}, "wall.shades.sea.range = 5: must be a list"),
        ({"kind": "drak"}, "wall.shades.sea.kind = 'drak': must be 'light' or 'dark' .did you mean 'dark'"),
        ({"rang": [1, 5]}, "Unknown wall.shades.sea key 'rang'. Did you mean 'range'. Available: kind, range"),
        (["a", 2], "wall.shades.sea.1 = 2: must be a text in quotes"),
        (5, "wall.shades.sea = 5: must be a list in . . or a table"),
    ],
)
def test_of_alternatives_the_one_that_was_meant_says_what_is_wrong(shade: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Palette, {"shades": {"sea": shade}}, "wall")


def test_where_nothing_is_known_nothing_is_listed() -> None:
    assert unknown("key", "zzz", []) == "Unknown key 'zzz'; there is none."
