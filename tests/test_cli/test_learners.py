"""`ensemble learners` says what every parameter means, and recipes say where that is."""

import json
import re
from importlib.resources import files

import pytest
from support.shell import Ensemble

from base_models import LEARNERS


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_parameter_of_a_named_learner_has_its_meaning_in_a_hundred_columns(
    ensemble: Ensemble, learner: str
) -> None:
    printed = ensemble("learners", learner)
    assert printed.code == 0 and max(map(len, printed.out.splitlines())) <= 100
    told = " ".join(printed.out.split())
    for parameter in json.loads(ensemble("learners", learner, "--json").out)[learner]["parameters"]:
        assert f"{parameter['name']} " in told
        assert all(word in told for word in parameter["meaning"].split())


def test_without_a_name_there_is_an_overview_and_where_to_look(ensemble: Ensemble) -> None:
    printed = ensemble("learners")
    assert all(f"{name}: " in printed.out for name in LEARNERS)
    assert "ensemble learners NAME" in printed.out and max(map(len, printed.out.splitlines())) <= 100


def test_recipes_say_beside_each_learner_where_its_parameters_are() -> None:
    for recipe in files("cli.recipes").iterdir():
        if recipe.name.endswith(".toml"):
            text = recipe.read_text(encoding="utf-8")
            for name in set(re.findall(r'^learner = "(\w+)"', text, re.MULTILINE)):
                assert f"# every parameter: ensemble learners {name}" in text
