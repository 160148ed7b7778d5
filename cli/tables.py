"""What commands print: tables that fit the terminal, and the lines between them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from rich.console import Console
from rich.text import Text

from cli.layout import WIDTH, blocks, fits, width, wrap
from cli.pasting import pasteable
from meta.wording import format_interval, format_mean_std, format_number, format_size, printable, tuning_note

if TYPE_CHECKING:
    from ensemble.datasets.conventional_features import Converted
    from ensemble.datasets.fold_tables import WrittenFolds
    from ensemble.jobs.ablation import Ablation
    from ensemble.jobs.importing import Imported, Undone
    from ensemble.jobs.job import Failure
    from ensemble.jobs.status import FinishedLearner
    from ensemble.scoring import BaselineCard, ScoreCard
    from ensemble.upkeep.budget import Left


class TrainedLearners(TypedDict):
    """Learners whose folds are all done, by task what knows the labels alone, jobs that failed, and the command
    that tries these ``again``; where a budget was given, what it has ``left``."""

    learners: "list[FinishedLearner]"
    baselines: "dict[str, BaselineCard]"
    failures: "list[Failure]"
    again: str | None
    left: "list[Left]"


class Ablations(TypedDict):
    """One for each task."""

    tasks: "list[Ablation]"


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
    from ensemble.content.audit import audit_lines

    for note in facts["notes"]:
        line(note)
    rows = facts["rows"]
    counts = {
        task: {name: count for name, count in classes.items() if name != "missing" or count}
        for task, classes in facts["tasks"].items()
    }
    dev = f"{rows['dev']:,} of a development part, " if "dev" in rows else ""
    print_counts(f"{rows['train']:,} training rows, {dev}{rows['test']:,} test rows", counts)
    table("what to know before training", ["", ""], audit_lines(facts))
    for doubt in facts["doubts"]:
        line(f"! {doubt.removesuffix('.')}.")
    for reason in facts["refused"][1:]:
        line(f"! {reason}")


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


def card_metrics(card: "ScoreCard") -> Sequence[str]:
    """The names of four metrics that are shown beside the one a card's task is judged by."""
    there = card.get("metrics", {})
    if not card.get("rows") or "accuracy" in there:
        return CARD_METRICS
    return [name for name in NUMBER_METRICS if name in there and name != card["metric"]][: len(CARD_METRICS)]


def card_columns(card: "ScoreCard") -> list[str]:
    """The heads of what ``card_row`` gives of a card of the same task."""
    names = card_metrics(card)
    return [*CARD_COLUMNS] if names is CARD_METRICS else [*CARD_COLUMNS[:2], *(NUMBER_METRICS[name] for name in names)]


def card_row(card: "ScoreCard") -> list[str]:
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
        rows.append([result["baselines"][task]["baseline"], *card_row(result["baselines"][task]), "", ""])
        table(title, ["base learner", *card_columns(card), "seconds", SIZE], rows)
        _print_dev(task, entries)
        for entry in entries:
            if "tuned" in entry:
                line(f"† {tuning_note(entry['learner'], entry['tuned'], entry['oof'])}")
        _print_seeds(task, entries)
    print_failures(result["failures"])
    if result["again"] is not None:
        count = len(result["failures"])
        line(f"{count} job{'s' * (count > 1)} failed; what is done is kept. To try again:")
        line(result["again"], whole=True)
    if not result["learners"]:
        line("No learner has all its folds yet; `ensemble status` says what is missing.")


def _print_seeds(task: str, entries: "Sequence[FinishedLearner]") -> None:
    """Mean and deviation of what each seed scores alone, beside what their averaged predictions score."""
    cards = {entry["learner"]: entry["oof"] for entry in entries if "seeds" in entry["oof"]}
    if not cards:
        return
    rows = []
    for name, card in cards.items():
        seeds, shown = card["seeds"], [card["metric"], *card_metrics(card)]
        means = seeds.get("metrics", {card["metric"]: seeds})  # of older records that metric alone
        of_each = [format_mean_std(means[one]["mean"], means[one]["std"]) if one in means else "" for one in shown]
        rows.append([name, f"{len(seeds['values'])} alone", *of_each])
        rows.append(["", "averaged", *(format_number(card["metrics"][one]["value"]) for one in shown)])
    card = next(iter(cards.values()))
    title = f"{task}: the seeds out of fold, each alone (mean ± deviation) and their predictions averaged"
    table(title, ["base learner", "seeds", card["metric"], *card_columns(card)[2:]], rows, names=2)


def _print_dev(task: str, entries: "Sequence[FinishedLearner]") -> None:
    cards = {entry["learner"]: entry["dev"] for entry in entries if "dev" in entry}
    if cards and (card := next(iter(cards.values())))["rows"]:
        rows = [[name, *card_row(card)] for name, card in cards.items()]
        title = f"{task}: {card.get('metric', '')} on the development part, {card['rows']:,} rows that no fold held"
        table(title, ["base learner", *card_columns(card)], rows)
        line("The mean of the fold models; these rows may have told a learner which epoch or parameter is best.")
        line("")


def print_failures(failures: "Sequence[Failure]") -> None:
    from cli.causes import by_cause

    for reason in by_cause({failure["job"]: failure["reason"] or "" for failure in failures}):
        line(f"failed: {reason}", whole=True)


def print_folds(result: "WrittenFolds") -> None:
    rows = ", ".join(f"{count:,}" for count in result["rows"])
    outside = f"{result['test_rows']:,} test rows"
    outside += f" (fold -1), {result['dev_rows']:,} rows of a development part (fold -3)" if result["dev_rows"] else ""
    line(f"Wrote {result['file']}: {len(result['rows'])} folds of {rows} rows, and {outside}.", whole=True)


def print_ablations(result: Ablations) -> None:
    for entry in result["tasks"]:
        card = entry["rows"][0]["card"]
        title = f"{entry['learner']}, {entry['task']}: out-of-fold {card['metric']} on {card['rows']:,} rows"
        rows = []
        for row in entry["rows"]:
            score, over, first, second, *_ = card_row(row["card"])
            name = f"without {row['without']}, {row['way']}" if row["without"] else " and ".join(entry["modalities"])
            rows.append([name, score, format_interval(row.get("against"), "+"), over, first, second])
        score, over, first, second, *_ = card_row(entry["baseline"])
        rows.append([entry["baseline"]["baseline"], score, "", over, first, second])
        others = [name.replace("\n", " ") for name in card_columns(card)[2:4]]
        table(title, ["posts", "score [95 %]", "minus all [95 %]", "over folds", *others], rows)
        if entry["modality_weights"]:
            shares = ", ".join(f"{name} {format_number(weight)}" for name, weight in entry["modality_weights"].items())
            line(f"Mean weight inside the network: {shares} (what it looked at, not why it decided).")
        print_failures(entry["failures"])


def print_imported(result: "Imported") -> None:
    title = f"{result['task']}: imported, {result['oof']['rows']:,} rows, folds: {result['folds']}"
    rows = [
        [result["learner"], *card_row(result["oof"])],
        [result["baseline"]["baseline"], *card_row(result["baseline"])],
    ]
    table(title, ["base learner", *card_columns(result["oof"])], rows)
    line(f"`ensemble stack` stacks it; `ensemble import {result['learner']} --undo` takes it out again.")


def print_undone(result: "Undone") -> None:
    line(f"Removed {result['learner']}, imported for {', '.join(result['tasks'])}.")
    if result["stacks"]:
        line(f"Stacks made with it are stale: {', '.join(result['stacks'])}. `ensemble stack` makes them again.")


def print_converted(made: "Converted") -> None:
    for note in made["notes"]:
        line(note)
    spread = "{:,} to {:,}, half of the clips up to {:,}"
    rows = [[name, f"{of['width']:,}", spread.format(*of["frames"])] for name, of in made["features"].items()]
    table(", ".join(f"{n:,} {part} clips" for part, n in made["rows"].items()), ["features", "width", "frames"], rows)
    line(f"Wrote {made['file']}.")
