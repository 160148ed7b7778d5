"""The subcommands around training: plan before it, clean after it. Heavy modules are imported inside."""

from typing import Annotated

import typer

from cli.app import DEFAULT, Allow, AsJson, ConfigPath, LearnerNames, Overrides, Quiet, TaskNames, app, show


@app.command()
def plan(
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    learner: LearnerNames = [],
    task: TaskNames = [],
    fold: Annotated[list[int], typer.Option("-f", "--fold", help="Only this fold; repeatable.")] = [],
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Jobs at a time.")] = 1,
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """What is done and to do, and what it will take: time, disk, memory. Trains nothing.

    Estimated from finished jobs of this run, else of runs beside it with the same learner and parameters. Where there
    are none, one fold (its result is kept) tells the rest.

    \b
    ensemble plan
    ensemble plan --jobs 4 --learner roberta
    ensemble train-base --learner roberta --fold 0 && ensemble plan
    """
    from cli.session import Session
    from cli.upkeep_tables import print_plan
    from ensemble.jobs.status import listed
    from ensemble.upkeep.planning import plan_jobs

    run = Session(config, set, quiet, allow=allow).run
    work, waiting = listed(run, run.learners.some(learner), run.some_tasks(task), fold)
    show(plan_jobs(run, work, jobs, waiting), print_plan, as_json)


@app.command()
def clean(
    kind: Annotated[list[str], typer.Option("-k", "--kind", help="Only this kind; repeatable.")] = [],
    match: Annotated[str, typer.Option(help="Only what has this in its path in run folder or cache.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Delete; otherwise only list what would go.")] = False,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Free disk space: checkpoints, stale results, caches, models. Without --yes nothing is deleted.

    Without --kind go checkpoints of trainings that are over, stale results, what failed and killed jobs left. The
    cache, fold models, trials, ablations, and results of learners that are gone from the configuration go when they
    are named. What a process is at, imported probabilities and the folds always stay, and the cache while a job or
    trial of this run or one beside it is under way; runs in other places that use the same cache are not seen.

    \b
    ensemble clean                                 what there is
    ensemble clean --yes
    ensemble clean --kind cache --match pixels-    decoded images only
    ensemble clean --kind models --match roberta --yes
    """
    from cli.session import Session
    from cli.upkeep_tables import print_cleaned
    from ensemble.upkeep.removal import clean as clean_run

    show(clean_run(Session(config, set, quiet, allow=allow).run, kind, match, yes), print_cleaned, as_json)
