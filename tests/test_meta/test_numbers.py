"""A stack of numbers: honest about noise, leaks and duplicates; what is known is told from -1."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.finished import finish
from support.regressions import ANY, MOOD, imported, knowing, numbers_of, regression_data, truth
from support.world import Floats

from ensemble.datasets.submission_formats import FORMATS
from ensemble.errors import ConfigError
from ensemble.metrics import metric_named, score
from ensemble.run import Run
from meta.contributions import contributions
from meta.decisions import write_submission
from meta.diversity import diversity
from meta.leaks import leak_signs
from meta.loaded_stack import load_stacks, predict_posts, shares
from meta.nested_cv import mean_under_rule
from meta.records import StackReport
from meta.stack import Stack, make_stack, read_stack, stack_task
from meta.summary import stack_tasks
from meta.table import MetaTable, StackSettings, assemble, means_of
from meta.targets import STACK_TARGETS
from meta.wording import leak_note

ALL = StackSettings()
FEW = StackSettings(("best_single", "mean", "simplex", "ridge"))
FAST = StackSettings(tuple(name for name in STACK_TARGETS["regression"].estimators if name != "random_forest"))


def skilled_run(folder: Path, rows: int = 180, **settings: float) -> Run:
    random = np.random.default_rng(3)
    labels = truth(random, rows)
    learners = {name: knowing(random, labels, r) for name, r in (("a", 0.75), ("b", 0.7), ("c", 0.3))}
    return imported(folder, regression_data(labels), learners, k=3, **settings)


def metrics(report: StackReport, name: str) -> dict[str, float | None]:
    return report["stack"]["metrics"][name]  # type: ignore[return-value]


def test_every_candidate_stacks_numbers_and_the_stack_beats_its_learners(tmp_path: Path) -> None:
    run = skilled_run(tmp_path)
    report = stack_task(run, MOOD, ALL)
    assert set(report["candidates"]) == set(STACK_TARGETS["regression"].estimators)
    assert report["metric"] == "mae" and report["classes"] == []
    assert report["rule"] == {"kind": "identity", "numbers": []}
    alone = [card["metrics"]["mae"]["value"] for card in report["learners"].values()]
    assert metrics(report, "mae")["value"] < min(alone)
    assert metrics(report, "mae")["low"] < metrics(report, "mae")["value"] < metrics(report, "mae")["high"]
    assert metrics(report, "pearson")["value"] > 0.7


def test_what_is_handed_on_are_the_numbers_and_no_decided_labels(tmp_path: Path) -> None:
    run = skilled_run(tmp_path, test_fraction=0.1)
    report = stack_task(run, MOOD, FEW)
    stack = read_stack(run, assemble(run, MOOD, FEW))
    assert stack.oof.decided is None and stack.oof.values.shape == (len(run.plan.cv_rows), 1)
    assert (stack.oof.labels() == stack.oof.values[:, 0]).all()
    assert report["test"]["cards"]["stack"]["rows"] == len(stack.test.ids) == len(run.plan.test_rows)
    assert report["test"]["cards"]["stack"]["metrics"]["mae"]["value"] < 1


def test_rivals_are_the_plain_mean_and_the_best_single_learner_and_no_rule_is_named(tmp_path: Path) -> None:
    run = skilled_run(tmp_path)
    stacked = stack_tasks(run, run.data.tasks, FEW)
    assert list(stacked["tasks"][0]["against"]) == ["plain mean", "best single (a)"]
    assert list(stacked["against"]["mood"]) == ["plain mean", "best single (a)"]
    assert not any("rule" in name for name in stacked["subtasks"]["mood"])
    assert stacked["against"]["mood"]["best single (a)"]["value"] > 0  # less of a mean absolute error is better


def test_labels_of_minus_one_are_known_and_missing_ones_are_not(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.where(random.random(160) < 0.5, -1.0, truth(random, 160))
    labels[:20] = np.nan
    learners = {name: knowing(random, np.nan_to_num(labels), 0.5) for name in "ab"}
    run = imported(tmp_path, regression_data(labels), learners)
    table = assemble(run, MOOD, FEW).table
    assert table.known.sum() == 140 and (table.labels == -1).sum() > 50
    assert stack_task(run, MOOD, FEW)["stack"]["rows"] == 140


def test_a_truth_of_minus_one_everywhere_is_stacked(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    learners = {name: -1 + random.normal(0, 0.1, 120) for name in "ab"}
    nested, stack = make_stack(numbers_of(np.full(120, -1.0), learners), FAST)
    np.testing.assert_allclose(nested.oof.values, -1, atol=0.5)
    values, labels = stack.predict(np.stack(list(learners.values()), axis=1))
    assert (values[:, 0] == labels).all() and np.allclose(labels, -1, atol=0.5)


def noise(seed: int, rows: int = 600) -> tuple[Floats, dict[str, Floats]]:
    """Labels that nothing tells; honest learners with opinions of their own, in part shared."""
    random = np.random.default_rng(seed)
    labels, shared = truth(random, rows), random.normal(size=rows)
    return labels, {f"honest{n}": 0.3 + 0.4 * shared + 0.4 * random.normal(size=rows) for n in range(4)}


@pytest.mark.parametrize("metric", ["mae", "pearson"])
@pytest.mark.parametrize("seed", range(2))
def test_pure_noise_gives_no_correlation_and_nothing_is_shown_to_be_better(seed: int, metric: str) -> None:
    labels, learners = noise(seed)
    prior = np.array([np.median(labels[np.arange(600) % 4 != fold]) for fold in range(4)])[np.arange(600) % 4]
    table = _judged_by(metric, numbers_of(labels, {**learners, "prior": prior}))
    nested, _ = make_stack(table, ALL if (seed, metric) == (0, "mae") else FAST)
    r = score(metric_named("pearson"), labels, nested.oof.values)  # none where the median itself is preferred
    assert np.isnan(r) or abs(r) < 0.1
    assert score(metric_named("r2"), labels, nested.oof.values) < 0.02
    assert not any(selection.proven for selection in (nested.final, *nested.by_fold.values()))


def _judged_by(metric: str, table: MetaTable) -> MetaTable:
    return replace(table, task=replace(ANY, metric=metric))


def test_a_duplicate_is_redundant_and_mere_caution_is_not() -> None:
    """Who knows little says the middle, and errs by nearly the label as everybody does who knows little."""
    random = np.random.default_rng(1)
    labels = truth(random, 400)
    timid = {name: 0.05 * knowing(random, labels, 0.3) for name in ("timid", "shy")}
    good = knowing(random, labels, 0.8)
    table = numbers_of(labels, {**timid, "good": good, "copy": good + 1e-3 * random.normal(size=400)})
    found = {name: of["redundant_with"] for name, of in contributions(table, {})["learners"].items()}
    assert found["timid"] is found["shy"] is None
    assert {found["good"], found["copy"]} in ({None, "good"}, {None, "copy"})


@pytest.mark.parametrize("metric", ["mae", "r2", "pearson"])
def test_contributions_sum_to_what_all_gain_over_the_median(metric: str) -> None:
    random = np.random.default_rng(2)
    labels = truth(random, 300)
    learners = {name: knowing(random, labels, r) for name, r in (("a", 0.8), ("b", 0.5), ("c", 0.0))}
    table = _judged_by(metric, numbers_of(labels, learners))
    shares_of = {name: of["shapley"]["value"] for name, of in contributions(table, {})["learners"].items()}
    judge = metric_named(metric)
    nothing = score(judge, labels, np.full((300, 1), np.median(labels)))
    gain = judge.sign * (score(judge, labels, table.plain_mean.values) - np.nan_to_num(nothing))
    assert sum(shares_of.values()) == pytest.approx(gain)
    assert shares_of["a"] > shares_of["b"] > shares_of["c"]


def test_errors_of_twins_correlate_and_those_of_strangers_do_so_by_the_label_alone() -> None:
    random = np.random.default_rng(4)
    labels = truth(random, 500)
    one = knowing(random, labels, 0.9)
    found = diversity(numbers_of(labels, {"one": one, "twin": one, "other": knowing(random, labels, 0.9)}))
    correlation = np.array(found["error_correlation"])
    assert correlation[0, 1] == pytest.approx(1) and abs(correlation[0, 2]) < 0.5
    assert found["q_statistic"][0][1] == pytest.approx(1)


def test_shares_of_a_number_have_the_sign_of_who_raised_it() -> None:
    features, usual = np.array([[2.0, 0.0, -1.0]]), np.zeros(3)
    column = STACK_TARGETS["regression"].credited(np.zeros(1))
    found = shares(lambda columns: columns.mean(axis=1, keepdims=True), features, column, usual, 3)
    np.testing.assert_allclose(found, [[2 / 3, 0, -1 / 3]])


def test_related_numbers_are_whole_columns() -> None:
    values = np.arange(12.0).reshape(4, 3, 1)
    assert (means_of([(ANY, values)]) == values.mean(axis=1)).all()


def test_a_mean_of_numbers_under_a_rule_is_the_mean() -> None:
    labels, learners = noise(0, 80)
    table = numbers_of(labels, learners)
    assert (mean_under_rule(table, table.learners).values == table.plain_mean.values).all()


def test_named_candidates_of_classes_do_not_stack_numbers_and_the_reverse() -> None:
    assert StackSettings(("soft_vote", "median", "xgboost")).candidates(MOOD) == ("median", "xgboost")
    with pytest.raises(ConfigError, match="names soft_vote, none of which can stack 'mood', a regression; name one of"):
        StackSettings(("soft_vote",)).candidates(MOOD)
    with pytest.raises(ConfigError, match="Did you mean 'median'"):
        make_stack(numbers_of(*noise(0, 80)), StackSettings(("medium",)))


def test_numbers_are_handed_in_as_they_are_and_scored_by_their_own_metric(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    labels = np.r_[truth(random, 150), np.full(20, np.nan)]
    learners = {name: knowing(random, np.nan_to_num(labels), 0.7) for name in "ab"}
    run = imported(tmp_path, regression_data(labels[:150], test_rows=20), learners, k=3)
    report = stack_task(run, MOOD, FEW)
    handed = write_submission(run, FORMATS["csv"], None, FEW)
    lines = (run.store.submission / "submission.csv").read_text().splitlines()
    assert lines[0] == "id,mood" and len(lines) == 21
    stack = read_stack(run, assemble(run, MOOD, FEW))
    np.testing.assert_allclose([float(line.split(",")[1]) for line in lines[1:]], stack.test.values[:, 0], rtol=1e-6)
    assert handed["oof"]["mood"]["metric"] == "mae"
    assert handed["oof"]["mood"]["value"] == pytest.approx(report["stack"]["metrics"]["mae"]["value"])


def test_a_loaded_stack_predicts_the_test_rows_again(tmp_path: Path) -> None:
    run = skilled_run(tmp_path, test_fraction=0.1)
    only = StackSettings(("ridge",))
    stack_task(run, MOOD, only)
    inputs = assemble(run, MOOD, only)
    stack = Stack.load(run.store.stack("mood"))
    values, _ = stack.predict(inputs.table.test_features)
    np.testing.assert_allclose(values, read_stack(run, inputs).test.values, atol=1e-12)


def leaking(seed: int = 0) -> tuple[Floats, dict[str, Floats], np.random.Generator]:
    labels, learners = noise(seed)
    return labels, learners, np.random.default_rng(seed + 100)


@pytest.mark.parametrize("seed", range(3))
def test_on_noise_a_learner_that_has_seen_the_targets_is_named_and_nobody_else(seed: int) -> None:
    labels, learners, random = leaking(seed)
    assert leak_signs(numbers_of(labels, learners)) == {}
    seen = labels + random.normal(0, 0.05, 600)
    signs = leak_signs(numbers_of(labels, {**learners, "seen": seen}))
    assert list(signs) == ["seen"] and signs["seen"][0]["sign"] == "right_where_hard" and signs["seen"][0]["number"]
    assert leak_note(signs["seen"][0]).startswith("On the posts that the other learners find hardest it is near the")


@pytest.mark.parametrize("r", [0.7, 0.9, 0.97])
def test_a_learner_that_is_much_better_is_not_accused(r: float) -> None:
    random = np.random.default_rng(0)
    labels = truth(random, 600)
    weak = {f"weak{n}": knowing(random, labels, 0.3) for n in range(4)}
    assert leak_signs(numbers_of(labels, {**weak, "strong": knowing(random, labels, r)})) == {}


def test_numbers_that_go_far_only_inside_the_folds_are_a_sign() -> None:
    labels, learners, random = leaking()
    test = {name: values[:200] for name, values in learners.items()} | {"seen": 0.3 + random.normal(0, 0.1, 200)}
    signs = leak_signs(numbers_of(labels, {**learners, "seen": labels + random.normal(0, 0.4, 600)}, test))
    assert list(signs) == ["seen"] and [sign["sign"] for sign in signs["seen"]] == ["surer_in_folds"]
    assert "spreads of the labels from their median" in leak_note(signs["seen"][0])
    one_more = {name: labels[:200] for name in learners}
    assert leak_signs(numbers_of(labels, learners, one_more)) == {}  # what all feel accuses nobody


def test_a_development_part_is_in_no_fold_stacked_and_scored_apart(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    labels = truth(random, 160)
    data = regression_data(labels)
    data = data.with_columns(part=np.where(np.arange(160) < 120, "train", "dev"))
    run = imported(tmp_path, data, {name: knowing(random, labels, 0.7) for name in "ab"}, k=3)
    report = stack_task(run, MOOD, FEW)
    assert report["stack"]["rows"] == 120 and "test" not in report
    cards = report["development"]["cards"]
    assert set(cards) == {"a", "b", "stack"} and cards["stack"]["rows"] == 40
    assert len(read_stack(run, assemble(run, MOOD, FEW)).test.ids) == 40


def test_new_posts_get_a_number_and_who_raised_it(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    labels = truth(random, 120)
    data = regression_data(labels)
    texts = [f"number{row} {'good great' if label > 0 else 'bad awful'}" for row, label in enumerate(labels)]
    run = finish(
        tmp_path,
        data.with_columns(text=texts),
        {"prior": ("prior", {}), "tfidf": ("tfidf", {})},
        settings=StackSettings(("mean",)),
    )
    posts = data.take([0, 1]).with_columns(text=["good great", "bad awful"], id=["new0", "new1"]).without_labels()
    (found,) = predict_posts(run, load_stacks(run, run.data.tasks), posts)
    good, bad = found.predictions.values[:, 0]
    assert good > bad and found.names == [good, bad]
    tfidf = found.learners.index("tfidf")
    assert found.shares[0, tfidf] > 0.5 and found.shares[1, tfidf] < -0.5
