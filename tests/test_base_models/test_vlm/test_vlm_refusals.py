"""What the learner of language models that see refuses, in one line."""

from typing import Any

import numpy as np
import pytest
from support.asked import fitted, quick, whole_posts
from support.vlms import KINDS

from base_models.vlm.vlm import Vlm
from base_models.vlm.words import Words
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, LearnerError
from ensemble.features import FeatureCache
from ensemble.registry import bind

DEGREE = Task("degree", kind="regression")


@pytest.mark.parametrize(
    ("message", "params"),
    [
        ("answer = 'head' has to be trained", {"train": "none", "answer": "head"}),
        ("train = 'none' asks published weights", {"train": "none", "pretrained": False}),
        ("train = 'head' trains a head, and answer = 'words' has none", {"train": "head"}),
        ("parts are trained, and train is 'none'", {"train": "none", "parts": ["vision"]}),
        ("calibrate is of train = 'none'", {"calibrate": True}),
        ("shots are of answer = 'words'", {"answer": "head", "shots": 1}),
        ("prompts are of answer = 'words'", {"answer": "head", "prompts": {"negative": "bad"}}),
        ("hidden_layers are of answer = 'head'", {"hidden_layers": [8]}),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(message: str, params: dict[str, Any]) -> None:
    with pytest.raises(LearnerError, match=f"^vlm: {message}"):
        Vlm("somewhere", **params)


@pytest.mark.parametrize(("name", "value"), [("prompts.negative", {"negative": []}), ("adapt", [])])
def test_a_class_without_a_word_and_adapters_nowhere_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"^params\.{name} = \[\]: must .*have 1 or more entries"):
        bind(Vlm, {"model": "somewhere", name.partition(".")[0]: value}, "params")


def test_numbers_have_no_words(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts).with_columns(degree=np.arange(12.0).tolist())
    data = Dataset(data.frame, data.root, (DEGREE,))
    for train in ("none", "lora"):
        with pytest.raises(LearnerError, match=r"^vlm: answer = 'words' asks for the words of classes, and degree has"):
            fitted(quick(llava, train), data, task=DEGREE)
        with pytest.raises(LearnerError, match="set answer = 'head'"):
            quick(llava, train).check_models(data, FeatureCache())
    learner = fitted(quick(llava, answer="head"), data, task=DEGREE)
    assert np.isfinite(learner.predict(data)).all()


def test_models_are_checked_before_the_first_job(
    folders: dict[str, str], encoders: dict[str, str], posts: Dataset
) -> None:
    def check(model: str, **params: Any) -> None:
        quick(model, **params).check_models(posts, FeatureCache())

    for kind in KINDS:
        check(folders[kind])
    for model, message in ((encoders["bert"], "a bert network"), (encoders["clip"], "a clip network")):
        with pytest.raises(LearnerError, match=f"^vlm: cannot use .*{message}: it is neither a decoder of text nor"):
            check(model)
    with pytest.raises(LearnerError, match=r"^No such model folder"):
        check("/nowhere/at/all")
    with pytest.raises(LearnerError, match=r"^vlm: Unknown part 'qformr'\. Did you mean 'qformer'\?"):
        check(folders["blip2"], parts=["qformr"])
    with pytest.raises(LearnerError, match=r"^vlm: targets names no layer of .* by \['q_prj'\]; it has"):
        check(folders["llava"], targets=["q_prj"])
    with pytest.raises(LearnerError, match=r"^vlm: targets names no layer of .* by \['q_proj', 'v_proj'\]; it has \["):
        check(folders["llava"], adapt=["connector"])
    with pytest.raises(LearnerError, match=r"^vlm: Unknown class in prompts 'sadness'"):
        check(folders["llava"], prompts={"sadness": "sad"})
    for word in ("so", "so happy"):
        with pytest.raises(
            LearnerError, match=f"^vlm: '{word}' starts with the tokens of 'so', so that it can never be"
        ):
            check(folders["llava"], prompts={"negative": "so", "positive": word})


def test_words_know_their_classes() -> None:
    assert [list(places) for places in Words([[[1], [2]], [[3]], [[4], [5, 6]]]).places] == [[0, 1], [2], [3, 4]]
