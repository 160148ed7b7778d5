"""What `ensemble distil` prints."""

from collections.abc import Sequence

from cli.tables import card_columns, card_row, line, table
from meta.distillation.distil import DistilReport
from meta.distillation.judging import STACK, STUDENT
from meta.wording import candidate_name, format_interval


def print_distilled(reports: Sequence[DistilReport]) -> None:
    for report in reports:
        cards = report["cards"]
        title = f"{report['task']}: out-of-fold {report['metric']} on {cards[STUDENT]['rows']:,} rows"
        mark = " †" * bool(report["tuned"])
        rows = [[name + mark, *card_row(card)] for name, card in cards.items()]
        table(title, ["model", *card_columns(cards[STUDENT])], rows)
        mixed = f", {report['labels']:g} of it the true labels" if report["labels"] else ""
        of = "" if report["teacher"] == STACK else f"'s {candidate_name(report['teacher'], report['metric'])}"
        line(f"{report['learner']} has learned what the stack{of} says{mixed}.")
        gains = [f"{format_interval(gain, '+')} against {name}" for name, gain in report["against"].items()]
        line(f"The distilled model: {', '.join(gains)}. Each fold was predicted by one whose teacher never saw it.")
        if report["tuned"]:
            line(f"† Parameters of {', '.join(report['tuned'])} were chosen by scores on rows of these folds.")
        if "test" in report:
            rows = [[name, *card_row(card)] for name, card in report["test"].items()]
            table(f"{report['task']}: the labelled test part", ["model", *card_columns(report["test"][STUDENT])], rows)
        size = ", ".join(f"{name} {taken / 1e6:.2f} MB" for name, taken in report["bytes"].items())
        speed = ", ".join(f"{name} {rate:,.1f}" for name, rate in report["posts_per_second"].items())
        line(f"On the disk, without weights of frozen encoders: {size}. Posts a second on this machine: {speed}.")
        line("")
