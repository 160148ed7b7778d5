"""How numbers and names are written wherever people read them."""

import re
from collections.abc import Mapping

from meta.records import FEW, LeakSign, ScoreCard, Scored, StackReport, TuningNote

SPOKEN = {
    "soft_vote": "plain mean",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "ece": "ECE",
}
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
    "ECE": "Expected calibration error: how far confidence lies from the share that is right; 0 is best.",
    "Q-statistic": "How alike two learners err: 1 where they are right on the same posts, 0 where independently, "
    "\N{MINUS SIGN}1 where they err on different ones.",
    "Shapley value": "What a learner adds to the plain mean, averaged over all orders in which learners could join.",
    "optimism": "How much better the whole procedure scores on the posts it was fitted on than on posts it has not "
    "seen.",
}
# Control characters but tab and newline, halves of surrogate pairs, and code points that are no characters.
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def interval(scored: Scored | None, sign: str = "") -> str:
    """``.599 [.580, .617]``"""
    if not scored or (value := scored.get("value")) is None:
        return "-"
    low, high = scored.get("low"), scored.get("high")
    if low is None or high is None:
        return short(value, sign)
    return f"{short(value, sign)} [{short(low, sign)}, {short(high, sign)}]"


def short(value: float, sign: str = "") -> str:
    """Three decimals without a leading zero."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:{sign}.3f}"


def spread(found: Scored) -> str:
    """Mean and standard deviation: ``.601 ±.012``; without the latter the mean alone, without that nothing."""
    mean, deviation = found["mean"], found["std"]
    if mean is None:
        return ""
    return short(mean) + (f" ±{short(deviation)}" if deviation is not None else "")


def size(cost: Mapping[str, float | None]) -> str:
    """Millions of parameters that are trained, and of all: ``0.2 / 151.5 M``; empty where not known."""
    trained, every = cost.get("trainable_parameters"), cost.get("parameters")
    if trained is None or every is None:
        return ""
    return f"{trained / 1e6:,.1f} / {every / 1e6:,.1f} M"


def bounds(scored: Scored | None) -> str:
    """``[.580, .617]``"""
    return interval(scored).partition(" ")[2]


def tuned(name: str, note: TuningNote, card: ScoreCard, whose: str = "its parameters") -> str:
    """What the score of a tuned learner is worth: ``note`` is of its tuning, ``card`` its score card with folds."""
    values = dict(enumerate(card.get("folds", {}).get("values", ())))
    unseen = {fold: value for fold, value in values.items() if fold not in note["judged"] and value is not None}
    if not unseen:
        return f"{name}: {whose} were chosen by scores on these very rows, so its own score may be optimistic."
    seen = [value for fold, value in values.items() if fold not in unseen and value is not None]
    which = f"fold {', '.join(map(str, unseen))}"
    there = f" (against {short(sum(seen) / len(seen))} on the others)" if seen else ""
    return (
        f"{name}: {whose} were chosen by scores on the rows of other folds than {which}, so its own score may "
        f"be optimistic; on {which} it has {short(sum(unseen.values()) / len(unseen))}{there}."
    )


def why(report: StackReport) -> str:
    """One sentence: what was chosen, and what it had to beat."""
    found, metric = report["reason"], report["metric"]
    rival, best = spoken(found["rival"]), spoken(found["best"])
    gain = "-" if found["gain"] is None else f"{found['gain']:.3f}"
    tried = f"p = {found['p_value']:.3f}, reality check over {found['tried']} candidates"
    if len(report["candidates"]) == 1:
        return f"The {best} was the only candidate."
    if best == rival:
        return f"No candidate scores better than the {rival} under its decision rule, so that is used."
    if report["fallback"]:
        return (
            f"No candidate beats the {rival} beyond noise, both under their decision rules (the best, {best}, by "
            f"{gain} {metric} where it was chosen; {tried}), so the {rival} is used."
        )
    return f"The {best} beats the {rival} by {gain} {metric} where it was chosen, beyond noise ({tried})."


def warnings(report: StackReport) -> list[str]:
    """What a reader of a stack's score must know, in sentences."""
    facts, sentences = report["warnings"], []
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
        together = {"judged": {fold for note in report["tuned"].values() for fold in note["judged"]}}
        whose = f"the parameters of {', '.join(report['tuned'])}"
        sentences.append(tuned("the stack", together, report["stack"], whose))
    return sentences


def leak(sign: LeakSign) -> str:
    """A sign of a leak in one sentence, whose subject is the learner."""
    if sign["sign"] == "right_where_hard":
        return (
            f"On the posts that the other learners find hardest it is right in {sign['own']:.0%}; the others, on "
            f"theirs, in {sign['usual']:.0%}."
        )
    return (
        f"It is {sign['in_folds']:.2f} sure on average of posts inside the folds and {sign['outside']:.2f} of those "
        f"outside; the distributions differ by {sign['distance']:.2f} (Kolmogorov-Smirnov), where {sign['usual']:.2f} "
        "is usual."
    )


def spoken(name: str) -> str:
    """A metric's or a candidate's name in words."""
    return SPOKEN.get(name, name.replace("_", " "))


def plain(text: object) -> str:
    """The text with a replacement character for everything that no page can show."""
    return UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", str(text))


def cut(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, an ellipsis for what is left out."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
