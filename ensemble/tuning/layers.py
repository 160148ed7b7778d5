"""How well each layer of a learner's encoders serves it: alone on its modality, on one layer after the other.

Scores are of the development part where there is one, else of folds inside the fit rows of fold 0: what is chosen by
them has seen no held-out row and no test row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NotRequired, TypedDict, cast

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Task
from ensemble.errors import ConfigError, EnsembleError, LearnerError, unknown
from ensemble.jobs.train import Engine, sequential
from ensemble.learner import HasLayers
from ensemble.metrics import metrics_of, sign_named
from ensemble.predictions import Predictions, concatenate
from ensemble.run import Run
from ensemble.scoring import ScoreCard, score_card
from ensemble.store import Job
from ensemble.system.files import read_json, write_json
from ensemble.system.paths import relative_to
from ensemble.system.progress import Track, silent
from ensemble.tuned import overlay
from ensemble.tuning.trial import Split, TrialRun, train_folds

DEVELOPMENT, NESTED = "development part", "nested folds"


class LayerScores(TypedDict):
    """Of one layer."""

    layer: int
    card: ScoreCard


class LayerCurve(TypedDict):
    """The scores of a learner that sees one ``modality``, by layer, and the ``best`` of them, None where none has a
    score. ``params`` are those of the first layer, over those that are set, and ``made_of`` their fingerprint."""

    modality: str
    params: Mapping[str, object]
    made_of: str
    best: int | None
    layers: list[LayerScores]


class LayerCurves(TypedDict):
    """Of a learner and a task, chosen by ``metric`` on ``rows`` rows of what was ``judged``, fitted with one seed.
    ``stale`` are modalities whose curves, which are left out, are of other data, folds or parameters."""

    learner: str
    task: str
    metric: str
    judged: str
    rows: int
    seed: int
    curves: list[LayerCurve]
    stale: NotRequired[list[str]]


def score_layers(
    run: Run, name: str, task: Task, metric: str = "", track: Track = silent, engine: Engine = sequential
) -> LayerCurves:
    """Fit a learner on each layer, and keep the scores in the run folder; what was fitted before is not fitted again.

    ``metric`` says which layer is best: by default the correlation of numbers, as in the UEGD paper, else the metric of
    the task. Raises ConfigError for a learner that has no layers, and for a metric that does not fit.
    """
    if run.distributed.size > 1:
        raise ConfigError("`ensemble layers` is not for torchrun.")
    metric = metric or ("pearson" if "pearson" in metrics_of(task) else task.metric)
    if metric not in metrics_of(task):
        raise ConfigError(unknown("metric", metric, metrics_of(task)))
    spec = run.learners.pinned(run.learners.spec(name), task)
    tuned: Mapping[str, object] = spec.best["params"] if spec.best else {}
    judged = DEVELOPMENT if len(run.plan.dev_rows) else NESTED
    params = _prepared(run, spec, task)
    every = [(modality, layer) for modality, of in params.items() for layer in of]
    cards = {
        (modality, layer): _scored(run, spec, task, overlay(tuned, params[modality][layer]), judged, track, engine)
        for modality, layer in track(every, f"layers of {name}, {task.name}", len(every))
    }
    found = LayerCurves(
        learner=name,
        task=task.name,
        metric=metric,
        judged=judged,
        rows=next(iter(cards.values()))["rows"],
        seed=run.seeds[0],
        curves=[],
    )
    for modality, of in params.items():
        scores = [LayerScores(layer=layer, card=cards[modality, layer]) for layer in of]
        first = next(iter(of.values()))
        made_of = _made_of(run, spec, task, first)
        best = best_layer(scores, metric)
        found["curves"].append(LayerCurve(modality=modality, params=first, made_of=made_of, best=best, layers=scores))
    write_json(run.store.layers(name, task.name), {**found})
    return found


def best_layer(scores: Sequence[LayerScores], metric: str) -> int | None:
    """The first of those that have the best score."""
    values = {of["layer"]: of["card"]["metrics"][metric]["value"] for of in scores if of["card"]["rows"]}
    known = {layer: sign_named(metric) * value for layer, value in values.items() if value is not None}
    return max(known, key=known.__getitem__, default=None)


def read_layers(run: Run, name: str, task: Task) -> LayerCurves | None:
    """What was kept, without the curves of what the learner is no more; None where nothing was."""
    path = run.store.layers(name, task.name)
    if not path.is_file() or name not in run.learners.names():
        return None
    found = cast(LayerCurves, read_json(path))
    spec = run.learners.spec(name)
    fresh = [of for of in found["curves"] if _is_fresh(run, spec, task, of)]
    stale = [of["modality"] for of in found["curves"] if of not in fresh]
    return {**found, "curves": fresh, "stale": stale}


def _is_fresh(run: Run, spec: LearnerSpec, task: Task, curve: LayerCurve) -> bool:
    try:
        return curve["made_of"] == _made_of(run, run.learners.pinned(spec, task), task, curve["params"])
    except EnsembleError:  # of an encoder that the learner has no more: what is left may be nothing that can be made
        return False


def _prepared(run: Run, spec: LearnerSpec, task: Task) -> Mapping[str, Mapping[int, Mapping[str, object]]]:
    """The parameters of each layer, whose states are in the cache from here on."""
    learner = run.learners.make(spec, task)
    with relative_to(run.home):
        if not isinstance(learner, HasLayers) or not (params := learner.layer_params()):
            raise ConfigError(
                f"{spec.name!r} has no encoder whose layers could be told apart; `ensemble layers` takes learners such "
                "as uegd, or frozen with text, audio or video."
            )
        try:
            learner.prepare_layers(run.data.without_labels(), run.cache)
        except LearnerError as error:
            raise LearnerError(f"base.{spec.name}: {error}") from error
    return params


def _scored(
    run: Run, spec: LearnerSpec, task: Task, params: Mapping[str, object], judged: str, track: Track, engine: Engine
) -> ScoreCard:
    """A learner with these parameters, fitted on the fit rows of fold 0 and judged by the development part, or fitted
    and judged in folds inside them."""
    tried = TrialRun(spec.name, task.name, json.dumps(params), Split(1 if judged == DEVELOPMENT else "nested"))
    folds = list(tried.split.trained(run))
    train_folds(run, tried, folds, track, engine)
    alone = tried(run)

    def read(part: str) -> Predictions:
        jobs = [alone.store.job(Job(spec.name, task.name, alone.seeds[0], fold)) for fold in folds]
        return concatenate([folder.read(part, task) for folder in jobs])

    if judged == DEVELOPMENT:
        rows = run.data.take(run.plan.dev_rows)
        return score_card(task, read("test").take(rows.ids), rows)
    return score_card(task, read("held_out"), run.data.take(alone.plan.cv_rows))


def _made_of(run: Run, spec: LearnerSpec, task: Task, params: Mapping[str, object]) -> str:
    """The fingerprint of data, folds, and the learner with these parameters over those that are set and tuned."""
    tuned: Mapping[str, object] = spec.best["params"] if spec.best else {}
    alone = replace(spec, params=overlay(overlay(spec.params, tuned), params), tuned=False, best=None)
    return run.learners.settings(alone, task).fingerprint()
