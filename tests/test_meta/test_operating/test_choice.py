"""Operating points are chosen on out-of-fold probabilities, say what they reach, and doubt what few rows say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve
from support.regressions import MOOD, regression_data

from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError
from ensemble.predictions import Predictions
from meta.operating.asked import Asked, costs_named
from meta.operating.choice import Rows
from meta.operating.curves import Curve, lower_bound
from meta.operating.points import REVIEW, Costs, LeastSure, Thresholds, as_json, of_json, sureness
from meta.rules import Rule

HATE = Task("hate", ("none", "hate"))
MOODS = Task("mood", ("bad", "fair", "good"), ordinal=True)


def rows_of(task: Task, count: int = 600, skill: float = 2.0, rule: Rule | None = None, seed: int = 0) -> Rows:
    """Rows of known skill, calibrated: labels are drawn from the probabilities."""
    random = np.random.default_rng(seed)
    scores = skill * random.normal(size=(count, len(task.classes)))
    values = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    true = np.array([random.choice(len(task.classes), p=row) for row in values])
    rule = rule or Rule()
    decided = np.asarray(rule.decide(values), dtype=np.int64)
    return Rows(task, values, true, decided, np.arange(count) % 5, np.arange(count), rule)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_the_curve_is_scikit_learns_from_the_highest_threshold_down(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([score / 9 for score, _ in rows]), np.array([label for _, label in rows])
    curve = Curve.of(scores, positive)
    if not positive.any():
        assert len(curve.threshold) == 0
        return
    precision, recall, thresholds = precision_recall_curve(positive, scores)
    assert curve.precision == pytest.approx(precision[:-1][::-1][: len(thresholds)])
    assert curve.recall == pytest.approx(recall[:-1][::-1])
    for threshold, rows_above in zip(curve.threshold, curve.rows, strict=True):
        assert (scores >= threshold).sum() == rows_above


@pytest.mark.parametrize("asked", [{"precision": 0.8}, {"recall": 0.7}, {"precision": 0.8, "recall": 0.95}])
def test_what_was_asked_is_reached_where_it_was_chosen_and_nearly_so_out_of_fold(asked: dict[str, float]) -> None:
    rows = rows_of(HATE)
    choice = Asked(**asked).choose(rows)
    labels, review = choice.point.decide(rows.values, rows.rule, rows.decided)
    hate, taken = rows.true == 1, (labels == 1) & ~review
    if "precision" in asked:
        assert (hate & taken).sum() / taken.sum() >= asked["precision"]
    if "recall" in asked:
        assert (hate & (taken | review)).sum() / hate.sum() >= asked["recall"]
    assert bool(review.any()) == (len(asked) == 2) == ("review" in choice.figures)
    for name, value in asked.items():
        found = choice.figures["recall with review" if len(asked) == 2 and name == "recall" else name]
        low, high = found["low"], found["high"]
        assert low is not None and high is not None and low - 0.03 <= value <= high + 0.03
    assert choice.doubts == ()


def test_a_precision_that_a_few_rows_reach_is_doubted_by_its_lower_bound() -> None:
    rows = rows_of(HATE, count=60, skill=1.0)
    choice = Asked(precision=0.95).choose(rows)
    assert "too few to be believed" in choice.doubts[0] and "may be as low as" in choice.doubts[0]
    sure = lower_bound(np.ones(4, dtype=bool), np.ones(4, dtype=bool), np.arange(4))
    assert 0.4 < sure < 0.6  # four of four right: Wilson's interval begins at .51
    copies = lower_bound(np.ones(4, dtype=bool), np.ones(4, dtype=bool), np.zeros(4, dtype=np.int64))
    assert copies < sure  # one post four times is one post


def test_a_precision_that_nothing_reaches_is_refused_with_the_greatest_there_is() -> None:
    rows = rows_of(HATE, skill=0.0)
    with pytest.raises(ConfigError, match=r"No threshold for 'hate' has a precision of 0.99 .* the greatest is 0\.\d+"):
        Asked(precision=0.99).choose(rows)


def test_of_several_classes_one_is_named_and_the_others_are_told_apart_by_the_stacks_rule() -> None:
    rows = rows_of(MOODS, rule=Rule("class_biases", (0.0, 2.0, 0.0)))
    choice = Asked(label="bad", recall=0.9).choose(rows)
    labels, review = choice.point.decide(rows.values, rows.rule, rows.decided)
    others = labels != 0
    assert (
        not review.any() and (rows.decided[others & (rows.decided != 0)] == labels[others & (rows.decided != 0)]).all()
    )
    with pytest.raises(ConfigError, match="--label must name one class of 'mood': 'bad', 'fair', 'good'"):
        Asked(recall=0.9).choose(rows)
    with pytest.raises(ConfigError, match="Did you mean 'good'"):
        Asked(label="god", recall=0.9).choose(rows)


@pytest.mark.parametrize("rule", [Rule(), Rule("class_biases", (0.5, 0.0, -0.5)), Rule("cut_points", (0.6, 1.4))])
def test_the_least_sure_share_goes_to_review_and_the_others_are_right_more_often(rule: Rule) -> None:
    rows = rows_of(MOODS, count=1000, rule=rule)
    choice = Asked(review=0.2).choose(rows)
    labels, review = choice.point.decide(rows.values, rows.rule, rows.decided)
    assert review.mean() == pytest.approx(0.2, abs=0.01) and (labels == rows.decided).all()
    figures = {name: score["value"] or 0 for name, score in choice.figures.items()}
    assert figures["accuracy of the others"] > figures["accuracy of those for review"]
    assert figures["macro_f1 of the others"] > figures["macro_f1 of all"]


@given(st.floats(0, 1), st.floats(0.1, 20))
def test_of_two_classes_least_expected_cost_is_a_threshold(probability: float, cost: float) -> None:
    """Elkan 2001: decide for the class from 1 / (1 + cost) on."""
    costs, _ = costs_named(HATE, [f"hate={cost}"])
    labels, _ = costs.decide(np.array([[1 - probability, probability]]), Rule(), np.zeros(1, dtype=np.int64))
    if abs(probability - 1 / (1 + cost)) > 1e-9:
        assert bool(labels[0]) == (probability > 1 / (1 + cost))


def test_costs_save_what_the_stacks_own_labels_would_have_cost() -> None:
    rows = rows_of(HATE, count=2000)
    choice = Asked(costs=("hate=5", "review=0.4")).choose(rows)
    figures = {name: score["value"] or 0 for name, score in choice.figures.items()}
    assert figures["cost of a post"] < figures["as the stack decides"] and figures["review"] > 0
    assert figures["cost of a post"] == pytest.approx(figures["as the probabilities promise"], abs=0.05)
    worse = Rows(*{**vars(rows), "values": np.full_like(rows.values, [0.999, 0.001])}.values())
    assert any("not calibrated" in doubt for doubt in Asked(costs=("hate=5",)).choose(worse).doubts)


def test_a_pair_of_classes_has_a_cost_of_its_own_over_that_of_the_class() -> None:
    costs, asked = costs_named(MOODS, ["bad:good=9", "bad=3", "review=0.5"])
    assert costs.matrix == ((0, 3, 9), (1, 0, 1), (1, 1, 0)) and costs.review == 0.5
    assert asked == {"bad": 3, "bad:good": 9, REVIEW: 0.5}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "One question at a time"),
        ({"precision": 0.9, "review": 0.1}, "One question at a time"),
        ({"precision": 90}, "--precision must be above 0 and up to 1"),
        ({"recall": 0.0}, "--recall must be above 0"),
        ({"review": 1.0}, "--review must be above 0 and below 1"),
        ({"label": "hate", "review": 0.1}, "--label goes with"),
        ({"costs": ("hat=5",)}, "Did you mean 'hate'"),
        ({"costs": ("hate",)}, "must be CLASS=NUMBER"),
        ({"costs": ("hate=-1",)}, "a number of 0 or more"),
        ({"costs": ("hate=nan",)}, "a number of 0 or more"),
    ],
)
def test_questions_that_make_no_sense_are_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Asked(**asked).choose(rows_of(HATE))  # type: ignore[arg-type]


def test_a_number_and_a_class_named_review_are_refused() -> None:
    data = regression_data(np.linspace(-3, 3, 12))
    with pytest.raises(ConfigError, match="'mood' is a number: operating points are of classes"):
        Rows.of(data, Predictions(MOOD, data.ids, np.zeros((12, 1))), np.zeros(12, dtype=np.int64), Rule("identity"))
    with pytest.raises(ConfigError, match="has a class 'review'"):
        Asked(review=0.1).choose(rows_of(Task("any", ("fine", REVIEW))))


def test_rows_without_a_label_take_no_part(posts: Dataset) -> None:
    task = posts.tasks[0]
    values = np.full((len(posts), len(task.classes)), 1 / len(task.classes))
    unlabelled = posts.with_columns(**{task.name: posts.frame[task.name].where(posts.frame.index % 2 == 0, None)})
    rows = Rows.of(unlabelled, Predictions(task, posts.ids, values), np.zeros(len(posts), dtype=np.int64), Rule())
    assert len(rows.true) == int(task.target.known(unlabelled.labels(task)).sum()) < len(posts)


@pytest.mark.parametrize(
    "point",
    [Thresholds(1, 0.25, 0.75), LeastSure(0.125), Costs(((0.0, 1.0), (5.0, 0.0)), 0.5), Costs(((0, 1), (2, 0)))],
)
def test_a_point_is_the_same_after_it_was_written(point: Thresholds | LeastSure | Costs) -> None:
    assert of_json(as_json(point), HATE) == point
    rows = rows_of(HATE)
    labels, review = of_json(as_json(point), HATE).decide(rows.values, rows.rule, rows.decided)
    assert (labels == point.decide(rows.values, rows.rule, rows.decided)[0]).all() and len(review) == len(labels)


@pytest.mark.parametrize("rule", [Rule(), Rule("class_biases", (1.0, 0.0, 0.0)), Rule("cut_points", (0.7, 1.6))])
def test_a_post_is_least_sure_where_a_little_more_would_change_its_label(rule: Rule) -> None:
    rows = rows_of(MOODS, count=400, rule=rule)
    nudged = rows.values * np.array([1.02, 1.0, 0.98])
    nudged /= nudged.sum(axis=1, keepdims=True)
    changed = rule.decide(nudged) != rule.decide(rows.values)
    sure = sureness(rows.values, rule)
    assert changed.any() and sure[changed].max() < np.median(sure)
