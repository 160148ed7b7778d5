"""What a learner is worth without a modality: hidden from the trained models, and hidden from their training too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, StoreError, command, unknown
from ensemble.jobs.finished import predict_with_model
from ensemble.jobs.job import Failure, JobSpec, list_work
from ensemble.jobs.train import Engine, sequential, train, with_transform
from ensemble.metrics import metric_of
from ensemble.modalities import describe, hash_column
from ensemble.predictions import Predictions, concatenate, mean
from ensemble.run import Run
from ensemble.scoring import BaselineCard, Score, ScoreCard, baseline_card, difference, score_card
from ensemble.system.progress import Track, silent

MASKED, TRAINED = "masked at prediction", "trained masked"


class AblationRow(TypedDict):
    """Scores ``without`` a modality, hidden in one of the two ways, and the paired difference ``against`` all of them;
    of all of them the first two are None."""

    without: str | None
    way: str | None
    card: ScoreCard
    against: NotRequired[Score]


class Ablation(TypedDict):
    """Of a learner on a task, as plain JSON; ``baseline``: what knows the labels alone; ``modality_weights``:
    the mean weights inside the network, where it has some."""

    learner: str
    task: str
    modalities: list[str]
    rows: list[AblationRow]
    baseline: BaselineCard
    modality_weights: dict[str, float]
    failures: list[Failure]


def ablate(
    run: Run,
    name: str,
    task: Task,
    ways: Sequence[str] = (MASKED, TRAINED),
    track: Track = silent,
    engine: Engine = sequential,
) -> Ablation:
    """Out-of-fold scores of a joint learner with all its modalities and without each, as plain JSON.

    ``masked at prediction`` asks the fold models about their held-out rows with a modality hidden; ``trained masked``
    trains the learner again, fold by fold, on rows without it (below ``ablation/`` of the run folder; finished work is
    never done again). ``against`` is the paired difference to all of them. The table of the FLAVA paper, which has
    one of the two ways. Raises ConfigError for a learner of one modality, StoreError where models are missing.
    """
    spec = run.learners.spec(name)
    modalities = run.learners.bind(spec).modalities
    if modalities is None or len(modalities) < 2:
        looks = "says nothing of what it looks at" if modalities is None else f"looks at {describe(modalities)} only"
        raise ConfigError(f"{name!r} {looks}; `ensemble ablate` needs a learner of at least two modalities.")
    weights = run.results.base_record(name, task).get("modality_weights", {})
    cv_data = run.data.take(run.plan.cv_rows)
    whole = run.store.base(name, task.name).read("oof", task).take(cv_data.ids)
    fold = run.plan.fold[run.plan.cv_rows]
    rows: list[AblationRow] = [{"without": None, "way": None, "card": score_card(task, whole, cv_data, fold)}]
    failures: list[Failure] = []
    for way in ways:
        for modality in reversed(modalities):  # the paper's order
            hidden = Without(modality)(run)
            if way == TRAINED:
                failed = train(
                    hidden, list_work(hidden, [spec], [task], ()), track, with_transform(engine, Without(modality))
                )
                failures += [{**one.as_json(), "job": f"without {modality}: {one.job}"} for one in failed]
                if failed:
                    continue
                alone = hidden.store.base(spec.name, task.name).read("oof", task)
            else:
                alone = masked(run, hidden, spec, task, modality, track)
            alone = alone.take(cv_data.ids)
            against = difference(metric_of(task), cv_data.labels(task), cv_data.groups, alone, whole)
            card = score_card(task, alone, cv_data, fold)
            rows.append({"without": modality, "way": way, "card": card, "against": against})
    return Ablation(
        learner=name,
        task=task.name,
        modalities=list(modalities),
        rows=rows,
        baseline=baseline_card(task, cv_data, fold),
        modality_weights=weights,
        failures=failures,
    )


def ways_named(names: Sequence[str]) -> Sequence[str]:
    """The ways meant by ``masked`` and ``trained``; none named means both. Raises ConfigError for another word."""
    ways = {"masked": MASKED, "trained": TRAINED}
    for name in names:
        if name not in ways:
            raise ConfigError(unknown("way", name, ways))
    return [ways[name] for name in names or ways]


@dataclass(frozen=True)
class Without:
    """Changes a run to one of the same folds and rows, every post without a modality, its results in a folder of their
    own."""

    modality: str

    def __call__(self, run: Run) -> Run:
        hidden = hide(run.data, self.modality)
        return replace(run, store=run.store.without(self.modality), data=hidden, keep_models="none")


def hide(data: Dataset, modality: str) -> Dataset:
    """The same posts without a modality."""
    known = [hash_column(modality)] if hash_column(modality) in data.frame else []
    return data.with_columns(**dict.fromkeys([modality, *known]))


def masked(run: Run, hidden: Run, spec: LearnerSpec, task: Task, modality: str, track: Track) -> Predictions:
    """What the fold models say of their held-out rows without a modality; kept, and read again the next time."""
    folder = hidden.store.masked(spec.name, task.name)
    provenance = run.results.provenance(spec, task).with_parts(without=modality)
    if not folder.is_done(provenance):
        work = list_work(run, [spec], [task], ())
        label = f"fold models asked without {modality}"
        asked = [(item.job.seed, _ask(run, hidden, item, track)) for item in track(work, label, len(work))]
        by_seed = [concatenate([part for seed, part in asked if seed == chosen]) for chosen in run.seeds]
        folder.clear()
        folder.write({"oof": mean(by_seed)}, provenance)
        folder.commit(provenance)
    return folder.read("oof", task)


def _ask(run: Run, hidden: Run, item: JobSpec, track: Track) -> Predictions:
    folder = run.store.job(item.job)
    again = f"run {command('train-base', '--learner', item.spec.name, '--task', item.task.name)}"
    folder.verify(item.provenance, again)
    if not folder.model.is_dir():
        raise StoreError(
            f'{item.job} was trained with keep_models = "none", so there is no model to hide anything from; delete '
            f"{folder.path} and {again[:-1]} --keep-models best`, or ask for `--way trained` alone."
        )
    data = hidden.data.without_labels()
    rows = data.take(run.plan.held_out_rows(item.job.fold))
    return predict_with_model(run, item, data, rows, track)
