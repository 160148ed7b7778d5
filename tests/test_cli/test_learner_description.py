"""What learners say of themselves: what each is, and every parameter with its bounds and its meaning."""

import pytest
from support.toys import TOYS

from base_models import LEARNERS
from cli.learner_description import ParameterDescription, describe_learners
from ensemble.errors import ConfigError


def test_learners_are_described_by_docstring_and_parameters() -> None:
    described = describe_learners(TOYS)
    assert list(described) == list(TOYS)
    assert described["failing"].about == "Fails on one task."
    assert described["failing"].parameters == (ParameterDescription("task", "sarcasm", False, "", ""),)


def test_a_named_learner_is_described_whole_with_the_values_its_parameters_may_have() -> None:
    (name, fusion), *others = describe_learners(LEARNERS, ["fusion"]).items()
    assert name == "fusion" and not others and "``modality_dropout``" in fusion.about
    by_name = {parameter.name: parameter for parameter in fusion.parameters}
    assert by_name["image"].required and not by_name["width"].required and by_name["width"].default == 128
    assert by_name["combine"].allowed == "attention, concatenation, gate"
    assert by_name["training.optimizer"].allowed == "sgd, adam, adamw"
    with pytest.raises(ConfigError, match=r"Unknown learner 'fussion'\. Did you mean 'fusion'"):
        describe_learners(LEARNERS, ["fussion"])


def test_bounds_are_said_in_words() -> None:
    said = {parameter.name: parameter.allowed for parameter in describe_learners(LEARNERS)["visual"].parameters}
    assert said["size"] == "at least 32" and said["degrees"] == "0 to 180" and said["training.lr"] == "above 0"
    assert said["crop_share"] == "above 0 to 1" and said["training.momentum"] == "0 to below 1" and said["ratio"] == ""


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_parameter_has_a_line_of_meaning(learner: str) -> None:
    for parameter in describe_learners(LEARNERS)[learner].parameters:
        assert 6 <= len(parameter.meaning) <= 110, parameter.name
        assert "\n" not in parameter.meaning and not parameter.meaning.endswith(".")
