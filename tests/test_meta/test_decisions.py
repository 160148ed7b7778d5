"""What is handed in is the stack's own, in the right direction, and scored as a competition would."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from support.finished import SOFT, finish
from support.world import toy_table

from ensemble.data import Dataset, Task
from ensemble.datasets.submission import Format
from ensemble.datasets.submission_formats import FORMATS, template_format
from ensemble.errors import SubmissionError
from ensemble.run import Run
from meta.decisions import write_submission
from meta.stack import read_stack
from meta.table import assemble

LEARNERS = {"prior": ("prior", {}), "tfidf": ("tfidf", {})}


def ironic(classes: tuple[str, str], metric: str = "roc_auc", positive: str = "") -> Dataset:
    """The same posts and labels whatever the order of the classes."""
    data = toy_table(150, test_rows=30, tasks=(Task("ironic", ("0", "1")),))
    return replace(data, tasks=(Task("ironic", classes, metric, positive=positive),))


def finished(folder: Path, data: Dataset) -> Run:
    return finish(folder, data, LEARNERS)


def handed_in(run: Run, form: Format, out: Path) -> pd.DataFrame:
    write_submission(run, form, out, SOFT)
    return pd.read_csv(out, dtype={"id": str}).set_index("id")


@pytest.mark.parametrize("classes", [("0", "1"), ("1", "0")])
def test_the_order_of_the_classes_turns_nothing_around(tmp_path: Path, classes: tuple[str, str]) -> None:
    run = finished(tmp_path / "run", ironic(classes))
    told = run.data.frame["text"].str.contains("ironic1").set_axis(run.data.ids)
    said = handed_in(run, FORMATS["csv"], tmp_path / "mine.csv")["ironic"]
    assert roc_auc_score(told[said.index], said) > 0.9


def test_what_is_read_back_from_the_text_is_the_stacks_own_score(tmp_path: Path) -> None:
    run = finished(tmp_path, ironic(("1", "0")))
    handed = write_submission(run, FORMATS["csv"], None, SOFT)
    stack = read_stack(run, assemble(run, run.data.tasks[0], SOFT))
    rows = run.data.take(run.plan.cv_rows)
    own = roc_auc_score(rows.frame["ironic"] == "1", stack.oof.take(rows.ids).values[:, 0])
    assert handed["read_back"] == {"roc_auc of ironic": pytest.approx(own)}
    assert "the positive class is '1' (by its name" in handed["notes"][0]


def test_the_probability_of_the_other_class_is_never_handed_in(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", ironic(("0", "1")))
    with pytest.raises(SubmissionError, match=r"turned around: .*positive class '1', its column of 'ironic' has an"):
        write_submission(run, template_format("{id},{ironic:0}"), tmp_path / "mine.csv", SOFT)
    assert not (tmp_path / "mine.csv").exists()
    handed_in(run, template_format("{id},{ironic:1}", "id,ironic"), tmp_path / "mine.csv")
    handed_in(run, template_format("{id},{ironic:0},{ironic:1}", "id,no,yes"), tmp_path / "mine.csv")


def test_a_positive_class_that_is_named_is_handed_in(tmp_path: Path) -> None:
    usual = finished(tmp_path / "usual", ironic(("0", "1")))
    named = finished(tmp_path / "named", ironic(("0", "1"), positive="0"))
    of_1 = handed_in(usual, FORMATS["csv"], tmp_path / "usual.csv")["ironic"]
    of_0 = handed_in(named, FORMATS["csv"], tmp_path / "named.csv")["ironic"]
    assert (of_0 + of_1).tolist() == pytest.approx([1] * 30, abs=1e-6)


@pytest.mark.parametrize("metric", ["f1_positive", "average_precision", "recall_at_precision@0.8"])
def test_a_task_is_stacked_and_handed_in_by_a_metric_of_its_positive_class(tmp_path: Path, metric: str) -> None:
    scores = []
    for classes in (("0", "1"), ("1", "0")):
        run = finished(tmp_path / classes[0], ironic(classes, metric))
        report = read_stack(run, assemble(run, run.data.tasks[0], SOFT)).report
        assert report["metric"] == metric and {"low", "high"} <= set(report["stack"]["metrics"][metric])
        (value,) = write_submission(run, FORMATS["csv"], None, SOFT)["read_back"].values()
        assert value == pytest.approx(report["stack"]["metrics"][metric]["value"])
        scores.append(value)
    assert scores[0] == pytest.approx(scores[1], abs=0.02)  # the same, but for how folds are drawn
