"""`ensemble distil`, `ensemble predict --distilled`: from a finished run to one small model that labels new posts."""

import json
from pathlib import Path

import pandas as pd
import pytest
from support.shell import Ensemble

ONLY = ("--set", 'stack.learners=["prior", "tfidf"]', "--set", 'stack.estimators=["soft_vote"]')
ASKED = ("distil", *ONLY, "-t", "sentiment", "--quiet")


@pytest.fixture
def stacked(ensemble: Ensemble, config: Path) -> Ensemble:
    """A run of two learners and one task, not stacked yet."""
    assert ensemble("train-base", "-l", "prior", "-l", "tfidf", "-t", "sentiment").code == 0
    return ensemble


def test_a_stack_is_distilled_judged_and_new_posts_are_labelled_by_what_came_of_it(
    stacked: Ensemble, config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    early = stacked(*ASKED)
    assert early.code == 2 and "is not finished; run `ensemble stack" in early.err
    assert stacked("stack", *ONLY, "-t", "sentiment").code == 0
    told = stacked(*ASKED)
    assert told.code == 0, told.err
    assert "tfidf has learned what the stack's plain mean" in " ".join(told.out.split())
    assert "whose teacher never saw it" in " ".join(told.out.split())
    (report,) = json.loads(stacked(*ASKED, "--json").out)
    assert report["learner"] == "tfidf" and set(report["cards"]) == {"distilled", "stack", "tfidf on labels"}
    config.unlink()
    assert stacked("thresholds", "run", "-t", "sentiment", "--review", "0.2").code == 0
    (tmp_path / "new.csv").write_text("caption\nwhat a great day\nhate it\n")
    asked = ("predict", "new.csv", "--run", "run", "-t", "sentiment", "--quiet")
    assert stacked(*asked, "--distilled", "-o", "small.csv").code == 0
    assert "labels are the distilled model's own" in caplog.text
    small = pd.read_csv(tmp_path / "small.csv")
    assert list(small) == ["id", "sentiment", *(f"sentiment:{name}" for name in ("negative", "neutral", "positive"))]
    assert small.filter(like="sentiment:").sum(axis=1).to_numpy() == pytest.approx(1)


def test_mistakes_are_one_line(stacked: Ensemble, tmp_path: Path) -> None:
    assert stacked("stack", *ONLY, "-t", "sentiment").code == 0
    (tmp_path / "new.csv").write_text("caption\ngreat\n")
    cases = {
        (*ASKED, "--learner", "tfidff"): ("Unknown base learner 'tfidff'", "Did you mean 'tfidf'"),
        (*ASKED, "--learner", "prior"): ("base.prior learns no soft labels", "tfidf"),
        (*ASKED, "--teacher", "soft_vot"): ("Unknown candidate 'soft_vot'", "Did you mean 'soft_vote'"),
        (*ASKED, "--labels", "2"): ("--labels", "must be at most 1"),
        ("distil", "--run", "nowhere"): ("nowhere",),
        ("predict", "new.csv", "--run", "run", "-t", "sentiment", "--distilled"): ("run `ensemble distil",),
    }
    for arguments, words in cases.items():
        outcome = stacked(*arguments)
        line = outcome.err.splitlines()[-1]
        assert outcome.code == 2 and line.startswith("ensemble: "), outcome.err
        assert all(word in line for word in words), line
