"""What `ensemble stack` and `ensemble submit` print."""

from collections.abc import Mapping
from typing import Any

from cli.tables import CARD_COLUMNS, card_row, line, table
from meta.report.wording import interval, short, spoken


def print_stacks(result: Mapping[str, Any]) -> None:
    for report in result["tasks"]:
        _print_stack(report, result["folds"])
    if result["subtasks"]:
        models = dict.fromkeys(model for scores in result["subtasks"].values() for model in scores)
        columns = [f"{name} [95 %]" for name in result["subtasks"]]
        rows = [[model, *(interval(scores.get(model)) for scores in result["subtasks"].values())] for model in models]
        table(f"subtasks, out of fold on {result['rows']:,} rows, {result['folds']} folds", ["", *columns], rows)
    if len(result["columns"]) > len(result["subtasks"]):
        rows = [
            [name, interval(entry["plain mean"]), interval(entry["stack"])] for name, entry in result["columns"].items()
        ]
        table("column by column", ["", "plain mean [95 %]", "stack [95 %]"], rows)


def _print_stack(report: Mapping[str, Any], folds: int) -> None:
    mark = {name: " *" for name in report["unknown_folds"]}
    rows = [[name + mark.get(name, ""), *card_row(card)] for name, card in report["learners"].items()]
    rows += [[f"  {spoken(name)}", *card_row(card)] for name, card in report["candidates"].items()]
    rows += [["stack", *card_row(report["stack"])]]
    title = f"{report['task']}: out-of-fold {report['metric']} on {report['stack']['rows']:,} rows, {folds} folds"
    table(title, ["learner / candidate", *CARD_COLUMNS], rows)
    classes = report["stack"]["classes"].items()
    rows = [[name, *map(short, (c["precision"], c["recall"], c["f1"])), f"{c['support']:,}"] for name, c in classes]
    table("the stack, class by class", [report["task"], "precision", "recall", "F1", "rows"], rows)
    against = ", ".join(f"{interval(value, '+')} against the {name}" for name, value in report["against"].items())
    line(f"The stack chooses its candidate for each fold on the other folds: {against}.")
    line(f"The test rows get {spoken(report['chosen'])}. Hard votes tied in {report['hard_vote_ties']:,} rows.")
    if report["unknown_folds"]:
        line("* imported with unknown folds: its score, and any stack with it, may be optimistic.")
    if "test" in report:
        _print_test_part(report["task"], report["test"])
    line("")


def _print_test_part(task: str, part: Mapping[str, Any]) -> None:
    rows = [[name, *card_row(card)] for name, card in part["cards"].items()]
    if part["copies_in_training"]:
        rows.append(["stack, without copies", *card_row(part["stack_without_copies"])])
    title = f"{task}: the labelled test part, {part['cards']['stack']['rows']:,} rows that no fold held"
    table(title, ["", *CARD_COLUMNS], rows)
    if part["copies_in_training"]:
        line(f"{part['copies_in_training']:,} of these rows have a copy among the training rows.")


def print_submission(result: Mapping[str, Any]) -> None:
    line(f"Wrote {result['file']}: {result['rows']:,} rows in the {result['format']} format, linted.")
    for pair, rule in result["rules"].items():
        line(f"{pair} agree by the rule: {rule}.")
    rows = [[name, scored["metric"], interval(scored)] for name, scored in result["oof"].items()]
    title = f"what labels made this way score out of fold ({result['oof_rows']:,} rows, {result['folds']} folds)"
    table(title, ["", "metric", "score [95 %]"], rows)
