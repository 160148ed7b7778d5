"""The fold models of a finished run, asked about new posts."""

import json
from collections.abc import Mapping, Sequence

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError, StoreError, command
from ensemble.jobs.job import JobSpec, predict
from ensemble.learner import BaseLearner, Prepares, TrainingContext, TrainsLong
from ensemble.predictions import Predictions, mean
from ensemble.provenance import Provenance
from ensemble.records import BaseRecord
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.paths import relative_to
from ensemble.system.progress import Track, silent

KeptModels = Mapping[Job, BaseLearner]


def find_models(run: Run, learner: str, task: Task, others: Sequence[str]) -> tuple[BaseRecord, list[JobSpec]]:
    """A learner's checked record for a task, and the jobs whose models can predict new posts.

    Raises StoreError saying why there are none, and how to stack the ``others`` without it.
    """
    folder = run.store.base(learner, task.name)
    if learner not in run.learners.names() and not folder.record.is_file():
        raise StoreError(
            f"The stack of {task.name} was made with {learner!r}, which is not there any more; run "
            f"{command('stack', '--task', task.name)}."
        )
    again = f"run {command('train-base', '--learner', learner, '--task', task.name)}, then `ensemble stack`"
    record = folder.verify(None, again)
    made_of = Provenance.of_record(record)
    if made_of.is_imported:
        raise StoreError(
            f"{learner!r} {'comes from tuning' if 'tuned' in record else 'was imported'}: it has probabilities of the "
            "run's own posts, and no model to predict new ones; "
            f"{_without([name for name in others if name not in run.results.imported(task)])}."
        )
    if learner not in run.learners.names():
        raise StoreError(f"{run.store.record} has no base.{learner} any more; {again}, with [base.{learner}].")
    spec = run.learners.spec(learner)
    difference = made_of.difference(provenance_now(run, spec, task, made_of))
    if difference:
        raise StoreError(f"{folder.path} is stale: {difference}; {again}.")
    jobs = [Job(learner, task.name, seed, fold) for seed in run.seeds for fold in range(run.plan.settings.k)]
    of_jobs = made_of.without("seeds")
    work = [JobSpec(job, spec, task, of_jobs.of_job(job.seed, job.fold)) for job in jobs]
    for job_spec in work:
        result = run.store.job(job_spec.job)
        result.verify(job_spec.provenance, again)
        if not result.model.is_dir():
            raise StoreError(
                f'{job_spec.job} was trained with keep_models = "none", so it has no model to predict new posts; '
                f"delete {folder.path} and {again.replace('`, then', ' --keep-models best`, then')}"
                f"{_or_without(run, task, others)}."
            )
    return record, work


def provenance_now(run: Run, spec: LearnerSpec, task: Task, made_of: Provenance) -> Provenance:
    """What results would be made of now. Where training began from no local file, or from files that are gone, the
    recorded ones count: who needs them now, says so."""
    try:
        provenance = run.results.provenance(spec, task)
        if run.learners.bind(spec, task).source_files():
            return provenance
    except LearnerError:
        provenance = run.learners.settings(spec, task).of_all_folds(run.seeds)
    return provenance.with_parts(sources=made_of.parts.get("sources"))


def _or_without(run: Run, task: Task, others: Sequence[str]) -> str:
    """The way out without this learner, where the others do have models."""
    have_models = [any(job.model.exists() for job in run.store.base(name, task.name).jobs()) for name in others]
    return f", or {_without(others)}" if have_models and all(have_models) else ""


def _without(others: Sequence[str]) -> str:
    chosen = json.dumps(list(others)) if others else '["NAME"]'
    return f"stack without it: `ensemble stack --set 'stack.learners={chosen}'`"


def base_probabilities(
    run: Run, work: Sequence[JobSpec], posts: Dataset, track: Track = silent, kept: KeptModels | None = None
) -> Mapping[tuple[str, str], Predictions]:
    """By (learner, task): the mean over all fold models and seeds, as the run's own test rows have it. Models that are
    not among the ``kept`` ones are loaded, one after the other."""
    parts: dict[tuple[str, str], list[Predictions]] = {}
    for job_spec in track(work, "fold models asked", len(work)):
        predictions = predict_with_model(run, job_spec, posts, posts, track, kept, exact=False)
        parts.setdefault((job_spec.job.learner, job_spec.job.task), []).append(predictions)
    return {pair: mean(predictions) for pair, predictions in parts.items()}


def predict_with_model(
    run: Run,
    job_spec: JobSpec,
    posts: Dataset,
    rows: Dataset,
    track: Track,
    kept: KeptModels | None = None,
    exact: bool = True,
) -> Predictions:
    """What the model of a finished job says of ``rows``, some of the ``posts`` that all models are asked about; unless
    ``exact``, up to 1e-4 from what it said when it was trained, where that is faster."""
    learner = (kept or {}).get(job_spec.job) or load_model(run, job_spec)
    with relative_to(run.home):
        _prepare_model(learner, run, job_spec, posts, track, exact)
        return predict(learner, job_spec, rows)


def load_model(run: Run, job_spec: JobSpec) -> BaseLearner:
    """The model of a finished job."""
    with relative_to(run.home):
        learner = run.learners.make(job_spec.spec, job_spec.task)
        learner.load(run.store.job(job_spec.job).model)
        return learner


def _prepare_model(
    learner: BaseLearner, run: Run, job_spec: JobSpec, posts: Dataset, track: Track, exact: bool
) -> None:
    if isinstance(learner, Prepares):
        learner.prepare(posts, run.cache)
    if isinstance(learner, TrainsLong):
        learner.set_context(TrainingContext(None, run.cache.batch_sizes, str(job_spec.job), track, exact))
