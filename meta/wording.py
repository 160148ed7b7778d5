"""How numbers and names are written wherever people read them."""

import re
from collections.abc import Collection, Sequence

from ensemble.metrics import metric_named
from ensemble.records import TuningNote
from ensemble.scoring import Score, ScoreCard
from ensemble.tuning.layers import DEVELOPMENT, LayerCurves
from meta.records import FEW, TIED, LeakSign, StackReport

DISPLAY_NAMES = {
    "soft_vote": "plain mean",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "ece": "ECE",
    "mean": "plain mean",
    "median": "median of learners",
    "mae": "MAE",
    "rmse": "RMSE",
    "pearson": "Pearson's r",
    "spearman": "Spearman's r",
    "r2": "R²",
    **{f"acc_{classes}": f"Acc-{classes}" for classes in range(2, 12)},
    "acc_2_nonzero": "Acc-2 without 0",
    "f1_2": "weighted F1-2",
    "f1_2_nonzero": "weighted F1-2 without 0",
}
# Measured by benchmarks/leak_sign.py, in benchmarks/LOG.md under 2026-11-28.
LEAK_POWER = (
    "A sign of a leak asks for a look; it is no proof. Of 1,000 simulated honest learners at most 1 is accused, from "
    "even classes to 95:5; of learners that know every label at least 87 % are found, of those that know half of them "
    "30 to 89 % where 300 posts lie outside the folds and 2 % at most where none do, of those that know a fifth or "
    "less hardly any: they look like learners that are sure of a part of the posts."
)
GLOSSARY = {
    "macro-F1": "The F1 of each class (the harmonic mean of its precision and recall), averaged with equal weight on "
    "every class, however rare.",
    "interval": "The middle 95 % of the scores when the posts are drawn again with replacement, copies of a post "
    "together: how far chance alone may move a score.",
    "nested": "Whatever is fitted or chosen, down to the decision rule, is done again for each fold without that fold, "
    "which is then scored.",
    "decision rule": "What turns probabilities into a label: the most probable class (arg max), class weights applied "
    "first, or cut points on the expected value.",
    "reality check": "A test of whether the best of several candidates really beats the simple one, given that the "
    "best of many looks good by luck alone.",
    "log-loss": "The mean of minus the logarithm of the true class's probability; lower is better, and sure mistakes "
    "cost most.",
    "Brier score": "The mean squared distance between the probabilities and the truth; lower is better.",
    "MAE": "The mean absolute error of numbers; lower is better, and 0 is best.",
    "Pearson's r": "How nearly predicted and true numbers lie on a rising line: 1 where they do, 0 where they have "
    "nothing to do with each other.",
    "Acc-2": "The share of numbers whose sign is right (0 counts as positive); Acc-7 that of numbers that are right "
    "when rounded to whole ones from \N{MINUS SIGN}3 to 3.",
    "ECE": "Expected calibration error: how far confidence lies from the share that is right; 0 is best.",
    "Q-statistic": "How alike two learners err: 1 where they are right on the same posts, 0 where independently, "
    "\N{MINUS SIGN}1 where they err on different ones. A number is right when it is near the truth.",
    "Shapley value": "What a learner adds to the plain mean, averaged over all orders in which learners could join.",
    "plain mean": "The mean of the learners' predictions; of probabilities by arg max: the most probable class is the "
    "label. Under a rule only where that is said.",
    "majority class": "What to beat: the most frequent class for every post, class frequencies as its probabilities.",
    "median label": "What to beat: the median of the labels for every post.",
    "sign of a leak": LEAK_POWER,
    "optimism": "How much better a stack scores on the posts that it was chosen and fitted on than the same procedure "
    "does on posts it has not seen.",
}
NAMED = 4  # candidates that are named, of many
# Control characters but tab and newline, halves of surrogate pairs, and code points that are no characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def format_interval(scored: Score | None, sign: str = "") -> str:
    """``.599 [.580, .617]``"""
    if not scored or (value := scored.get("value")) is None:
        return "-"
    low, high = scored.get("low"), scored.get("high")
    if low is None or high is None:
        return format_number(value, sign)
    return f"{format_number(value, sign)} [{format_number(low, sign)}, {format_number(high, sign)}]"


def format_number(value: float | None, sign: str = "") -> str:
    """Three decimals without a leading zero, a hyphen for None."""
    if value is None:
        return "-"
    return f"{value:{sign}.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:{sign}.3f}"


def format_mean_std(mean: float | None, std: float | None) -> str:
    """Mean and standard deviation: ``.601 ±.012``; without the latter the mean alone, without that nothing."""
    if mean is None:
        return ""
    return format_number(mean) + (f" ±{format_number(std)}" if std is not None else "")


def format_size(trainable: int | None, parameters: int | None) -> str:
    """Millions of parameters that are trained, and of all: ``0.2 / 151.5 M``; of small networks thousands, ``3.2 / 3.2
    k``; empty where not known."""
    if trainable is None or parameters is None:
        return ""
    unit, letter = (1e6, "M") if parameters >= 1e5 else (1e3, "k")
    return f"{trainable / unit:,.1f} / {parameters / unit:,.1f} {letter}"


def format_bounds(scored: Score | None) -> str:
    """``[.580, .617]``"""
    return format_interval(scored).partition(" ")[2]


def tuning_note(name: str, note: TuningNote, card: ScoreCard) -> str:
    """What the score of a tuned learner is worth: ``note`` is of its tuning, ``card`` its score card with folds."""
    return _tuning_note(name, "its parameters", note["judged"], card)


def _tuning_note(name: str, whose: str, judged: Collection[int], card: ScoreCard) -> str:
    values = dict(enumerate(card.get("folds", {}).get("values", ())))
    unseen = {fold: value for fold, value in values.items() if fold not in judged and value is not None}
    if not unseen:
        return f"{name}: {whose} were chosen by scores on these very rows, so its own score may be optimistic."
    others = [value for fold, value in values.items() if fold not in unseen and value is not None]
    which = f"fold {', '.join(map(str, unseen))}"
    there = f" (against {format_number(sum(others) / len(others))} on the others)" if others else ""
    return (
        f"{name}: {whose} were chosen by scores on the rows of other folds than {which}, so its own score may "
        f"be optimistic; on {which} it has {format_number(sum(unseen.values()) / len(unseen))}{there}."
    )


def layers_note(found: LayerCurves) -> str:
    """On what rows the layers of a learner were judged, which are the best, and how to take one."""
    best = []
    for curve in found["curves"]:
        layer, top = curve["best"], curve["layers"][-1]["layer"]
        where = "none has a score" if layer is None else f"{layer} of {top}" + ", the last" * (layer == top)
        best.append(f"{curve['modality']} {where}")
    judged = (
        f"fitted on the fit rows of fold 0 with seed {found['seed']}, judged by the development part"
        if found["judged"] == DEVELOPMENT
        else f"fitted and judged with seed {found['seed']} in folds inside the fit rows of fold 0"
    )
    return (
        f"Best by {display_name(found['metric'])}: {'; '.join(best)}. Each was {judged}, {found['rows']:,} rows; no "
        "held-out row and no test row had a part in it."
    )


def selection_note(report: StackReport) -> str:
    """Whether a candidate is shown to be better than what is simple, and what the stack is."""
    reason, metric = report["reason"], report["metric"]
    rival, best = (candidate_name(reason[which], metric) for which in ("rival", "best"))
    gain = "-" if reason["gain"] is None else f"{reason['gain']:.3f}"
    tried = f"p = {reason['p_value']:.3f}, reality check over {reason['tried']} candidates"
    if len(report["candidates"]) == 1:
        return f"The {best} was the only candidate."
    if best == rival:
        shown = f"No candidate scores better than the {rival}."
    elif report["proven"]:
        shown = f"The {best} beats the {rival} by {gain} {metric} where it was chosen, beyond noise ({tried})."
    else:
        by = f"the best, {best}, by {gain} {metric} where it was chosen; {tried}"
        shown = f"No candidate is shown to beat the {rival} beyond noise ({by})."
    one = len(report["members"]) == 1
    why = "all others are further" if one else "none is further"
    return (
        f"{shown} The stack is the {members_named(report['members'], metric)}: {why} behind the best than {TIED} "
        "standard errors of their difference."
    )


def members_named(members: Sequence[str], metric: str) -> str:
    """What a stack of these candidates is, in words."""
    names = [candidate_name(name, metric) for name in members]
    if len(names) == 1:
        return names[0]
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return f"mean of {', '.join(shown[:-1])} and {shown[-1]}"


def warning_notes(report: StackReport) -> list[str]:
    """What a reader of a stack's score must know, in sentences."""
    facts, sentences = report["warnings"], list(report["warnings"].get("many_rows", []))
    if facts["log_loss"] is not None:
        sentences.append(
            f"The stack wins {report['metric']} and loses log-loss: {facts['log_loss']:.3f} nats worse than the plain "
            "mean. Its labels are better than its probabilities."
        )
    if facts["rare_classes"]:
        rare = ", ".join(f"{name} {rows:,}" for name, rows in facts["rare_classes"].items())
        sentences.append(
            f"Fewer than {FEW} labelled rows of a class ({rare}): scores and intervals hang on single rows."
        )
    if facts["unknown_folds"]:
        sentences.append(
            f"{', '.join(facts['unknown_folds'])}: imported with unknown folds and stacked because named; the stack's "
            "score may be optimistic and supports no claim."
        )
    if report["tuned"]:
        judged = {fold for note in report["tuned"].values() for fold in note["judged"]}
        whose = f"the parameters of {', '.join(report['tuned'])}"
        sentences.append(_tuning_note("the stack", whose, judged, report["stack"]))
    return sentences


def leak_note(sign: LeakSign) -> str:
    """A sign of a leak in one sentence, whose subject is the learner."""
    if sign["sign"] == "right_where_hard":
        right = "near the label" if "number" in sign else "right"
        return (
            f"On the posts that the other learners find hardest it is {right} in {sign['own']:.0%}; the others, on "
            f"theirs, in {sign['usual']:.0%}."
        )
    within, without = f"{sign['in_folds']:.2f}", f"{sign['outside']:.2f}"
    if "number" in sign:
        told = (
            f"Its predictions lie {within} spreads of the labels from their median on average inside the folds and "
            f"{without} outside"
        )
    else:
        told = f"It is {within} sure on average of posts inside the folds and {without} of those outside"
    return (
        f"{told}; the distributions differ by {sign['distance']:.2f} (Kolmogorov-Smirnov), where {sign['usual']:.2f} "
        "is usual."
    )


def display_name(name: str) -> str:
    """A metric's or a candidate's name in words."""
    return DISPLAY_NAMES.get(name, name.replace("_", " "))


def candidate_name(name: str, metric: str) -> str:
    """The same of a candidate that is scored: who is a rival without a decision rule, too, says that it has one."""
    ruled = metric_named(metric).of_counts is not None and name in ("soft_vote", "best_single")
    return display_name(name) + " under a rule" * ruled


def printable(text: object) -> str:
    """The text with a replacement character for everything that no page can show."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(text))


def truncate(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, an ellipsis for what is left out."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
