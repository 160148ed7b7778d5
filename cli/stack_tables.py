"""What `ensemble stack`, `ensemble submit` and `ensemble predict` print."""

from typing import TYPE_CHECKING

from cli.tables import card_columns, card_row, line, print_counts, table
from meta.wording import (
    candidate_name,
    format_interval,
    format_number,
    leak_note,
    members_named,
    selection_note,
    tuning_note,
    warning_notes,
)

if TYPE_CHECKING:
    from cli.finished import Predicted
    from ensemble.scoring import BaselineCard, Score, ScoreCard
    from meta.records import Baselines, LabelledTest, StackedTasks, StackReport, Submission
    from meta.report.facts import WrittenReport


def print_stacks(result: "StackedTasks") -> None:
    for report in result["tasks"]:
        _print_stack(report, result["folds"], result["baselines"])
    if result["subtasks"]:
        models = dict.fromkeys(model for scores in result["subtasks"].values() for model in scores)
        columns = [f"{name} [95 %]" for name in result["subtasks"]]
        counts = ["labelled rows", *(f"{result['rows_of'][name]:,}" for name in result["subtasks"])]
        tuned_ones = {name for report in result["tasks"] for name in report["tuned"]}
        tuned_ones |= {"stack"} if tuned_ones else set()
        rows = [
            [
                model + " *" * (model in result["doubtful"]) + " †" * (model in tuned_ones),
                *(format_interval(of.get(model)) for of in result["subtasks"].values()),
            ]
            for model in models
        ]
        table(f"subtasks, out of fold, {result['folds']} folds", ["", *columns], [*rows, counts])
    if len(result["columns"]) > len(result["subtasks"]):
        columns = [result["baseline"], "plain mean", "stack"]
        rows = [
            [name, *(format_interval(entry[model]) for model in columns)] for name, entry in result["columns"].items()
        ]
        table("column by column", ["", *(f"{model} [95 %]" for model in columns)], rows)


STACK_COLUMNS = ("score [95 %]", "arg max", "over folds", "accuracy", "ROC AUC", "log-loss")


def _row(card: "ScoreCard", arg_max: "Score | None" = None) -> list[str]:
    """A card with the score by plain arg max, where it has one, and without weighted F1; of numbers as it is."""
    if "classes" not in card:
        return card_row(card)
    score, over, accuracy, _, *others = card_row(card)
    return [score, format_number(arg_max["value"]) if arg_max else "", over, accuracy, *others]


def _print_stack(report: "StackReport", folds: int, baselines: "Baselines") -> None:
    mark = {name: " *" for name in report["unknown_folds"]} | {name: " †" for name in report["tuned"]}
    rows = [[name + mark.get(name, ""), *_row(card)] for name, card in report["learners"].items()]
    candidates = report["candidates"].items()
    rows += [[f"  {candidate_name(name, report['metric'])}", *_row(card, card["arg_max"])] for name, card in candidates]
    rows += [["stack" + " †" * bool(report["tuned"]), *_row(report["stack"], report["arg_max"])]]
    to_beat = baselines["oof"][report["task"]]
    rows += [[to_beat["baseline"], *_row(to_beat)]]
    title = f"{report['task']}: out-of-fold {report['metric']} on {report['stack']['rows']:,} rows, {folds} folds"
    of_classes = "classes" in report["stack"]
    table(title, ["learner / candidate", *(STACK_COLUMNS if of_classes else card_columns(report["stack"]))], rows)
    if of_classes:
        line("Learners by arg max; candidates and the stack under a decision rule, nested, and beside it by arg max.")
        line("")
        _print_classes(report)
    line(selection_note(report))
    against = ", ".join(
        f"{format_interval(value, '+')} against the {name}" for name, value in report["against"].items()
    )
    line(f"The stack, chosen anew for each fold on the others: {against}.")
    _print_choice(report)
    for warning in warning_notes(report):
        line(f"! {warning}")
    if report["unknown_folds"]:
        line("* imported with unknown folds: its own score may be optimistic; it is stacked only where named.")
    for name, note in report["tuned"].items():
        line(f"† {tuning_note(name, note, report['learners'][name])}")
    if "test" in report:
        _print_part(report["task"], "labelled test part", report["test"], baselines["test"][report["task"]])
    if "development" in report:
        _print_part(report["task"], "development part", report["development"], baselines["dev"][report["task"]])
        line("Its rows may have told a learner which epoch or parameter is best, so it is no test.")
    line("")


def _print_choice(report: "StackReport") -> None:
    """What the test rows get, and how much of its score is optimism."""
    stack, rule = members_named(report["members"], report["metric"]), report["rule"]["kind"].replace("_", " ")
    gain = format_interval(report["rule_gain"], "+")
    if "classes" in report["stack"]:
        line(
            "The plain mean is decided by arg max unless a rule is named; the best single learner is the best in "
            "hindsight."
        )
        line(f"The test rows get the {stack}, decided by {rule}. Decision rules gain {gain} over arg max.")
    else:
        line(f"The best single learner is the best in hindsight. The test rows get the {stack}.")
    if report["in_sample"] is not None and report["optimism"] is not None:
        seen, optimism = format_number(report["in_sample"]), format_number(report["optimism"], "+")
        line(
            f"On the rows it was fitted on, the final stack has {seen}: {optimism} against the procedure's score is "
            "optimism, not reported above."
        )


def _print_classes(report: "StackReport") -> None:
    classes = report["stack"]["classes"].items()
    rows = [
        [name, *map(format_number, (c["precision"], c["recall"], c["f1"])), f"{c['support']:,}"] for name, c in classes
    ]
    table("the stack, class by class", [report["task"], "precision", "recall", "F1", "rows"], rows)


def _print_part(task: str, which: str, part: "LabelledTest", to_beat: "BaselineCard") -> None:
    rows = [[name, *card_row(card)] for name, card in part["cards"].items()]
    if part["copies_in_training"]:
        rows.append(["stack, without copies", *card_row(part["stack_without_copies"])])
    rows.append([to_beat["baseline"], *card_row(to_beat)])
    title = f"{task}: the {which}, {part['cards']['stack']['rows']:,} rows that no fold held"
    table(title, ["", *card_columns(part["cards"]["stack"])], rows)
    if part["copies_in_training"]:
        line(f"{part['copies_in_training']:,} of these rows have a copy among the training rows.")


def print_submission(result: "Submission") -> None:
    line(f"Wrote {result['file']}: {result['rows']:,} rows in the {result['format']} format, linted.")
    for pair in result["agreed"]:
        line(f"{pair} agree: decoded together, by their joint probability.")
    for note in result["notes"]:
        line(note)
    mark = " †" * bool(result["tuned"])
    rows = [
        [name + mark, of["metric"], format_interval(of), of["baseline_name"], format_interval(of["baseline"])]
        for name, of in result["oof"].items()
    ]
    title = f"what labels score out of fold ({result['oof_rows']:,} rows, {result['folds']} folds)"
    table(title, ["", "metric", "score [95 %]", "to beat", "its score [95 %]"], rows)
    of_labels = {f"{of['metric']} of {name}": format_number(of["value"]) for name, of in result["oof"].items()}
    of_text = {name: format_number(value) for name, value in result["read_back"].items()}
    told = "the same" if of_text == of_labels else ", ".join(f"{name} {value}" for name, value in of_text.items())
    line(f"The out-of-fold rows written in this format and scored from their text: {told or 'nothing to score'}.")
    if result["tuned"]:
        line(
            f"† Parameters of {', '.join(result['tuned'])} were chosen by scores on rows of these folds, so the scores "
            "may be optimistic; `ensemble stack` says what they are on folds that tuning has not seen."
        )


def print_report(result: "WrittenReport") -> None:
    for name, subtask in result["scores"].items():
        gains = [f"{format_interval(gain, '+')} against the {rival}" for rival, gain in subtask["against"].items()]
        score, rows = format_interval(subtask["score"]), f"{subtask['rows']:,}"
        line(f"{name}: {score} on {rows} rows, {result['folds']} folds; {', '.join(gains)}.")
    for task, learners in result["leaks"].items():
        for learner, signs in learners.items():
            line(f"! {task}, {learner}: {' '.join(map(leak_note, signs))}")
    line(f"Wrote {result['page']} ({result['bytes'] / 1e6:.1f} MB) and {result['json']}.")


def print_predictions(result: "Predicted") -> None:
    line(f"Wrote {result['file']}: {result['posts']:,} posts.")
    print_counts("how many posts have which label", result["labels"])
