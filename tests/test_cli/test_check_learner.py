"""`ensemble check-learner` runs the contract on a learner and says which sentence does not hold, and why."""

import json

import pytest
from support.packages import LEARNER, Install
from support.shell import Ensemble

from ensemble.contract.checks import CHECKS

BROKEN = {
    "self.power = power\n": (
        "self.power, self.made = power, 1\n",
        "The constructor stores its arguments",
        "keeps ['made']",
    ),
    "return np.tile(self.shares_, (len(data), 1))": (
        "return np.tile(self.shares_, (len(data), 1)) * 0.9",
        "Predictions are probabilities",
        "do not sum to one",
    ),
    "** self.power\n": (
        "** self.power + np.random.rand(len(task.classes))\n",
        "The same seed gives the same predictions.",
        "predictions differ by up to",
    ),
    'self.shares_ = np.load(folder / "shares.npy")': (
        "self.shares_ = np.ones(3) / 3",
        "A saved and loaded learner predicts the same.",
        "saved and loaded",
    ),
    "labels = data.labels(task)": (
        "open('fitted.txt', 'w').close()\n        labels = data.labels(task)",
        "It writes nothing outside the folder",
        "fitted.txt",
    ),
    "def modalities(self)": ("def looks_at(self)", "It says what it looks at", "has no method 'modalities'"),
    "(len(data), 1))\n": (
        "(len(data), 1)) if data.frame['sentiment'].isna().all() else np.eye(3)[data.labels(self.task_)]\n",
        "Labels of predicted posts are not looked at.",
        "labels",
    ),
    "labels[labels >= 0]": ("np.abs(labels)", "Posts without a label are not fitted on.", "posts without labels"),
    "return np.tile": (
        "assert all(data.texts)\n        return np.tile",
        "Posts without a text, an image, or anything are predicted for.",
        "raised AssertionError",
    ),
}


def test_a_learner_that_keeps_the_contract_exits_with_0(ensemble: Ensemble, install: Install) -> None:
    install("theirs", learners=LEARNER)
    found = ensemble("check-learner", "theirs.learners:Share", "--set", "power=0.5", "--quiet")
    of_classes = [check for check in CHECKS if "classification" in check.kinds]
    assert found.code == 0, found.out
    assert found.out.count("holds") == len(of_classes) and f"All {len(of_classes)} hold." in found.out
    assert all(check.sentence.split(".")[0][:40] in found.out for check in of_classes)


@pytest.mark.parametrize("before", BROKEN)
def test_each_sentence_that_does_not_hold_is_named_with_its_reason(
    ensemble: Ensemble, install: Install, before: str
) -> None:
    after, sentence, reason = BROKEN[before]
    source = LEARNER.replace(before, after).replace("counts = (", "self.task_ = task\n        counts = (")
    install("theirs", learners=source)
    found = ensemble("check-learner", "theirs.learners:Share", "--quiet", "--json")
    broken = {one["sentence"]: one["failures"]["classification"] for one in json.loads(found.out) if one["failures"]}
    assert found.code == 2
    assert any(said.startswith(sentence) and reason in why for said, why in broken.items()), broken


def test_what_cannot_be_made_is_one_line(ensemble: Ensemble, install: Install) -> None:
    install("theirs", learners=LEARNER)
    cases = {
        ("theirs.learners:Share", "--set", "powr=1"): "Did you mean 'power'",
        ("theirs.learners:Shore",): "has no 'Shore'",
        ("os:system",): "is not an installed package",
        ("tfidff",): "Did you mean 'tfidf'",
        ("frozen",): "frozen needs an encoder",
        ("tfidf", "--set", "words"): "must read key=value",
    }
    for arguments, words in cases.items():
        found = ensemble("check-learner", *arguments, "--quiet")
        assert found.code == 2 and words in found.err and found.err.count("\n") == 1, found.err
