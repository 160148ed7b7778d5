"""The subcommands of `ensemble`. Heavy modules are imported inside, so that --help is instant."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="ensemble",
    help="Stacked ensembles that read the feeling of image + text posts.\n\n\b\n"
    "ensemble demo                                    the whole way on small drawn memes, offline\n"
    "ensemble init memotion --root DIR                write ensemble.toml for a dataset\n"
    "ensemble data                                    look before you train\n"
    "ensemble train-base && ensemble stack && ensemble submit",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[Path, typer.Option("-c", "--config", help="The configuration; paths in it are relative to it.")]
Overrides = Annotated[list[str], typer.Option("--set", help="KEY=VALUE on top of the configuration; repeatable.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
TaskNames = Annotated[list[str], typer.Option("-t", "--task", help="Only this task; repeatable.")]
DEFAULT = Path("ensemble.toml")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to draw the memes and run; must be new or empty.")] = Path(
        "artifacts/demo"
    ),
    posts: Annotated[int, typer.Option(min=60, help="How many memes to draw.")] = 400,
) -> None:
    """Draw a few hundred small memes and run every command on them, offline, in about two minutes.

    \b
    ensemble demo
    ensemble demo /tmp/demo --posts 200
    """
    from cli.demo import run_demo

    run_demo(folder, posts)


@app.command()
def init(
    preset: Annotated[str, typer.Argument(help="memotion, memotion2020, mvsa, hateful-memes or csv.")],
    root: Annotated[Path, typer.Option(help="The dataset's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = DEFAULT,
) -> None:
    """Write a commented ensemble.toml for a dataset.

    \b
    ensemble init mvsa --root ~/data/mvsa
    ensemble init csv --root . --out runs/mine.toml
    """
    from cli.recipe import write_recipe

    print(f"Wrote {write_recipe(preset, root, out)}. Next: edit it if you like, then `ensemble data`.")


@app.command()
def data(config: ConfigPath = DEFAULT, set: Overrides = [], quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Audit the dataset: rows, classes, missing and unreadable media, duplicates, train/test overlap.

    \b
    ensemble data
    ensemble data --json > audit.json
    """
    from cli.session import Session
    from cli.tables import print_audit
    from ensemble.audit import audit

    session = Session(config, set, quiet)
    found = audit(session.data, session.seen)
    _show(found, print_audit, as_json)


@app.command()
def train_base(
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    learner: Annotated[list[str], typer.Option("-l", "--learner", help="Only this base learner; repeatable.")] = [],
    task: TaskNames = [],
    fold: Annotated[list[int], typer.Option("-f", "--fold", help="Only this fold; repeatable.")] = [],
    keep_models: Annotated[str, typer.Option(help="best: keep trained weights; none: probabilities only.")] = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train base learners fold by fold and keep their out-of-fold probabilities.

    Finished jobs are never done again; after Ctrl-C or a crash the same command continues.

    \b
    ensemble train-base
    ensemble train-base --learner tfidf --task sentiment --fold 0
    ensemble train-base --set base.image.params.views=1 --keep-models none
    torchrun --nproc-per-node 2 -m cli.main train-base      (two GPUs on each training)
    """
    from cli.session import Session
    from cli.tables import print_trained
    from ensemble.jobs import list_work, train
    from ensemble.status import finished

    kept = [f"run.keep_models={keep_models}"] if keep_models else []
    session = Session(config, [*set, *kept], quiet)
    run = session.run
    specs, tasks = run.some_specs(learner), run.some_tasks(task)
    session.record()
    failures = train(run, list_work(run, specs, tasks, fold), session.track)
    if run.peers.follows:
        return
    failed = [{"job": str(failure.job), "reason": failure.reason} for failure in failures]
    _show({"learners": finished(run, specs, tasks), "failures": failed}, print_trained, as_json)
    if failures:
        raise typer.Exit(2)


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="The name it gets among the base learners.")],
    oof: Annotated[Path, typer.Option(help="Out-of-fold probabilities: Parquet or CSV with id and class columns.")],
    test: Annotated[Path | None, typer.Option(help="Probabilities of the rows outside the folds.")] = None,
    task: Annotated[str | None, typer.Option("-t", "--task", help="Needed where the data has several tasks.")] = None,
    unknown_folds: Annotated[bool, typer.Option(help="Accept OOF whose folds cannot be checked, and mark it.")] = False,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring in probabilities made elsewhere as one more base learner.

    \b
    ensemble import autogluon --oof oof.csv --test test.csv --task sentiment
    """
    oof, test = oof.resolve(), test.resolve() if test else None
    from cli.session import Session
    from cli.tables import print_imported
    from ensemble.importing import import_predictions

    session = Session(config, set, quiet)
    record = import_predictions(session.run, name, session.run.only_task(task), oof, test, unknown_folds)
    _show(record, print_imported, as_json)


@app.command()
def stack(
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    task: TaskNames = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Stack the finished base learners, task by task, on the folds they were trained on.

    \b
    ensemble stack
    ensemble stack --task sentiment --json
    """
    from cli.session import Session
    from cli.tables import print_stacks
    from meta.summary import stack_tasks

    session = Session(config, set, quiet)
    settings = session.config.stack
    run = session.run
    found = stack_tasks(run, run.some_tasks(task), settings.estimators, settings.learners, session.track)
    _show(found, print_stacks, as_json)


@app.command()
def submit(
    format: Annotated[str | None, typer.Option("-F", "--format", help="Default: submit.format.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Default: <run>/submission/<its usual name>.")] = None,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the competition file from the finished stacks, linted, with the score its labels have out of fold.

    \b
    ensemble submit
    ensemble submit --format csv --out mine.csv
    """
    out = out.resolve() if out else None
    from cli.session import Session
    from cli.tables import print_submission
    from meta.decisions import hand_in

    session = Session(config, set, quiet)
    settings = session.config.stack
    form = format or session.config.submit.format
    _show(hand_in(session.run, form, out, settings.estimators, settings.learners), print_submission, as_json)


@app.command()
def status(config: ConfigPath = DEFAULT, set: Overrides = [], quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Which jobs are done, missing, stale or failed, and why.

    \b
    ensemble status
    """
    from cli.session import Session
    from cli.tables import print_status
    from ensemble.status import status as find_status

    _show(find_status(Session(config, set, quiet).run), print_status, as_json)


@app.command()
def learners(as_json: AsJson = False) -> None:
    """The base learners, their parameters and defaults.

    \b
    ensemble learners
    """
    from base_models import LEARNERS
    from cli.tables import print_learners
    from ensemble.learner import describe_learners

    _show(describe_learners(LEARNERS), print_learners, as_json)


def _show(result: dict[str, Any], table: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        table(result)
