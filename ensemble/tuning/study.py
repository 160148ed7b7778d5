"""A study: the trials of one learner on one task in Optuna's storage, each claimed by the process that does it.

Optuna's journal has no heartbeat, so a trial whose process is gone is known by its claim, and begun again.
"""

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble.errors import StoreError
from ensemble.search_space import Space
from ensemble.system.claims import Claim, owner_of
from ensemble.system.folders import delete_path
from ensemble.system.locks import hold

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

# What a study knows of a trial besides the sampler's parameters and scores: those that it was to have, those that go
# over the learner's, the trial that it repeats; how it ended.
FIXED_PARAMS, PARAMS, RETRY_OF = "fixed_params", "params", "retry_of"
REASON, SECONDS, TRAINED = "reason", "seconds", "trained"
OLD_NAMES = {"given": FIXED_PARAMS, "found": PARAMS, "again": RETRY_OF}  # in studies that are continued
Params = Mapping[str, object]  # of a trial, as JSON holds them


@dataclass(frozen=True)
class TrialPlan:
    """What to try: ``first`` one by one (parameters by their names in the space), then, unless ``only`` these, what the
    sampler proposes, until ``trials`` are finished."""

    space: Space
    trials: int
    first: Sequence[Params] = ()
    only: bool = False


@dataclass(frozen=True)
class RunningTrial:
    """A trial of ours: ``params`` go over the learner's parameters."""

    trial: "Trial"
    claim: Claim
    params: Params


class Study:
    """``folder`` holds the journal, and the claims of trials. ``url`` names a database instead of the journal.

    Raises StoreError where the storage cannot be opened.
    """

    def __init__(self, folder: Path, name: str, greater_is_better: bool, seed: int = 0, url: str = "") -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.name, self.sign = folder, name, 1 if greater_is_better else -1
        self._seed, self._is_file = seed, not url
        self._claims = folder / "claims" / name.rpartition("/")[2]
        with hold(folder):
            self._study = optuna.create_study(
                storage=_open(folder, url),
                study_name=name,
                direction="maximize" if greater_is_better else "minimize",
                pruner=optuna.pruners.NopPruner(),
                load_if_exists=True,
            )

    def begin(self, plan: TrialPlan) -> RunningTrial | None:
        """The next trial, claimed; None where there is none to begin now."""
        with hold(self.folder):
            self.retry(self._is_dead)
            self._remove_void_claims()
            trials = self._study.get_trials(deepcopy=False)
            begun = len(self.finished(trials)) + sum(map(self._has_claim, self._running(trials)))
            if not plan.only and begun >= plan.trials:
                return None
            if not any(trial.state.name == "WAITING" for trial in trials):
                tried = [attributes(trial).get(FIXED_PARAMS) for trial in trials]
                untried = next((dict(params) for params in plan.first if params not in tried), None)
                if untried is not None:
                    self._study.enqueue_trial(untried, {FIXED_PARAMS: untried})
                elif plan.only:
                    return None
            self._study.sampler = self._sampler(begun)
            return self._ask(plan.space)

    def _ask(self, space: Space) -> RunningTrial:
        trial = self._study.ask()
        claim = Claim(self._claims / str(trial.number))
        if not claim.acquire():
            raise StoreError(f"{claim.path} is in the way: numbers of trials are given once; remove it.")
        try:
            params = {} if attributes(trial).get(FIXED_PARAMS) == {} else space(trial)
            trial.set_user_attr(PARAMS, params)
        except BaseException:
            claim.release()
            raise
        return RunningTrial(trial, claim, params)

    def _sampler(self, begun: int) -> Any:
        """Of a seed of its own for each trial: processes that share a study would else propose the same, and a study
        that was interrupted something else than an undisturbed one."""
        from optuna.samplers import TPESampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # constant_liar is called experimental before Optuna 5
            return TPESampler(seed=(self._seed * 100_003 + begun) % 2**32, constant_liar=True)

    def report(self, begun: RunningTrial, step: int, value: float) -> None:
        """The score of one fold."""
        if math.isfinite(value):
            begun.trial.report(value, step)

    def finish(self, begun: RunningTrial, state: str, value: float | None = None, **attributes: object) -> None:
        """COMPLETE with a ``value``, PRUNED, or FAIL with a ``reason`` among the ``attributes``."""
        from optuna.trial import TrialState

        with hold(self.folder):  # whoever looks for dead ones has seen it under way, and claimed, or finished
            for name, attribute in attributes.items():
                begun.trial.set_user_attr(name, attribute)
            self._study.tell(begun.trial, value, TrialState[state])

    def leave(self, begun: RunningTrial) -> None:
        """Release the claim of a trial; one that has not finished is anybody's again."""
        begun.claim.release()
        trials = self._study.get_trials(deepcopy=False)
        if trials[begun.trial.number].state.is_finished():
            self._delete_claim(begun.claim.path.parent)

    def retry(self, which: "Callable[[FrozenTrial], bool]") -> None:
        """Queue trials again, with the parameters they had; one that had not all of them is proposed anew anyway."""
        from optuna.trial import TrialState

        trials = self._study.get_trials(deepcopy=False)
        retried = {attributes(trial).get(RETRY_OF) for trial in trials}
        for trial in filter(which, trials):
            known = attributes(trial)
            params = {**known.get(FIXED_PARAMS, {}), **(trial.params if PARAMS in known else {})}
            if {FIXED_PARAMS, PARAMS} & set(known) and trial.number not in retried:
                self._study.enqueue_trial(params, {FIXED_PARAMS: params, RETRY_OF: trial.number})
            if trial.state == TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)

    def _remove_void_claims(self) -> None:
        """Claims of killed processes go, those of trials that had just finished among them."""
        for folder in self._claims.glob("*"):
            if owner_of(folder) is None:
                self._delete_claim(folder)

    def _delete_claim(self, folder: Path) -> None:
        with suppress(OSError):  # the next process may be luckier
            delete_path(folder)

    def retry_failed(self) -> None:
        """Failed trials are tried once more by every command."""
        with hold(self.folder):
            self.retry(lambda trial: trial.state.name == "FAIL" and not _was_killed(trial))

    def others_at_work(self) -> bool:
        """Whether processes that share our folder are at trials of this study."""
        return any(map(self._has_claim, self._running(self._study.get_trials(deepcopy=False))))

    def trials(self) -> "list[FrozenTrial]":
        """What is finished, best first, then what was ended, then what failed."""
        finished = self.finished(self._study.get_trials(deepcopy=False))
        order = ("COMPLETE", "PRUNED", "FAIL")
        return sorted(finished, key=lambda t: (order.index(t.state.name), -self.sign * _value(t), t.number))

    def best(self) -> "FrozenTrial | None":
        return next((trial for trial in self.trials() if trial.state.name == "COMPLETE"), None)

    def finished(self, trials: "Sequence[FrozenTrial]") -> "list[FrozenTrial]":
        """A trial that was killed is not, nor is a failed one that is tried again."""
        retried = {attributes(trial).get(RETRY_OF) for trial in trials}
        failed = [t for t in trials if t.state.name == "FAIL" and not _was_killed(t) and t.number not in retried]
        return [t for t in trials if t.state.name in ("COMPLETE", "PRUNED")] + failed

    def _running(self, trials: "Sequence[FrozenTrial]") -> "list[FrozenTrial]":
        return [trial for trial in trials if trial.state.name == "RUNNING"]

    def _is_dead(self, trial: "FrozenTrial") -> bool:
        """In a database there may be trials of people with another run folder: not ours to judge."""
        ours = self._is_file or self._has_claim(trial)
        return trial.state.name == "RUNNING" and ours and owner_of(self._claims / str(trial.number)) is None

    def _has_claim(self, trial: "FrozenTrial") -> bool:
        """Whether somebody with our folder does it, or died in doing it."""
        return (self._claims / str(trial.number)).exists()


def attributes(trial: "Trial | FrozenTrial") -> dict[str, Any]:
    """What a study knows of a trial by the names above, also where an earlier version wrote it."""
    return {OLD_NAMES.get(name, name): value for name, value in trial.user_attrs.items()}


def _was_killed(trial: "FrozenTrial") -> bool:
    return trial.state.name == "FAIL" and REASON not in trial.user_attrs


def _value(trial: "FrozenTrial") -> float:
    return trial.value if trial.value is not None else 0.0


def _open(folder: Path, url: str) -> Any:
    """The journal, or a database, whose password no message shows."""
    from optuna.storages import JournalStorage, RDBStorage

    if not url:
        from ensemble.tuning.journal import Journal

        return JournalStorage(Journal(folder / "journal.log"))
    if (place := os.path.expandvars(url)).startswith("$"):
        raise StoreError(f"tune: the storage cannot be opened: the environment variable {place} is not set.")
    try:
        return RDBStorage(place)
    except Exception as error:
        raise StoreError(
            f"tune: the storage cannot be opened ({type(error).__name__}); its URL must be a database's."
        ) from error
