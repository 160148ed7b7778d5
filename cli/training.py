"""The subcommands that make base probabilities: train-base, import, status. Heavy modules are imported inside."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import (
    DEFAULT,
    Address,
    Allow,
    AsJson,
    Budget,
    ConfigPath,
    EngineName,
    Gpus,
    Jobs,
    JobsPerGpu,
    LearnerNames,
    OneTask,
    Overrides,
    Quiet,
    TaskNames,
    app,
    show,
    stop_where_failed,
)
from cli.parallel import HERE, Parallel
from cli.pasting import pasteable

if TYPE_CHECKING:
    from ensemble.jobs.job import Outcome


@app.command()
def train_base(
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    learner: LearnerNames = [],
    task: TaskNames = [],
    fold: Annotated[list[int], typer.Option("-f", "--fold", help="Only this fold; repeatable.")] = [],
    jobs: Jobs = None,
    gpus: Gpus = "",
    jobs_per_gpu: JobsPerGpu = None,
    engine: EngineName = HERE,
    address: Address = "",
    keep_models: Annotated[str, typer.Option(help="best: keep trained weights; none: probabilities only.")] = "",
    allow: Allow = [],
    budget: Budget = "",
    extend_folds: Annotated[
        bool, typer.Option("--extend-folds", help="New rows of the table get folds; old ones stay where they are.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train base learners fold by fold and keep their out-of-fold probabilities.

    Finished jobs are never done again; after Ctrl-C (once: what is under way is saved first) or a crash the same
    command continues. Cores are shared evenly by the processes, unless run.threads says how many each has.
    Within a --budget no job begins that is not expected to end in time, and what is under way at its end is saved.

    \b
    ensemble train-base
    ensemble train-base --learner tfidf --task sentiment --fold 0
    ensemble train-base --jobs 4
    ensemble train-base --gpus 0,1 --jobs-per-gpu 2
    ensemble train-base --engine ray --address auto --jobs-per-gpu 1 --set run.threads=4    (CPUs of each job)
    ensemble train-base --set base.image.params.views=1 --keep-models none
    ensemble train-base --budget 2h && ensemble stack       (what is complete by then)
    torchrun --nproc-per-node 2 -m cli.main train-base      (two GPUs on each training)
    """
    from cli.api.work import train_learners
    from cli.session import Session
    from cli.tables import TrainedLearners, print_trained
    from cli.upkeep_tables import print_spent

    kept = [f"run.keep_models={keep_models}"] if keep_models else []
    parallel = Parallel.of(jobs, gpus, jobs_per_gpu, engine, address)
    session = Session(config, [*set, *kept], quiet, parallel, allow=allow, extend_folds=extend_folds)
    found = train_learners(session, learner, task, fold, lambda line: typer.echo(pasteable(line), err=True), budget)
    if session.run.distributed.is_worker:
        return
    failed = [failure.as_json() for failure in found.spent.failures]
    where = {"--jobs": jobs, "--gpus": gpus, "--jobs-per-gpu": jobs_per_gpu, "--address": address, "--budget": budget}
    where["--engine"] = engine if engine != HERE else None
    again = _again(config, [*set, *kept], found.spent.failures, where)
    trained = TrainedLearners(
        learners=found.learners, baselines=found.baselines, failures=failed, again=again, left=found.spent.left
    )
    show(trained, print_trained, as_json)
    if budget and not as_json:
        print_spent(found.spent)
    stop_where_failed(failed)


def _again(
    config: Path, overrides: Sequence[str], failures: "Sequence[Outcome]", where: Mapping[str, str | int | None]
) -> str | None:
    """The command that tries these jobs again, and no others of the same learners but those that are not done."""
    if not failures:
        return None
    named = {
        "--config": [str(config)] if config != DEFAULT else [],
        "--set": overrides,
        "--learner": dict.fromkeys(failure.job.learner for failure in failures),
        "--task": dict.fromkeys(failure.job.task for failure in failures),
        "--fold": sorted({str(failure.job.fold) for failure in failures}),
        **{name: [str(value)] for name, value in where.items() if value not in (None, "")},
    }
    options = [word for name, values in named.items() for value in values for word in (name, value)]
    return shlex.join(["ensemble", "train-base", *options])


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="The name it gets among the base learners.")],
    oof: Annotated[
        Path | None, typer.Option(help="Out-of-fold predictions: Parquet or CSV with id and class columns (or value).")
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Probabilities of the rows outside the folds.")] = None,
    task: OneTask = None,
    unknown_folds: Annotated[bool, typer.Option(help="Accept OOF whose folds cannot be checked, and mark it.")] = False,
    modality: Annotated[str, typer.Option(help="What it looked at: text, image or both.")] = "unknown",
    undo: Annotated[
        bool, typer.Option("--undo", help="Remove what was imported under NAME (for --task, or all).")
    ] = False,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring in probabilities, or numbers, made elsewhere as one more base learner.

    \b
    ensemble folds --out plan.csv                  (ids and folds, for whoever trains elsewhere)
    ensemble import autogluon --oof oof.csv --test test.csv --task sentiment --modality both
    ensemble import autogluon --undo
    """
    from cli.session import Session
    from cli.tables import print_imported, print_undone
    from ensemble.errors import ConfigError
    from ensemble.jobs.importing import import_predictions, undo_import

    if undo == bool(oof or test):
        raise ConfigError("--oof FILE must name the out-of-fold probabilities; --undo takes no files.")
    session = Session(config, set, quiet, allow=allow)
    if oof is None:
        show(undo_import(session.run, name, session.run.some_tasks([task] if task else [])), print_undone, as_json)
        return
    record = import_predictions(session.run, name, session.run.only_task(task), oof, test, unknown_folds, modality)
    show(record, print_imported, as_json)


@app.command()
def ablate(
    name: Annotated[str, typer.Argument(help="A base learner of text and image, trained.")],
    task: TaskNames = [],
    way: Annotated[
        list[str], typer.Option(help="masked: hide from trained models; trained: train without. Default: both.")
    ] = [],
    jobs: Jobs = None,
    gpus: Gpus = "",
    jobs_per_gpu: JobsPerGpu = None,
    engine: EngineName = HERE,
    address: Address = "",
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """What a joint learner is worth without the image and without the text, out of fold.

    Masked at prediction needs the kept fold models and takes minutes; trained masked trains twice again, in
    RUN/ablation, and goes on where it was stopped.

    \b
    ensemble ablate fusion
    ensemble ablate fusion --way masked --task sentiment
    ensemble ablate fusion --way trained --gpus 0,1
    """
    from cli.session import Session
    from cli.tables import Ablations, print_ablations
    from ensemble.jobs.ablation import ablate as hide_and_score
    from ensemble.jobs.ablation import ways_named

    ways = ways_named(way)
    session = Session(config, set, quiet, Parallel.of(jobs, gpus, jobs_per_gpu, engine, address), allow=allow)
    run, track = session.run, session.track
    with session.working() as ready:
        ablations = [hide_and_score(run, name, chosen, ways, track, ready) for chosen in run.some_tasks(task)]
    show(Ablations(tasks=ablations), print_ablations, as_json)
    stop_where_failed([failure for ablation in ablations for failure in ablation["failures"]])


@app.command()
def status(
    config: ConfigPath = DEFAULT, set: Overrides = [], allow: Allow = [], quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Which jobs are done, missing, stale or failed, and why.

    \b
    ensemble status
    """
    from cli.session import Session
    from cli.upkeep_tables import print_status
    from ensemble.jobs.status import status as find_status

    show(find_status(Session(config, set, quiet, allow=allow).run), print_status, as_json)
