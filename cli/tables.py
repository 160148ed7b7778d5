"""What commands print: tables that fit the terminal, and the lines between them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from rich.console import Console
from rich.text import Text

from cli.layout import WIDTH, blocks, fits, width, wrap
from cli.pasting import pasteable
from ensemble.content.audit import audit_lines
from ensemble.jobs.ablation import Ablation
from ensemble.jobs.importing import Imported
from ensemble.jobs.job import Failure
from ensemble.jobs.status import FinishedLearner, RunStatus
from ensemble.scoring import ScoreCard
from meta.wording import format_interval, format_mean_std, format_number, format_size, printable, tuning_note


class TrainedLearners(TypedDict):
    """Learners whose folds are all done, jobs that failed, and the command that tries these ``again``."""

    learners: list[FinishedLearner]
    failures: list[Failure]
    again: str | None


class Ablations(TypedDict):
    """One for each task."""

    tasks: list[Ablation]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], names: int = 1) -> None:
    """The first ``names`` columns say what a row is: to the left and never left out."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if title:
        Console(highlight=False).print(Text(printable(title), style="bold"), soft_wrap=True)
    for block in blocks([printable(column) for column in columns], cells, names, width()):
        print("\n".join(block), end="\n\n")


def line(text: str, whole: bool = False) -> None:
    """``whole`` where programs look for it: wrapped by the terminal alone."""
    text = pasteable(printable(text))
    for part in text.split("\n"):
        print(part if whole else "\n".join(wrap(part, min(width(), WIDTH))))


def print_counts(title: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    """How many rows are of which class of each task: a task a line, a class a line where their names are long."""
    named = [[f"{name}: {count:,}" for name, count in classes.items()] for classes in counts.values()]
    most = max(map(len, named), default=0)
    rows = [[task, *cells, *[""] * (most - len(cells))] for task, cells in zip(counts, named, strict=True)]
    columns = ["task", *[""] * most]
    if fits(columns, rows, width()):
        table(title, columns, rows)
        return
    each = [(task, name, f"{count:,}") for task, classes in counts.items() for name, count in classes.items()]
    firsts = {task: position for position, (task, *_) in reversed([*enumerate(each)])}
    rows = [[task if firsts[task] == position else "", *rest] for position, (task, *rest) in enumerate(each)]
    table(title, ["task", "class", "rows"], rows, names=2)


def print_audit(facts: Mapping[str, Any]) -> None:
    for note in facts["notes"]:
        line(note)
    rows = facts["rows"]
    counts = {
        task: {name: count for name, count in classes.items() if name != "missing" or count}
        for task, classes in facts["tasks"].items()
    }
    print_counts(f"{rows['train']:,} training rows, {rows['test']:,} test rows", counts)
    table("what to know before training", ["", ""], audit_lines(facts))


CARD_COLUMNS = ("score [95 %]", "over folds", "accuracy", "weighted\nF1", "ROC\nAUC", "log-\nloss")
SIZE = "trained / all\nparameters"


def card_row(card: ScoreCard) -> list[str]:
    if not card.get("rows"):
        return ["no labels"] + [""] * (len(CARD_COLUMNS) - 1)
    metrics, folds = card["metrics"], card.get("folds")
    over = format_mean_std(folds["mean"], folds["std"]) if folds else ""
    others = [format_number(metrics[name]["value"]) for name in ("accuracy", "weighted_f1", "roc_auc", "log_loss")]
    return [format_interval(metrics[card["metric"]]), over, *others]


def print_trained(result: TrainedLearners) -> None:
    tasks = dict.fromkeys(entry["task"] for entry in result["learners"])
    for task in tasks:
        entries = [entry for entry in result["learners"] if entry["task"] == task]
        card = entries[0]["oof"]
        title = f"{task}: out-of-fold {card.get('metric', '')} on {card['rows']:,} rows"
        rows = [
            [
                entry["learner"] + " †" * ("tuned" in entry),
                *card_row(entry["oof"]),
                f"{entry['seconds']:.1f}",
                format_size(entry["trainable_parameters"], entry["parameters"]),
            ]
            for entry in entries
        ]
        table(title, ["base learner", *CARD_COLUMNS, "seconds", SIZE], rows)
        for entry in entries:
            if "tuned" in entry:
                line(f"† {tuning_note(entry['learner'], entry['tuned'], entry['oof'])}")
            if "seeds" in entry["oof"]:
                seeds = entry["oof"]["seeds"]
                alone = ", ".join(format_number(value) for value in seeds["values"])
                over = format_mean_std(seeds["mean"], seeds["std"])
                line(f"{entry['learner']}: {over} over seeds alone ({alone}); above, their mean probabilities.")
    for failure in result["failures"]:
        line(f"failed: {failure['job']}: {failure['reason']}", whole=True)
    if result["again"] is not None:
        count = len(result["failures"])
        line(f"{count} job{'s' * (count > 1)} failed; what is done is kept. To try again:")
        line(result["again"], whole=True)
    if not result["learners"]:
        line("No learner has all its folds yet; `ensemble status` says what is missing.")


def print_ablations(result: Ablations) -> None:
    for entry in result["tasks"]:
        card = entry["rows"][0]["card"]
        title = f"{entry['learner']}, {entry['task']}: out-of-fold {card['metric']} on {card['rows']:,} rows"
        rows = []
        for row in entry["rows"]:
            score, over, accuracy, weighted, *_ = card_row(row["card"])
            name = f"without {row['without']}, {row['way']}" if row["without"] else " and ".join(entry["modalities"])
            rows.append([name, score, format_interval(row.get("against"), "+"), over, accuracy, weighted])
        table(title, ["posts", "score [95 %]", "minus all [95 %]", "over folds", "accuracy", "weighted F1"], rows)
        if entry["modality_weights"]:
            shares = ", ".join(f"{name} {format_number(weight)}" for name, weight in entry["modality_weights"].items())
            line(f"Mean weight inside the network: {shares} (what it looked at, not why it decided).")
        for failure in entry["failures"]:
            line(f"failed: {failure['job']}: {failure['reason']}", whole=True)


def print_imported(result: Imported) -> None:
    title = f"{result['task']}: imported, {result['oof']['rows']:,} rows, folds: {result['folds']}"
    table(title, ["base learner", *CARD_COLUMNS], [[result["learner"], *card_row(result["oof"])]])


def print_status(result: RunStatus) -> None:
    states = ("done", "missing", "stale", "failed")
    rows = [
        [learner, task, *(counts.get(name, 0) for name in states)]
        for learner, tasks in result["learners"].items()
        for task, counts in tasks.items()
    ]
    table("jobs", ["base learner", "task", *states], rows, names=2)
    for task, names in result["imported"].items():
        line(f"imported for {task}: {', '.join(names)}")
    for job, reason in result["reasons"].items():
        line(f"{job}: {reason}")
    if result["jobs"].get("done", 0) < sum(result["jobs"].values()):
        line("`ensemble train-base` does what is not done.")
