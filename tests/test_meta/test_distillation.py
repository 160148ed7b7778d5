"""A distilled model: nearly as good as the stack where something can be learned, at chance where nothing can."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.finished import REGISTRY, SOFT, finish
from support.world import SARCASM, SENTIMENT, number_table, toy_table

from ensemble.data import Dataset
from ensemble.errors import ConfigError, StoreError
from ensemble.jobs.importing import bring_in
from ensemble.jobs.run_record import RunRecord
from ensemble.metrics import METRICS, score
from ensemble.predictions import Predictions, concatenate
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.system.files import read_json, write_json
from meta.distillation.distil import DistilReport, distil
from meta.distillation.student import fit_student, job_of, load_students, mixed, modalities_needed, predict_posts
from meta.stack import stack_task
from meta.table import StackSettings

WORDS = {
    "words": ("tfidf", {"characters": 2, "strengths": (3.0,), "balance": 0.0}),
    "letters": ("tfidf", {"words": 1, "characters": 4, "strengths": (3.0,), "balance": 0.0}),
}
NUMBERS = {"words": ("tfidf", {}), "level": ("level", {"dial": 0.9})}


def accuracy(report: DistilReport, model: str) -> float:
    return report["cards"][model]["metrics"]["accuracy"]["value"] or 0.0


def noise(rows: int) -> Dataset:
    """Posts of words that say nothing of their labels."""
    random = np.random.default_rng(3)
    posts = toy_table(rows, tasks=(SARCASM,))
    texts = [" ".join(f"word{number}" for number in random.integers(0, 60, 8)) for _ in range(rows)]
    return posts.with_columns(text=texts, sarcasm=random.permutation(np.array(["0", "1"] * (rows // 2), dtype=object)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finish(tmp_path_factory.mktemp("distilled") / "run", toy_table(150, test_rows=10), WORDS)


@pytest.fixture(scope="module")
def report(run: Run) -> DistilReport:
    return distil(run, SENTIMENT, SOFT)


def test_a_student_predicts_nearly_as_well_as_the_stack_and_is_smaller(report: DistilReport) -> None:
    assert accuracy(report, "stack") > 0.6
    assert accuracy(report, "distilled") > accuracy(report, "stack") - 0.05
    assert report["against"]["stack"].keys() == {"value", "low", "high"}
    assert {"distilled", "stack", f"{report['learner']} on labels"} == set(report["cards"])
    assert report["bytes"]["distilled"] < report["bytes"]["stack"] / 2
    assert all(rate > 0 for rate in report["posts_per_second"].values())


def test_a_student_of_labels_that_are_noise_is_at_chance_where_one_of_the_runs_own_soft_labels_seems_to_know_them(
    tmp_path: Path,
) -> None:
    data = noise(200)
    run = finish(tmp_path / "run", data, WORDS)
    made = distil(run, SARCASM, SOFT, name="words")
    assert abs(accuracy(made, "distilled") - 0.5) < 0.11  # three standard errors of a coin
    parts, said = [], run.store.stack(SARCASM.name).read("oof", SARCASM)
    for fold in range(3):
        job, rows = job_of(run, run.specs[0], SARCASM, fold), run.data.take(run.plan.fit_rows(fold))
        leaky = fit_student(run, job, rows, mixed(SARCASM, said, rows, 0.0))
        held = run.data.take(run.plan.held_out_rows(fold))
        parts.append(Predictions(SARCASM, held.ids, leaky.predict_proba(held)))
    values = concatenate(parts).take(data.ids).values
    assert score(METRICS["accuracy"], data.labels(SARCASM), values) > 0.7


def test_new_posts_get_what_the_runs_own_test_rows_got_from_the_folder_alone(run: Run, report: DistilReport) -> None:
    opened = RunRecord.read(run.store.root).open(REGISTRY)
    students = load_students(opened, opened.data.tasks)
    assert modalities_needed(opened, students) == ["text"]
    posts = run.data.without_labels().take(run.plan.test_rows)
    (found,) = predict_posts(opened, students, posts)
    kept = run.store.distilled("sentiment").read("test", SENTIMENT)
    np.testing.assert_allclose(found.predictions.values, kept.values, rtol=0, atol=1e-12)
    assert (found.predictions.labels() == kept.labels()).all() and found.learners == ()


def test_what_is_done_is_not_done_again_and_another_share_of_labels_is(run: Run, report: DistilReport) -> None:
    assert distil(run, SENTIMENT, SOFT) == report
    other = distil(run, SENTIMENT, SOFT, labels=0.5)
    assert (other["labels"], other["cards"]) != (report["labels"], report["cards"])
    assert distil(run, SENTIMENT, SOFT) != report  # nothing but the time it took
    said, rows = run.store.stack(SENTIMENT.name).read("oof", SENTIMENT), run.data.take(run.plan.cv_rows)
    true = np.eye(3)[rows.labels(SENTIMENT)]
    np.testing.assert_allclose(mixed(SENTIMENT, said, rows, 0.25), 0.75 * said.take(rows.ids).values + 0.25 * true)


def test_a_student_of_numbers_learns_what_the_stack_says(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).choice([-0.9, -0.3, 0.3, 0.9], 90)
    data = number_table([round(float(one), 1) for one in numbers], noise=0.0)
    mean = StackSettings(estimators=("mean",))
    made = distil(finish(tmp_path / "run", data, NUMBERS, settings=mean), data.tasks[0], mean)
    assert made["learner"] == "words"
    assert (made["cards"]["distilled"]["metrics"]["mae"]["value"] or 9) < 0.25


def test_what_cannot_be_distilled_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    learners = {**WORDS, "hash": ("hash", {})}
    run = finish(tmp_path / "run", toy_table(60), learners)
    with pytest.raises(ConfigError, match=r"Unknown base learner 'wrods'\. Did you mean 'words'"):
        distil(run, SENTIMENT, SOFT, name="wrods")
    with pytest.raises(ConfigError, match=r"base\.hash learns no soft labels; of this run words, letters can"):
        distil(run, SENTIMENT, SOFT, name="hash")
    with pytest.raises(ConfigError, match="Unknown candidate 'ridge'"):
        distil(run, SENTIMENT, SOFT, teacher="ridge")
    alone = replace(SOFT, learners=("hash",))
    stack_task(run, SENTIMENT, alone)
    with pytest.raises(ConfigError, match="None of the learners in the stack of sentiment learns soft labels"):
        distil(run, SENTIMENT, alone)
    run.store.stack("sentiment").record.unlink()
    with pytest.raises(StoreError, match="is not finished; run `ensemble stack --task sentiment`"):
        distil(run, SENTIMENT, SOFT)
    assert not run.store.teacher(0).root.exists()


def test_an_imported_learner_cannot_be_trained_without_a_fold(tmp_path: Path) -> None:
    run = finish(tmp_path / "run", toy_table(60), WORDS)
    kept = run.store.base("words", "sentiment")
    parts = {part: kept.read(part, SENTIMENT) for part in ("oof", "test")}
    made_of = Provenance.of_import(run.identity, SENTIMENT, "elsewhere")
    bring_in(run, "bought", parts, made_of, seconds=0.0, folds="run", modality="text", oof=kept.read_record()["oof"])
    stack_task(run, SENTIMENT, SOFT)
    with pytest.raises(StoreError, match="'bought' was imported and cannot be trained again without a fold"):
        distil(run, SENTIMENT, SOFT)


def test_a_student_of_another_stack_of_nothing_or_of_a_learner_that_is_gone_is_refused(tmp_path: Path) -> None:
    run = finish(tmp_path / "run", toy_table(60), WORDS)
    with pytest.raises(StoreError, match="is not finished; run `ensemble distil --task sentiment`"):
        load_students(run, [SENTIMENT])
    distil(run, SENTIMENT, SOFT, name="words")
    facts = read_json(run.store.record)
    changed = {**facts, "config": {**facts["config"], "base": {"letters": facts["config"]["base"]["letters"]}}}
    write_json(run.store.record, changed)
    opened = RunRecord.read(run.store.root).open(REGISTRY)
    with pytest.raises(StoreError, match=r"has no base\.words any more"):
        load_students(opened, opened.data.tasks)
    stack_task(run, SENTIMENT, replace(SOFT, learners=("words",)))
    with pytest.raises(StoreError, match="it was distilled from another stack; run `ensemble distil"):
        load_students(run, [SENTIMENT])
