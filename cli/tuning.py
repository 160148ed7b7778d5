"""The subcommand that finds a base learner's parameters: tune. Heavy modules are imported inside."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from cli.app import (
    DEFAULT,
    Address,
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
)
from cli.parallel import HERE, Parallel

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
    from ensemble.tuning.trials import tune as find

    parallel = Parallel.of(jobs, gpus, jobs_per_gpu, engine, address)
    session = Session(config, set, quiet, parallel)
    run = session.run
    run.learners.spec(learner)
    session.record()
    section = session.config.tune.get(learner, Tune())
    settings = TuneSettings(storage=section.storage, **section.model_dump())
    settings = settings if trials is None else replace(settings, trials=trials)
    with session.working() as ready:
        found = [
            find(run, learner, one, settings, session.track, ready, parallel.processes, keep_trials)
            for one in run.some_tasks(task)
        ]
    show({"tasks": found}, print_tuned, as_json)


def print_tuned(result: Mapping[str, Any]) -> None:
    for entry in result["tasks"]:
        _print_study(entry)


def _print_study(entry: Mapping[str, Any]) -> None:
    from cli.tables import line, table
    from meta.wording import format_number

    rows = []
    for row in entry["trials"][:SHOWN]:
        score = "" if row["score"] is None else format_number(row["score"])
        spread = "" if row["std"] is None else f" ±{format_number(row['std'])}"
        params = ", ".join(f"{name} = {_brief(value)}" for name, value in row["params"].items()) or "as configured"
        rows.append([params, row["trial"], row["state"], score + spread, row["folds"], f"{row['seconds']:.1f}"])
    title = f"{entry['learner']}, {entry['task']}: {entry['metric']} of {len(entry['trials'])} trials"
    table(title, ["parameters", "trial", "", "score", "folds", "seconds"], rows)
    if len(entry["trials"]) > SHOWN:
        line(f"... and {len(entry['trials']) - SHOWN} more; --json names all")
    for row in entry["trials"]:
        if row["reason"]:
            line(f"failed: trial {row['trial']}: {row['reason']}")
    line(_judged(entry))
    if count := entry["pruned"]:
        line(f"{count} trial{'s' * (count > 1)} pruned, which saved about {entry['saved']:,.0f} seconds.")
    if entry["kept"]:
        line(f"For the stack: {', '.join(entry['kept'])}, marked as from tuning. They have no models for new posts.")
    if entry["best"]:
        line(f"The best is in {entry['best']}; `tuned = true` under [base.{entry['learner']}] makes train-base use it.")
    line("")


def _judged(entry: Mapping[str, Any]) -> str:
    """On what the trials were judged, and what that leaves unseen."""
    rows, folds = f"{entry['rows']:,} rows", entry["folds"]
    if entry["split"] == "nested":
        return (
            f"Judged on {rows} in {folds} folds of their own; fold 0 of the run was not looked at: its score is honest."
        )
    if entry["unseen"]:
        return f"Judged on {rows}, the first {folds} folds of the run: out-of-fold scores there are optimistic."
    return f"Judged on {rows}, all {folds} folds of the run: out-of-fold scores of the tuned learner are optimistic."


def _brief(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
