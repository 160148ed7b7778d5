"""Toy regressions: learners of known skill side by side, and runs into which they were imported."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Task
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.importing import bring_in
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.scoring import score_card
from ensemble.store import Store
from meta.table import MetaTable
from support.toys import TOYS
from support.world import Floats, toy_table

MOOD = Task("mood", kind="regression", bounds=(-3.0, 3.0))
ANY = Task("any", kind="regression")


def numbers_of(labels: Floats, oof: Mapping[str, Floats], test: Mapping[str, Floats] | None = None) -> MetaTable:
    """A meta-table of learners by name, (rows,) each; ``test`` the same learners' for rows outside the folds."""
    inside = np.stack(list(oof.values()), axis=1)
    outside = np.stack([test[name] for name in oof], axis=1) if test else inside[:0]
    rows, test_rows = np.arange(len(inside)), np.arange(len(outside))
    ids, test_ids = rows.astype(str).astype(object), test_rows.astype(str).astype(object)
    return MetaTable(ANY, tuple(oof), ids, inside, labels, rows % 4, rows, test_ids, outside)


def truth(random: np.random.Generator, rows: int) -> Floats:
    """Labels as several annotators' means are: steps of a fifth from -3 to 3."""
    return np.asarray((random.normal(0.3, 1.4, rows).clip(-3, 3) * 5).round() / 5)


def knowing(random: np.random.Generator, labels: Floats, r: float) -> Floats:
    """Predictions that correlate with the labels by about ``r``, drawn to the middle as good ones are."""
    spread = labels.std() or 1.0
    own = r * (labels - labels.mean()) / spread + np.sqrt(1 - r**2) * random.normal(size=len(labels))
    return np.asarray(labels.mean() + r * spread * own)


def regression_data(labels: Floats, task: Task = MOOD, test_rows: int = 0) -> Dataset:
    """Posts with these labels, NaN for none, and some of no label outside the folds."""
    posts = toy_table(len(labels), test_rows=test_rows)
    column = [None if np.isnan(label) else float(label) for label in labels] + [None] * test_rows
    frame = posts.frame.drop(columns="sentiment").assign(**{task.name: np.array(column, dtype=object)})
    return Dataset(frame, Path("."), (task,))


def imported(folder: Path, data: Dataset, learners: Mapping[str, Floats], k: int = 4, **settings: float) -> Run:
    """A run in ``folder`` with the learners' numbers, (rows of data,) each, brought in for the only task."""
    plan = make_plan(data, np.arange(len(data)), FoldSettings(k=k, **settings))  # type: ignore[arg-type]
    run = Run(Store(folder), plan.with_groups(data), plan, {}, ())
    (task,) = data.tasks
    inside, outside = run.data.take(plan.cv_rows), run.data.take(plan.outside_rows)
    for name, values in learners.items():
        oof = Predictions(task, inside.ids, values[plan.cv_rows][:, None])
        test = Predictions(task, outside.ids, values[plan.outside_rows][:, None])
        bring_in(
            run,
            name,
            {"oof": oof, "test": test},
            Provenance.of_import(run.identity, task, []),
            seconds=1.0,
            folds="run",
            modality="text",
            oof=score_card(task, oof, inside, plan.fold[plan.cv_rows]),
        )
    return run


def videos(videos: int = 12, clips: int = 8, hostile: str = "") -> Dataset:
    """Clips of videos, each with a mood of its own; two videos are the development part, the last two a labelled test
    part."""
    random = np.random.default_rng(3)
    number, clip = np.divmod(np.arange(videos * clips), clips)
    moods = (random.normal(0, 1, videos)[number] + random.normal(0, 0.8, len(number))).clip(-3, 3)
    said = moods + random.normal(0, 0.3, len(moods))
    frame = {
        "id": [f"{hostile}video{of}_{at}" for of, at in zip(number, clip, strict=True)],
        "part": np.where(number < videos - 4, "train", np.where(number < videos - 2, "dev", "test")),
        "group": [f"v{of}" for of in number],
        "text": [f"it is {value:.6f}" for value in said],
        MOOD.name: moods,
    }
    return Dataset(pd.DataFrame(frame, dtype=object), Path(), (MOOD,))


def of_videos(folder: Path, learners: Mapping[str, tuple[str, dict[str, object]]], hostile: str = "") -> Run:
    """A run on ``videos`` of toys with three seeds, trained and not yet stacked."""
    data = videos(hostile=hostile)
    plan = make_plan(data, np.unique(data.frame["group"], return_inverse=True)[1], FoldSettings(k=3))
    specs = tuple(LearnerSpec(name, learner, params) for name, (learner, params) in learners.items())
    run = Run(Store(folder), plan.with_groups(data), plan, TOYS, specs, seeds=(0, 1, 2))
    assert train(run, list_work(run, specs, data.tasks, ())) == []
    return run
