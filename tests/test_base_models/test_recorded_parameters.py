"""What is recorded of a learner's parameters is what the version before recorded, so that its results stay fresh."""

import json
from typing import Any

import pytest
from support import ROOT

from base_models import LEARNERS
from ensemble.bound_learners import flatten
from ensemble.learner_factory import make_learner

RECORDED = json.loads((ROOT / "tests/support/reference/recorded_parameters.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["learner"])
def test_the_class_and_the_parameters_are_recorded_as_before(case: dict[str, Any]) -> None:
    learner = make_learner(LEARNERS, case["learner"], case["params"], "base.x.params")
    public = {name: value for name, value in vars(learner).items() if not name.startswith("_")}
    assert LEARNERS[case["learner"]] == case["class"]
    assert json.loads(json.dumps(flatten(public, "params"))) == case["recorded"]


def test_every_learner_is_among_them() -> None:
    assert {case["learner"] for case in RECORDED} == set(LEARNERS)
