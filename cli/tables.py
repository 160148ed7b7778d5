"""What commands print: tables that fit 100 columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ensemble.content.audit import audit_lines
from ensemble.jobs.ablation import Ablation
from ensemble.jobs.importing import Imported
from ensemble.jobs.job import Failure
from ensemble.jobs.status import FinishedLearner, RunStatus
from ensemble.scoring import ScoreCard
from meta.wording import format_interval, format_mean_std, format_number, format_size, tuning_note

WIDTH = 100
SHORT = 20  # cells that are not broken; the name beside them is


class TrainedLearners(TypedDict):
    """Learners whose folds are all done, jobs that failed, and the command that tries these ``again``."""

    learners: list[FinishedLearner]
    failures: list[Failure]
    again: str | None


class Ablations(TypedDict):
    """One for each task."""

    tasks: list[Ablation]


def console() -> Console:
    terminal = Console(highlight=False)
    return terminal if terminal.width <= WIDTH and terminal.is_terminal else Console(width=WIDTH, highlight=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Names to the left, numbers to the right; texts of strangers are never markup."""
    drawn = Table(box=None, pad_edge=False)
    for position, column in enumerate(columns):
        whole = position > 0 and all(len(str(row[position])) < SHORT for row in rows)
        justify: Literal["left", "right"] = "right" if position else "left"
        drawn.add_column(escape(column), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    if title:
        console().print(f"[bold]{escape(title)}[/bold]")
    console().print(drawn)
    console().print()


def line(text: str, whole: bool = False) -> None:
    """``whole`` where programs look for it: wrapped by the terminal alone."""
    console().print(escape(text), soft_wrap=whole)


def print_audit(facts: Mapping[str, Any]) -> None:
    for note in facts["notes"]:
        line(note)
    counts = [
        [task, *(f"{name}: {count:,}" for name, count in classes.items() if name != "missing" or count)]
        for task, classes in facts["tasks"].items()
    ]
    rows = facts["rows"]
    wide = [row for row in counts if sum(map(len, row)) + 2 * len(row) > WIDTH]
    counts = [row for row in counts if row not in wide]
    width = max((len(row) for row in counts), default=1)
    padded = [row + [""] * (width - len(row)) for row in counts]
    dev = f"{rows['dev']:,} of a development part, " if "dev" in rows else ""
    title = f"{rows['train']:,} training rows, {dev}{rows['test']:,} test rows"
    if counts:
        table(title, ["task", *[""] * (width - 1)], padded)
    else:
        line(title)
    for task, *of_task in wide:
        line(f"{task}, rows by label: {'; '.join(of_task)}")
        line("")
    table("what to know before training", ["", ""], audit_lines(facts))


CARD_COLUMNS = ("score [95 %]", "over folds", "accuracy", "weighted\nF1", "ROC\nAUC", "log-\nloss")
CARD_METRICS = ("accuracy", "weighted_f1", "roc_auc", "log_loss")
NUMBER_METRICS = {  # of regressions; a card shows the first four that it has beside the one it is judged by
    "mae": "MAE",
    "pearson": "r",
    "acc_2": "Acc-2",
    "f1_2": "weighted\nF1",
    "acc_7": "Acc-7",
    "acc_5": "Acc-5",
    "rmse": "RMSE",
    "spearman": "rank r",
    "r2": "R2",
}
SIZE = "trained / all\nparameters"


def card_metrics(card: ScoreCard) -> Sequence[str]:
    """The names of four metrics that are shown beside the one a card's task is judged by."""
    there = card.get("metrics", {})
    if not card.get("rows") or "accuracy" in there:
        return CARD_METRICS
    return [name for name in NUMBER_METRICS if name in there and name != card["metric"]][: len(CARD_METRICS)]


def card_columns(card: ScoreCard) -> list[str]:
    """The heads of what ``card_row`` gives of a card of the same task."""
    names = card_metrics(card)
    return [*CARD_COLUMNS] if names is CARD_METRICS else [*CARD_COLUMNS[:2], *(NUMBER_METRICS[name] for name in names)]


def card_row(card: ScoreCard) -> list[str]:
    if not card.get("rows"):
        return ["no labels"] + [""] * (len(CARD_COLUMNS) - 1)
    metrics, folds = card["metrics"], card.get("folds")
    over = format_mean_std(folds["mean"], folds["std"]) if folds else ""
    others = [format_number(metrics[name]["value"]) for name in card_metrics(card)]
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
        table(title, ["base learner", *card_columns(card), "seconds", SIZE], rows)
        _print_dev(task, entries)
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


def _print_dev(task: str, entries: Sequence[FinishedLearner]) -> None:
    cards = {entry["learner"]: entry["dev"] for entry in entries if "dev" in entry}
    if cards and (card := next(iter(cards.values())))["rows"]:
        rows = [[name, *card_row(card)] for name, card in cards.items()]
        title = f"{task}: {card.get('metric', '')} on the development part, {card['rows']:,} rows that no fold held"
        table(title, ["base learner", *card_columns(card)], rows)
        line("The mean of the fold models; these rows may have told a learner which epoch or parameter is best.")
        line("")


def print_ablations(result: Ablations) -> None:
    for entry in result["tasks"]:
        card = entry["rows"][0]["card"]
        title = f"{entry['learner']}, {entry['task']}: out-of-fold {card['metric']} on {card['rows']:,} rows"
        rows = []
        for row in entry["rows"]:
            score, over, first, second, *_ = card_row(row["card"])
            name = f"without {row['without']}, {row['way']}" if row["without"] else " and ".join(entry["modalities"])
            rows.append([name, score, format_interval(row.get("against"), "+"), over, first, second])
        others = [name.replace("\n", " ") for name in card_columns(card)[2:4]]
        table(title, ["posts", "score [95 %]", "minus all [95 %]", "over folds", *others], rows)
        if entry["modality_weights"]:
            shares = ", ".join(f"{name} {format_number(weight)}" for name, weight in entry["modality_weights"].items())
            line(f"Mean weight inside the network: {shares} (what it looked at, not why it decided).")
        for failure in entry["failures"]:
            line(f"failed: {failure['job']}: {failure['reason']}", whole=True)


def print_imported(result: Imported) -> None:
    title = f"{result['task']}: imported, {result['oof']['rows']:,} rows, folds: {result['folds']}"
    table(title, ["base learner", *card_columns(result["oof"])], [[result["learner"], *card_row(result["oof"])]])


def print_status(result: RunStatus) -> None:
    states = ("done", "missing", "stale", "failed")
    rows = [
        [learner, task, *(counts.get(name, 0) for name in states)]
        for learner, tasks in result["learners"].items()
        for task, counts in tasks.items()
    ]
    table("jobs", ["base learner", "task", *states], rows)
    for task, names in result["imported"].items():
        line(f"imported for {task}: {', '.join(names)}")
    for job, reason in result["reasons"].items():
        line(f"{job}: {reason}")
    if result["jobs"].get("done", 0) < sum(result["jobs"].values()):
        line("`ensemble train-base` does what is not done.")
