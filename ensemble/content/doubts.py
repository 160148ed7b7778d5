"""What is wrong with posts and no reason to refuse them: contents that are missing, labels too few for the folds."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ensemble.content.copies import FREQUENT_POSTS
from ensemble.content.file_kinds import GONE
from ensemble.content.file_scan import NO_PATH
from ensemble.data import DEV, TEST, TRAIN, Codes, Dataset, Floats, Labels, Task
from ensemble.errors import shortened, some
from ensemble.folds import FoldPlan
from ensemble.modalities import MODALITIES, Scan, Scans, get_modality

MANY = 0.05  # the share of posts without a content, or without a label, that is worth a word
FEW = 2  # posts without a content that are not, however small the part of the table
SHOWN = 5
TOLD = 0.02  # the share of the labels' variance below which contents tell nothing
STACKED = 3  # folds with labels: a candidate is chosen on others than it is fitted and scored on
Readers = Mapping[str, Sequence[str] | None]  # by learner, what of a post it looks at; None where it does not say


def content_doubts(data: Dataset, scans: Scans, readers: Readers, named: Collection[str] = ()) -> list[str]:
    """A line for each modality that many posts lack, or that some name without a use. One that no post has is worth a
    line where it is ``named``, as by a configuration, or some learner reads it."""
    asked = {*named, *(name for looked_at in readers.values() for name in looked_at or ())}
    kinds = [name for name in MODALITIES if len(data) and (name in data.modalities or name in asked)]
    nothing = Scan.nothing(len(data))
    found = [_missing(data, name, scans.get(name, nothing), readers, name in asked) for name in kinds]
    zeros = [row for row, text in zip(data.ids, data.texts, strict=True) if text is not None and "\0" in text]
    held = f"texts with NUL bytes, as of a file that is no text or in another encoding: {len(zeros):,} ({some(zeros)})"
    return [line for line in (*found, held if zeros else "") if line]


def _missing(data: Dataset, name: str, scan: Scan, readers: Readers, asked: bool) -> str:
    """Nothing where all is well."""
    lost = np.array([cell is None for cell in data.cells(name)])
    alone = [learner for learner, looked_at in readers.items() if set(looked_at or ()) == {name}]
    train = (data.frame["part"] == TRAIN).to_numpy()
    many = any(lost[part].sum() > max(FEW, MANY * part.sum()) for part in (train, ~train)) or lost.all()
    if not len(scan.problems) and not (many and (asked or not lost.all())):
        return ""
    plural = get_modality(name).plural
    parts = [f"{lost[train].sum():,} of {train.sum():,} training posts"] if train.any() else []
    parts += [f"{lost[~train].sum():,} of {(~train).sum():,} test posts"] if not train.all() else []
    shown = f"{plural} are missing in {' and '.join(parts)} ({lost.mean():.0%}): {_reasons(int(lost.sum()), scan)}"
    if alone and (lost[train].all() if train.any() else lost.all()):
        guess = "knows" if len(alone) == 1 else "know"
        shown += f"; {_first(alone)}, which sees nothing else, {guess} no more than the labels alone tell"
    return shown


def _reasons(lost: int, scan: Scan) -> str:
    """How often which, the most frequent first, with the first of each."""
    problems = scan.problems
    empty = lost - len(problems)
    counts = problems["problem"].value_counts()
    words = [f"{empty:,} cell{'s are' if empty > 1 else ' is'} empty"] if empty else []
    for reason, count in counts.head(SHOWN).items():
        first = shortened(str(problems["path"][problems["problem"] == reason].iloc[0]))
        named = {GONE: "name no file that is there", NO_PATH: "are web addresses, from which nothing is fetched"}
        words.append(f"{count:,} {named.get(str(reason), f'cannot be used: {reason}')} ({first})")
    if len(counts) > SHOWN:
        words.append(f"{counts.iloc[SHOWN:].sum():,} for other reasons")
    return ", ".join(words)


def label_doubts(data: Dataset, plan: FoldPlan) -> list[str]:
    """Tasks of which many training rows, or some rows that are scored apart, have no label, classes that some folds
    have no row of, and contents that are so often the same that they tell nothing."""
    fold = plan.fold[plan.cv_rows]
    lines = _unscored(data)
    contents = {name: np.array(data.contents(name), dtype=object) for name in data.modalities}
    for task in data.tasks:
        labels = data.labels(task)[plan.cv_rows]
        known = task.target.known(labels)
        if (~known).mean() > MANY:
            share = f"{(~known).sum():,} of {len(known):,} training rows ({(~known).mean():.0%})"
            lines.append(f"{task.name}: {share} have no label, so that nothing is learned from them")
        held = len(np.unique(fold[known]))
        if held < STACKED:
            lines.append(f"{task.name}: labels are in {held} of {plan.settings.k} folds; a stack needs {STACKED}")
        if task.classes:
            lines += _rare_classes(task, data.codes(task)[plan.cv_rows], fold, plan.settings.k)
        for name, keys in contents.items():
            lines.append(_telling_nothing(task, labels[known], name, keys[plan.cv_rows[known]]))
    return [line for line in lines if line]


def _telling_nothing(task: Task, labels: Labels, modality: str, keys: npt.NDArray[np.object_]) -> str:
    """A line where nearly every content is on many posts, and which one it is says nothing of the label."""
    there = np.array([key is not None for key in keys], dtype=bool)
    contents, which, posts = np.unique(keys[there], return_inverse=True, return_counts=True)
    if not len(contents) or posts[posts >= FREQUENT_POSTS].sum() < (1 - MANY) * len(keys):
        return ""
    labels = labels[there]
    values = np.eye(len(task.classes))[labels] if task.classes else labels[:, None].astype(np.float64)
    explained = _explained(values, which)
    if explained > TOLD:
        return ""
    plural = get_modality(modality).plural
    seen = len({*zip(which.tolist(), labels.tolist(), strict=True)}) if task.classes else 0
    each = ", each with every class," if seen == len(contents) * len(task.classes) > 0 else ""
    return (
        f"{task.name}: {len(contents):,} distinct {plural} in {len(labels):,} training posts{each} explain "
        f"{max(0.0, explained):.1%} of the labels' variance: {plural} alone tell nothing of it"
    )


def _explained(values: Floats, group: Codes) -> float:
    """Of the variance of (rows, columns) ``values`` the share that is between groups, beyond what as many groups at
    random have (epsilon squared; Kelley 1935)."""
    rows, groups = len(values), int(group.max()) + 1
    sums = np.stack([np.bincount(group, column, groups) for column in values.T], axis=1)
    within = np.square(values - (sums / np.bincount(group)[:, None])[group]).sum()
    total = np.square(values - values.mean(axis=0)).sum()
    return float(1 - within / total * (rows - 1) / (rows - groups)) if total > 0 and rows > groups else 1.0


def _unscored(data: Dataset) -> list[str]:
    """Rows without a label in a part whose others have one."""
    lines = []
    for task in data.tasks:
        known = task.target.known(data.labels(task))
        for part, words in ((DEV, "development"), (TEST, "test")):
            rows = (data.frame["part"] == part).to_numpy()
            lost = np.flatnonzero(rows & ~known)
            if 0 < len(lost) < rows.sum():
                said = f"{task.name}: {len(lost):,} of {rows.sum():,} {words} rows have no label"
                lines.append(f"{said} ({some(data.ids[lost])}), so they are not scored")
    return lines


def _rare_classes(task: Task, labels: Codes, fold: Codes, k: int) -> list[str]:
    rows = {name: fold[labels == position] for position, name in enumerate(task.classes)}
    absent = [name for name, of_class in rows.items() if not len(of_class)]
    rare = {name: f for name, f in rows.items() if 0 < len(np.unique(f)) < k}
    lines = [f"{task.name}: no training row is {_first(absent)}, so no post will be"] if absent else []
    if rare:
        named = [f"{name!r} {len(f):,} in {len(np.unique(f))}" for name, f in rare.items()]
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        lines.append(
            f"{task.name}: not every one of the {k} folds has a row of each class (rows, folds: "
            f"{', '.join(named[:SHOWN])}{more}); where one is missing its class is not scored"
            + (_fewer(min(len(np.unique(f)) for f in rare.values()), min(map(len, rare.values()))))
        )
    return lines


def _fewer(folds: int, rows: int) -> str:
    """What would be right, or what is wrong with a class that is in one fold only."""
    if folds == 1:
        return "; of a class that is in one fold only, no model is scored that has seen it: merge it, or leave it out"
    return f"; folds.k = {rows} leaves a row for each" if folds == rows >= 3 else ""


def _first(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
