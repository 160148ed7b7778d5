"""The subcommand that finds a base learner's parameters: tune. Heavy modules are imported inside."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import (
    DEFAULT,
    Address,
    Allow,
    AsJson,
    ConfigPath,
    EngineName,
    Gpus,
    Jobs,
    JobsPerGpu,
    Overrides,
    Quiet,
    TaskNames,
    app,
    show,
    stop_where_failed,
)
from cli.parallel import HERE, Parallel

if TYPE_CHECKING:
    from ensemble.tuning.outcome import FoldScores, StudySummary, TrialRow

SHOWN = 10


@app.command()
def tune(
    learner: Annotated[str, typer.Argument(help="A base learner of the configuration.")],
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    task: TaskNames = [],
    trials: Annotated[
        int | None, typer.Option(min=1, help="Finished trials in all. Default: tune.LEARNER.trials, or 30.")
    ] = None,
    keep_trials: Annotated[
        int | None, typer.Option(min=0, help="So many of the best trials are stacked as base learners of their own.")
    ] = None,
    jobs: Jobs = None,
    gpus: Gpus = "",
    jobs_per_gpu: JobsPerGpu = None,
    engine: EngineName = HERE,
    address: Address = "",
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find a base learner's parameters, for each task, with Optuna.

    The first trial is the learner as configured. By default trials see nothing of fold 0, so that scores there stay
    honest; one that is worse than the best beyond noise ends after the fold that shows it. The same command continues;
    started several times, processes share the trials; --jobs trains so many folds of a trial at a time. `tuned = true`
    under [base.LEARNER] makes train-base use the best. [tune.LEARNER] sets trials, seed, folds, prune, storage and the
    space.

    \b
    ensemble tune roberta --trials 30
    ensemble tune roberta --gpus 0,1,2,3,4                   (all nested folds of a trial at once)
    ensemble tune tfidf --task sentiment --set 'tune.tfidf.space.balance=[0.0, 0.5, 1.0]'
    ensemble tune bert --set tune.bert.folds=all --set tune.bert.prune=false      (as published)
    ensemble tune bert --set tune.bert.folds=all --keep-trials 3 && ensemble stack
    """
    from cli.session import Session
    from ensemble.config import Tune
    from ensemble.tuning.search import TuneSettings
    from ensemble.tuning.trials import tune as run_study

    parallel = Parallel.of(jobs, gpus, jobs_per_gpu, engine, address)
    session = Session(config, set, quiet, parallel, allow=allow)
    run = session.run
    run.learners.spec(learner)
    section = session.config.tune.get(learner, Tune())
    settings = TuneSettings(storage=section.storage, **section.model_dump())
    settings = settings if trials is None else replace(settings, trials=trials)
    with session.working() as ready:
        session.record()
        summaries = [
            run_study(run, learner, chosen, settings, session.track, ready, parallel.processes, keep_trials)
            for chosen in run.some_tasks(task)
        ]
    show({"tasks": summaries}, print_tuned, as_json)
    stop_where_failed([failure for summary in summaries for failure in summary.failures()])


def print_tuned(result: "Mapping[str, Sequence[StudySummary]]") -> None:
    for summary in result["tasks"]:
        _print_study(summary)


def _print_study(summary: "StudySummary") -> None:
    from cli.causes import by_cause
    from cli.tables import line, table

    trials = summary.trials
    title = f"{summary.learner}, {summary.task}: {summary.metric} of {len(trials)} trials"
    rows = [*map(_row, trials[:SHOWN]), [summary.baseline_name, "", "", _score(summary.baseline), summary.folds, ""]]
    table(title, ["parameters", "trial", "", "score", "folds", "seconds"], rows)
    if len(trials) > SHOWN:
        line(f"... and {len(trials) - SHOWN} more; --json names all")
    for reason in by_cause({f"trial {trial.trial}": trial.reason for trial in trials if trial.reason}):
        line(f"failed: {reason}")
    line(_evaluated_on(summary))
    if count := summary.pruned:
        line(f"{count} trial{'s' * (count > 1)} pruned, which saved about {summary.saved:,.0f} seconds.")
    if summary.kept:
        line(f"For the stack: {', '.join(summary.kept)}, marked as from tuning. They have no models for new posts.")
    if summary.best:
        line(f"The best is in {summary.best}; `tuned = true` under [base.{summary.learner}] makes train-base use it.")
    line("")


def _row(trial: "TrialRow") -> list[object]:
    params = ", ".join(f"{name} = {_brief(value)}" for name, value in trial.params.items()) or "as configured"
    score = _score({"score": trial.score, "std": trial.std, "values": trial.values})
    return [params, trial.trial, trial.state, score, trial.folds, f"{trial.seconds:.1f}"]


def _score(scores: "FoldScores") -> str:
    from meta.wording import format_mean_std

    return format_mean_std(scores["score"], scores["std"])


def _evaluated_on(summary: "StudySummary") -> str:
    """On what the trials were evaluated, and what that leaves unseen."""
    rows, folds = f"{summary.rows:,} rows", summary.folds
    if summary.split == "nested":
        return (
            f"Judged on {rows} in {folds} folds of their own; fold 0 of the run was not looked at: its score is honest."
        )
    if summary.unseen:
        return f"Judged on {rows}, the first {folds} folds of the run: out-of-fold scores there are optimistic."
    return f"Judged on {rows}, all {folds} folds of the run: out-of-fold scores of the tuned learner are optimistic."


def _brief(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
