"""The stored predictions stacked anew: what the stack scores, its submissions, and what another checkout's stack says.

    python benchmarks/restacked.py mvsa --data ../shared/data --out new
    python benchmarks/restacked.py memotion mosi --data ../shared/data --out new --without uegd
    python benchmarks/restacked.py mvsa --data ../shared/data --out new --against old     # OLD by another checkout

Scores are of out-of-fold rows, nested: candidates, parameters and rule are chosen for each fold on the others.
Intervals are of 1,000 bootstrap draws of groups of copies. Labels of test rows are written as competitions take them.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from choosing_library import METRICS, PREDICTIONS, READ

from ensemble.data import Dataset, Floats, Task
from ensemble.datasets.submission import SubmissionRows, make_submission, test_rows
from ensemble.datasets.submission_formats import format_named
from ensemble.metrics import metric_of, score
from ensemble.predictions import Predictions
from ensemble.scoring import difference, metric_input
from meta.linked_tasks import decide_together
from meta.nested_cv import mean_under_rule
from meta.stack import make_stack
from meta.table import MetaTable, StackSettings
from meta.targets import target_of
from meta.wording import format_interval

FORMATS = {"mvsa": "mvsa", "memotion": "memotion", "mosi": "csv"}


def read(dataset: str, task: Task, data: Dataset, plan: pd.DataFrame, without: Sequence[str]) -> MetaTable:
    """The learners' stored predictions of a task side by side, but for those ``without``."""
    inside = plan[plan["fold"] >= 0]
    files = sorted((PREDICTIONS / dataset).glob(f"*/{task.name}.oof.parquet"))
    files = [file for file in files if file.parent.name not in without]
    oof, test = (
        [pd.read_parquet(file.with_name(f"{task.name}.{part}.parquet")).set_index("id") for file in files]
        for part in ("oof", "test")
    )
    ids, test_ids = inside["id"].to_numpy(dtype=object), test[0].index.to_numpy(dtype=object)
    rows = pd.Index(data.ids).get_indexer(pd.Index(ids))

    def side_by_side(frames: Sequence[pd.DataFrame], order: np.ndarray) -> Floats:
        return np.hstack([frame.loc[order, list(task.columns)].to_numpy(dtype=np.float64) for frame in frames])

    return MetaTable(
        task,
        tuple(file.parent.name for file in files),
        ids,
        side_by_side(oof, ids),
        data.labels(task)[rows],
        inside["fold"].to_numpy(dtype=np.int64),
        inside["group"].to_numpy(dtype=np.int64),
        test_ids,
        side_by_side(test, test_ids),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=FORMATS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--without", nargs="*", default=[])
    options = parser.parse_args()
    for dataset in options.datasets:
        data, plan = READ[dataset](options.data / dataset), pd.read_parquet(PREDICTIONS / dataset / "folds.parquet")
        folder = options.out / dataset
        folder.mkdir(parents=True, exist_ok=True)
        labels, probabilities, adjusted = {}, {}, {}
        for task in data.tasks:
            task = replace(task, metric=METRICS.get(dataset, task.metric))
            table, started = read(dataset, task, data, plan, options.without), time.monotonic()
            nested, stack = make_stack(table, StackSettings(threads=2))
            judge(dataset, table, nested.oof, folder, options.against, time.monotonic() - started)
            values, labels[task.name] = stack.predict(table.test_features)
            probabilities[task.name] = Predictions(task, table.test_ids, values)
            adjusted[task.name] = stack.rule.adjust(values)
        labels = decide_together(data.linked_tasks, labels, adjusted)
        outside = data.take(pd.Index(data.ids).get_indexer(pd.Index(table.test_ids)))
        rows = test_rows(outside)
        of_rows = {name: found[rows] for name, found in labels.items()}
        handed = SubmissionRows(
            outside.take(rows), of_rows, {n: each.take(outside.ids[rows]) for n, each in probabilities.items()}
        )
        form = format_named(FORMATS[dataset])
        (folder / form.file).write_text(make_submission(form, handed))


def judge(dataset: str, table: MetaTable, oof: Predictions, folder: Path, against: Path | None, took: float) -> None:
    """Print what the stack scores, against the plain mean under a rule, and against what was kept there."""
    task, metric = table.task, metric_of(table.task)
    scored = metric_input(oof, metric)
    pd.DataFrame(scored, index=oof.ids).to_parquet(folder / f"{task.name}.parquet")
    rivals = {"plain mean": table.plain_mean}
    if target_of(task).ruled:
        rivals["plain mean under a rule"] = mean_under_rule(table, table.learners)
    if against is not None:
        kept = pd.read_parquet(against / dataset / f"{task.name}.parquet").loc[list(oof.ids)].to_numpy()
        rivals["stack of before"] = Predictions(
            task, oof.ids, kept, decided=kept.argmax(axis=1) if task.classes else None
        )
    said = [
        f"{format_interval(difference(metric, table.labels, table.groups, oof, each), '+')} against the {name}"
        for name, each in rivals.items()
    ]
    print(
        f"{dataset} {task.name}: {score(metric, table.labels, scored):.4f} {task.metric} of {len(oof.ids):,} rows; "
        f"{'; '.join(said)}; {took:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
