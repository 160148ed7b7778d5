"""The subcommand that makes predicting cheap: distil. Heavy modules are imported inside."""

from typing import Annotated

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
)
from cli.parallel import HERE, Parallel


@app.command()
def distil(
    learner: Annotated[
        str | None,
        typer.Option("-l", "--learner", metavar="name", help="The student. Default: the best that can be one."),
    ] = None,
    task: TaskNames = [],
    teacher: Annotated[
        str | None, typer.Option(metavar="name", help="The stack's candidate to learn from. Default: the stack.")
    ] = None,
    labels: Annotated[
        float, typer.Option(min=0, max=1, metavar="share", help="Of what is learned, so much is the true label.")
    ] = 0.0,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    jobs: Jobs = None,
    gpus: Gpus = "",
    jobs_per_gpu: JobsPerGpu = None,
    engine: EngineName = HERE,
    address: Address = "",
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Teach one base learner what the finished stack says, and judge it: one small model that predicts in its place.

    The student learns the stack's out-of-fold probabilities of all rows as soft labels. So that its own score is out of
    fold, base learners and stack are trained once more without each fold, in RUN/teachers: with k folds about k times
    `ensemble train-base`. No learner is trained twice. `ensemble predict --distilled` uses the student.

    \b
    ensemble distil
    ensemble distil --learner text --labels 0.3
    ensemble distil --teacher logistic_regression --task sentiment --jobs 4
    ensemble predict new.csv --distilled
    """
    from cli.distilling_tables import print_distilled
    from cli.session import Session
    from meta.distillation.distil import distil as teach

    parallel = Parallel.of(jobs, gpus, jobs_per_gpu, engine, address)
    session = Session(config, set, quiet, parallel, allow=allow)
    run = session.run
    with session.working() as ready:
        made = [
            teach(run, one, session.stacking, learner, teacher, labels, session.track, ready)
            for one in run.some_tasks(task)
        ]
    show(made, print_distilled, as_json)
