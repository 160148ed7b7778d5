"""What is printed fits 100 columns and says how large learners are and how seeds differ."""

from typing import Any

import pytest

from cli.stack_tables import print_submission
from cli.tables import print_trained
from meta.wording import format_mean_std, format_size


def entry(learner: str, **facts: Any) -> dict[str, Any]:
    interval = {"value": 0.6012, "low": 0.5801, "high": 0.6203}
    metrics = {name: interval for name in ("macro_f1", "accuracy", "weighted_f1", "roc_auc", "log_loss")}
    card = {"rows": 4000, "metric": "macro_f1", "metrics": metrics, "folds": {"mean": 0.6, "std": 0.0123}}
    seeds = {"seeds": facts.pop("seeds")} if "seeds" in facts else {}
    return {"learner": learner, "task": "sentiment", "seconds": 12345.6, "oof": card | seeds, **facts}


def test_learners_are_shown_with_their_size_and_each_seed(capsys: pytest.CaptureFixture[str]) -> None:
    means = {"macro_f1": {"mean": 0.604, "std": 0.0085}, "accuracy": {"mean": 0.7, "std": 0.01}}
    seeds = {"values": [0.598, None, 0.61], "mean": 0.604, "std": 0.0085}
    earlier = entry("older", parameters=None, trainable_parameters=None, seeds=seeds)
    large = {"parameters": 151_500_000, "trainable_parameters": 221_187}
    entries = [
        entry("clip_lora", **large),
        entry("tfidf", parameters=None, trainable_parameters=None, seeds=seeds | {"metrics": means}),
        earlier,
    ]
    print_trained(
        {
            "learners": entries,
            "baselines": {"sentiment": {"rows": 0, "baseline": "majority class"}},
            "failures": [],
            "again": None,
        }
    )
    printed = capsys.readouterr().out
    assert "0.2 / 151.5 M" in printed and ".600 ±.012" in printed
    rows = [line.split() for line in printed.splitlines()]
    assert ["tfidf", "3", "alone", ".604", "±.009", ".700", "±.010"] in rows
    assert ["averaged", ".601", ".601", ".601", ".601", ".601"] in rows, "named apart"
    assert ["older", "3", "alone", ".604", "±.009"] in rows, "older records know one metric of each seed"
    assert max(map(len, printed.splitlines())) <= 100
    assert "clip_lora" in printed, "names are not broken"


def test_a_size_is_not_made_up_and_a_deviation_of_one_value_is_none() -> None:
    assert format_size(None, None) == format_size(None, 3) == ""
    assert format_size(0, 1_234_500_000) == "0.0 / 1,234.5 M"
    assert format_size(3_210, 99_999) == "3.2 / 100.0 k" and format_size(3_210, 100_000) == "0.0 / 0.1 M"
    assert format_mean_std(0.5, None) == ".500" and format_mean_std(None, None) == ""


@pytest.mark.parametrize("tuned", [[], ["bert", "tfidf"]])
def test_a_submission_of_tuned_learners_says_what_its_scores_are_worth(
    tuned: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    scored = {"value": 0.5, "low": 0.4, "high": 0.6, "metric": "macro_f1"}
    scored |= {"baseline": {"value": 0.3}, "baseline_name": "majority class"}
    print_submission(
        {
            "file": "answer.csv",
            "format": "csv",
            "rows": 3,
            "oof_rows": 30,
            "folds": 5,
            "oof": {"sentiment": scored},
            "agreed": [],
            "tuned": tuned,
            "read_back": {"macro_f1": 0.5},
            "notes": [],
        }
    )
    said = " ".join(capsys.readouterr().out.split())
    assert ("sentiment †" in said) == ("† Parameters of bert, tfidf were chosen" in said) == bool(tuned)
