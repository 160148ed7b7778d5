"""The report's section for numbers: how predictions lie to the truth, row by row, and as the classes of papers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix
from support.regressions import MOOD, imported, knowing, regression_data, truth

from ensemble.content.audit import audit
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.metrics.divisions import divisions
from ensemble.predictions import Predictions
from meta.label_issues import conflicts, hardest, label_issues
from meta.report.facts import ReportFacts
from meta.report.gather import gather_facts
from meta.report.number_facts import divided_classes, mean_calibration, number_map
from meta.report.page import draw_page
from meta.stack import stack_task
from meta.table import StackSettings

SETTINGS = StackSettings(("best_single", "mean", "simplex"))


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportFacts, Dataset]:
    random = np.random.default_rng(11)
    labels = truth(random, 220)
    labels[:10] = np.nan
    data = regression_data(labels).with_columns(part=np.where(np.arange(220) < 180, "train", "dev"))
    learners = {name: knowing(random, np.nan_to_num(labels), r) for name, r in (("a", 0.8), ("b", 0.6), ("c", 0.2))}
    run = imported(tmp_path_factory.mktemp("numbers"), data, learners, k=3)
    stack_task(run, MOOD, SETTINGS)
    facts = gather_facts(run, SETTINGS, audit(run.data, scan(run.data)[1]))
    return facts, run.data


def test_the_facts_count_every_labelled_row(gathered: tuple[ReportFacts, Dataset]) -> None:
    numbers = gathered[0].tasks[0].numbers
    assert numbers is not None
    rows = np.array(numbers.against_truth.rows)
    assert rows.sum() == sum(group.rows for group in numbers.by_fold) == sum(group.rows for group in numbers.by_range)
    assert rows.sum() == 170 and (numbers.against_truth.low, numbers.against_truth.high) == (-3, 3)
    assert [group.name for group in numbers.by_fold] == ["fold 0", "fold 1", "fold 2"]
    assert list(numbers.calibration) == ["stack", "plain mean", "best single (a)"]
    assert {of.name for of in numbers.divided} == {"acc_2", "acc_2_nonzero", "acc_3", "acc_5", "acc_7"}


def test_accuracies_of_the_tables_are_those_of_the_score_card(gathered: tuple[ReportFacts, Dataset]) -> None:
    (task,) = gathered[0].tasks
    assert task.numbers is not None
    for of in task.numbers.divided:
        assert of.accuracy == pytest.approx(task.report["stack"]["metrics"][of.name]["value"])
        assert of.rows == sum(map(sum, of.confusion)) == sum(each["support"] for each in of.classes.values())


def test_nothing_of_classes_is_told_of_numbers_and_all_is_json(gathered: tuple[ReportFacts, Dataset]) -> None:
    written = json.loads(json.dumps(gathered[0].as_json(), allow_nan=False, default=str))
    assert written["numbers"]["mood"]["by_range"] and written["reliability"]["mood"] == {}
    assert written["label_issues"]["mood"]["labels"] == []
    worst = written["hardest"]["mood"]
    assert [abs(post["error"]) for post in worst] == sorted((abs(post["error"]) for post in worst), reverse=True)
    assert "probability_of_label" not in worst[0]


def test_the_page_draws_them_and_scores_the_development_part_apart(gathered: tuple[ReportFacts, Dataset]) -> None:
    facts, data = gathered
    page = draw_page(facts, data.root)
    for words in (
        *("Predicted against true", "Calibration of the mean", "Residuals", "by the range of the truth", "As classes"),
        *("Acc-7", "Acc-2 without 0", "The development part", "is off by most", "MAE", "Pearson&#39;s r"),
    ):
        assert words in page
    for words in ("arg max", "Reliability", "Confusion", "majority class", "under a rule", ">nan"):
        assert words not in page[: page.index("<dt>interval</dt>")], words  # the glossary explains them all
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")


def test_the_best_of_a_metric_that_is_better_small_comes_first(gathered: tuple[ReportFacts, Dataset]) -> None:
    facts, data = gathered
    page = draw_page(facts, data.root)
    board = page[page.index("base learners</th>") :]
    assert board.index("<bdi>a</bdi>") < board.index("<bdi>b</bdi>") < board.index("<bdi>c</bdi>")
    assert facts.table8[0].best in ("simplex", "mean", "best_single")
    scores = {name: score["value"] for name, score in facts.table8[0].scores.items()}
    assert scores[facts.table8[0].best] == min(scores.values())


@given(st.integers(0, 1000), st.floats(-5, 5), st.floats(0.1, 10))
def test_a_prediction_that_is_right_on_average_is_calibrated(seed: int, zero: float, unit: float) -> None:
    random = np.random.default_rng(seed)
    values = zero + unit * random.normal(size=200)
    exact = mean_calibration(values, values)
    assert exact.error < 1e-9 and sum(exact.rows) == 200
    assert mean_calibration(values, values + 3 * unit).error == pytest.approx(3 * unit)


def test_constant_predictions_and_an_outlier_are_drawn() -> None:
    labels = np.r_[np.zeros(300), 1e6]
    assert mean_calibration(labels, np.full(301, 2.0)).rows == [301]
    found = number_map(labels, np.zeros(301), None)
    assert np.array(found.rows).sum() == 301 and found.high < 1e6 and found.outside == 1
    assert number_map(np.full(9, -1.0), np.full(9, -1.0), None).low < -1


def test_classes_of_a_division_are_counted_as_by_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels, values = truth(random, 300), truth(random, 300)
    of = divided_classes("7", divisions(MOOD)["7"], labels, values)
    rounded, predicted = np.round(labels), np.round(values)
    assert of.accuracy == pytest.approx(accuracy_score(rounded, predicted))
    assert (np.array(of.confusion) == confusion_matrix(rounded, predicted, labels=range(-3, 4))).all()
    assert divided_classes("2_nonzero", divisions(MOOD)["2_nonzero"], labels, values).rows == (labels != 0).sum()


def test_copies_with_other_numbers_are_told() -> None:
    data = regression_data(np.array([1.0, 2.0, 0.5, np.nan])).with_columns(group=["x", "x", "y", "y"])
    (conflict,) = conflicts(data, MOOD)
    assert conflict["labels"] == ["1", "2"] and conflict["ids"] == ["post0", "post1"]


def test_the_posts_of_the_largest_errors_come_first_and_no_label_is_under_suspicion() -> None:
    data = regression_data(np.array([1.0, -1.0, np.nan, 0.5]))
    oof = Predictions(MOOD, data.ids[::-1], np.array([[0.5], [9.0], [2.5], [0.75]]))
    found = hardest(data, oof, 2)
    assert [(post["id"], post["label"], post["decided"], post["error"]) for post in found] == [
        ("post1", "-1", "2.5", 3.5),
        ("post0", "1", "0.75", -0.25),
    ]
    assert label_issues(data, oof, 5) == []
