"""What people read of a stack is made of its record's facts."""

from typing import cast

from meta.records import StackReport
from meta.wording import candidate_name, leak_note, members_named, selection_note, warning_notes

QUIET = {"log_loss": None, "rare_classes": {}, "unknown_folds": []}


def report(**facts: object) -> StackReport:
    """As much of a report as the sentences are made of."""
    reason = {"rival": "soft_vote", "best": "random_forest", "gain": 0.0123, "p_value": 0.004, "tried": 9}
    candidates = {"soft_vote": {}, "random_forest": {}}
    usual = {"metric": "macro_f1", "candidates": candidates, "proven": True, "reason": reason, "warnings": QUIET}
    return cast(StackReport, {**usual, "members": ["random_forest"], "tuned": {}, "stack": {"rows": 3}, **facts})


def test_the_note_says_what_is_shown_and_what_the_stack_is() -> None:
    assert selection_note(report()) == (
        "The random forest beats the plain mean under a rule by 0.012 macro_f1 where it was chosen, beyond noise "
        "(p = 0.004, reality check over 9 candidates). The stack is the random forest: all others are further behind "
        "the best than 1.5 standard errors of their difference."
    )
    unproven = selection_note(report(proven=False, members=["random_forest", "soft_vote"]))
    assert unproven.startswith("No candidate is shown to beat the plain mean under a rule beyond noise (the best,")
    assert "The stack is the mean of random forest and plain mean under a rule: none is further" in unproven
    even = {"rival": "soft_vote", "best": "soft_vote", "gain": 0.0, "p_value": 1.0, "tried": 9}
    assert selection_note(report(reason=even)).startswith(
        "No candidate scores better than the plain mean under a rule. The stack is"
    )
    assert selection_note(report(candidates={"greedy": {}})) == "The random forest was the only candidate."


def test_of_many_members_a_few_are_named() -> None:
    assert members_named(["greedy"], "macro_f1") == "greedy"
    four = ["greedy", "simplex", "xgboost", "hard_vote"]
    assert members_named(four, "macro_f1") == "mean of greedy, simplex, xgboost and hard vote"
    assert members_named([*four, "rank_mean"], "macro_f1") == "mean of greedy, simplex, xgboost and 2 more"


def test_a_candidate_that_is_a_rival_by_arg_max_too_says_that_it_has_a_rule() -> None:
    assert candidate_name("soft_vote", "macro_f1") == "plain mean under a rule"
    assert candidate_name("greedy", "macro_f1") == "greedy"
    assert candidate_name("soft_vote", "roc_auc") == "plain mean", "ranks know no rule"


def test_a_reason_without_any_score_is_a_sentence_too() -> None:
    nothing = {"rival": "soft_vote", "best": "greedy", "gain": None, "p_value": 1.0, "tried": 9}
    assert "by - macro_f1" in selection_note(report(proven=False, reason=nothing))


def test_every_warning_is_a_sentence_and_where_there_are_none_nothing_is_said() -> None:
    assert warning_notes(report()) == []
    facts = {"log_loss": 0.2567, "rare_classes": {"neutral": 3, "sad": 0}, "unknown_folds": ["a", "b"]}
    losing, rare, unknown, tuned = warning_notes(report(warnings=facts, tuned={"bert": {"judged": [0]}}))
    assert losing.startswith("The stack wins macro_f1 and loses log-loss: 0.257 nats worse")
    assert rare.startswith("Fewer than 10 labelled rows of a class (neutral 3, sad 0)")
    assert unknown.startswith("a, b: imported with unknown folds")
    assert tuned.startswith("the stack: the parameters of bert were chosen by scores")


def test_a_sign_of_a_leak_says_what_is_usual() -> None:
    hard = leak_note({"sign": "right_where_hard", "own": 0.99, "usual": 0.4})
    assert hard.endswith("right in 99%; the others, on theirs, in 40%.")
    shift = leak_note({"sign": "surer_in_folds", "in_folds": 0.97, "outside": 0.5, "distance": 0.8, "usual": 0.1})
    assert "0.97 sure" in shift and "0.80 (Kolmogorov-Smirnov), where 0.10 is usual" in shift
