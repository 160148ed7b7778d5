"""Facts of a run for tests of the report: gathered by the real functions from a small drawn run of hostile words."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from ensemble.content.audit import audit
from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.datasets.slices import keep_slices
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.importing import bring_in
from ensemble.jobs.modality_weights import write_modality_weights
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.scoring import score_card
from ensemble.store import Job, JobFolder, Store
from ensemble.system.files import write_json
from meta.records import LeakSign, Summary
from meta.report.facts import ReportFacts, TaskFacts
from meta.report.gather import gather_facts
from meta.stack import stack_task
from meta.table import StackSettings
from support.world import picture, skilled, toy_table

CANDIDATES = ("best_single", "soft_vote", "hard_vote", "log_odds_mean", "rank_mean", "greedy")
LEARNERS = {
    "tfidf": "text",
    "bert_large": "text",
    "xlnet": "text",
    "polynet": "image",
    "senet_154_finetuned": "image",
    "clip_joint": "both",
}
SCRIPT = """<script>alert(1)</script>"'><img src=x onerror=alert(2)><style>*{display:none}</style>"""
HEBREW = "\u05de\u05d9 \u05e9\u05dc\u05d0 \u05e6\u05d5\u05d7\u05e7 \u05e2\u05db\u05e9\u05d9\u05d5 \u202e\u2067 123"
TEXTS = (
    "When you finally fix the bug and it was a missing comma all along",
    SCRIPT,
    HEBREW,
    "NUL\0 and bell\a and half a pair \ud800 \U0001f602\U0001f480",
    "such a long story " * 556,
    "x" * 400,
    "",
    "MONDAY\nNOBODY:\nABSOLUTELY NOBODY:\nme: one more coffee",
)
IMAGES = (*(f"{row}.jpg" for row in range(5)), "noise.png", "broken.jpg", "gone.jpg", None, "../../etc/passwd")
TASKS = (
    Task(f"sentiment {SCRIPT}", ("negative", "neutral", "positive")),
    Task("humour", ("0", "1")),
    Task("humour_degree", ("0", "1", "2", "3"), ordinal=True),
)
ROWS, TEST_ROWS, FOLDS = 150, 30, 5
PLACE = f"place {SCRIPT}"  # a column by which scores are told apart


def draw_pictures(root: Path) -> None:
    """Images of odd shapes, one of them broken; the last two of the gallery's names have no file."""
    for row, (width, height) in enumerate(((640, 480), (300, 900), (900, 200), (64, 64), (500, 500))):
        picture(8, 8, row).resize((width, height), resample=3).save(root / f"{row}.jpg")
    picture(700, 700).save(root / "noise.png")
    (root / "broken.jpg").write_bytes(b"no image at all")


def report_facts(tasks: int = 3, learners: Sequence[str] = tuple(LEARNERS)) -> ReportFacts:
    """The first of the tasks (more repeat them under other names); every word that a dataset or a configuration gives
    may hold markup. The first learner is tuned; the last of several was imported with unknown folds."""
    facts = deepcopy(_gathered(tuple(learners)))
    chosen = [_renamed(facts.tasks[n % 3], f"{facts.tasks[n % 3].name}{n // 3 or ''}") for n in range(tasks)]
    names = {task.name for task in chosen}
    whole = [name for name, of in SUBTASKS.items() if set(of) <= names]
    summary: Summary = {**facts.summary, "subtasks": {name: facts.summary["subtasks"][name] for name in whole}}
    summary["against"] = {name: facts.summary["against"][name] for name in whole}
    rows = [row for row in facts.table8 if row.task in names]
    return replace(facts, tasks=chosen, summary=summary, table8=rows)


SUBTASKS = {"A": (TASKS[0].name,), "B": (TASKS[1].name,), "C": (TASKS[1].name, TASKS[2].name)}


def _renamed(facts: TaskFacts, name: str) -> TaskFacts:
    return replace(facts, report={**facts.report, "task": name})


def with_copies(facts: TaskFacts, count: int) -> TaskFacts:
    """That many learners: those of the facts over and over, under other names."""
    known = facts.diversity["learners"]
    names = [known[n % len(known)] for n in range(count)]
    copied = {name if n < len(known) else f"{name}_{n}": name for n, name in enumerate(names)}
    at = [known.index(name) for name in copied.values()]
    correlation, statistic = (
        [[matrix[y][x] for x in at] for y in at]
        for matrix in (facts.diversity["error_correlation"], facts.diversity["q_statistic"])
    )
    shares, cards = facts.contributions["learners"], facts.report["learners"]
    return replace(
        facts,
        report={**facts.report, "learners": {new: cards[name] for new, name in copied.items()}},
        contributions={**facts.contributions, "learners": {new: shares[name] for new, name in copied.items()}},
        cost={new: facts.cost[name] for new, name in copied.items()},
        diversity={"learners": list(copied), "error_correlation": correlation, "q_statistic": statistic},
    )


@cache
def _gathered(learners: tuple[str, ...]) -> ReportFacts:
    """Of all three tasks, with signs of a leak added."""
    with TemporaryDirectory() as folder:
        run = _run(Path(folder) / "memotion <b>&amp;")
        for task in TASKS:
            _bring_in(run, task, learners)
            stack_task(run, task, StackSettings(CANDIDATES, learners))
        write_json(run.store.record, {**run.identity, "versions": {"numpy": "2.4.6"}, "config": {"root": SCRIPT}})
        clean = toy_table(ROWS, tasks=TASKS)
        audited = audit(clean, scan(clean)[1])
        audited["images"]["unreadable_first"] = ["images/<b>.jpg: not an image that can be read"]
        facts = gather_facts(run, StackSettings(CANDIDATES, learners), audited)
    return replace(facts, tasks=[_hostile(task, learners) for task in facts.tasks])


def _hostile(facts: TaskFacts, learners: Sequence[str]) -> TaskFacts:
    """With hostile texts and paths, and a learner that leaks."""
    leaks: dict[str, list[LeakSign]] = {learners[-1]: [{"sign": "right_where_hard", "own": 0.99, "usual": 0.4}]}
    for posts in (facts.label_issues, facts.hardest):
        for row, post in enumerate(posts):
            post.update(text=TEXTS[row % len(TEXTS)] or None, image=IMAGES[row % len(IMAGES)])
    return replace(facts, leaks=leaks)


def _run(folder: Path) -> Run:
    """Posts of hostile names, some copies of others; the test part is labelled for one task."""
    data = toy_table(ROWS + TEST_ROWS, tasks=TASKS)
    rows = np.arange(len(data))
    frame = data.frame.assign(id=[f"<i>{row}.jpg" for row in rows], part=np.where(rows < ROWS, "train", "test"))
    for task in (TASKS[0], TASKS[2]):
        frame[task.name] = frame[task.name].where(rows < ROWS, None)
    places = [(SCRIPT, HEBREW, "word " * 99, None, "NUL\0")[row % 7 % 5] for row in rows]
    hostile = keep_slices(Dataset(frame.assign(**{PLACE: places}), Path("."), TASKS, subtasks=SUBTASKS), [PLACE])
    plan = make_plan(hostile, np.where(rows < 60, rows // 2, rows), FoldSettings(k=FOLDS))
    return Run(Store(folder), plan.with_groups(hostile), plan, {}, ())


def _bring_in(run: Run, task: Task, learners: Sequence[str]) -> None:
    """Learners of growing skill, the third nearly the first; all but the first are networks, two have a curve."""
    random = np.random.default_rng(5)
    labels = np.maximum(run.data.labels(task), 0)
    difficulty = random.normal(size=(len(labels), len(task.classes)))
    skills = np.linspace(0.8, 1.4, len(learners))
    values = [skilled(random, labels, len(task.classes), skill, difficulty) for skill in skills]
    cv, test = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    for position, name in enumerate(learners):
        mixed = values[position] if position != 2 else 0.99 * values[0] + 0.01 / len(task.classes)
        oof = Predictions(task, cv.ids, mixed[run.plan.cv_rows])
        card = score_card(task, oof, cv, run.plan.fold[run.plan.cv_rows])
        seeds = {"seeds": {"values": [0.47, 0.49], "mean": 0.48, "std": 0.0141}} if position < 2 else {}
        unknown = position and name == learners[-1]
        bring_in(
            run,
            name,
            {"oof": oof, "test": Predictions(task, test.ids, mixed[run.plan.test_rows])},
            Provenance.of_import(run.identity, task, []),
            seconds=10.0 ** (position % 5),
            folds="unknown" if unknown else "run",
            modality=LEARNERS.get(name, "text"),
            oof={**card, **seeds},
            **({} if position else {"tuned": {"judged": [2, 3, 4]}}),
        )
        if name == "clip_joint":
            gates = {of: random.beta(1 + 3 * at, 4, ROWS) for at, of in enumerate(("text", "image", "audio"))}
            frame = pd.DataFrame({"id": cv.ids, **gates})
            write_modality_weights(run.store.base(name, task.name).path, frame)
        for fold in range(FOLDS if position else 0):
            _finish_job(run.store.job(Job(name, task.name, run.seeds[0], fold)), random, curve=position < 3)


def _finish_job(folder: JobFolder, random: np.random.Generator, curve: bool) -> None:
    folder.path.mkdir(parents=True)
    write_json(folder.record, {"parameters": 151_500_000, "trainable_parameters": 221_187})
    if curve:
        epochs = np.arange(1, 11)
        losses = np.exp(-epochs / 4) + random.normal(0, 0.02, 10)
        measured = {"epoch": epochs, "loss": losses, "lr": 1e-4, "macro_f1": 0.5 - np.exp(-epochs / 3) / 3}
        pd.DataFrame(measured).to_csv(folder.curve, index=False)
