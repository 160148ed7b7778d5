"""The subcommands on finished base learners: stack, report, submit, predict. Heavy modules are imported inside."""

from pathlib import Path
from typing import Annotated

import typer

from cli.app import DEFAULT, Allow, AsJson, ConfigPath, Overrides, Quiet, TaskNames, app, show


@app.command()
def stack(
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    task: TaskNames = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Stack the finished base learners, task by task, on the folds they were trained on.

    \b
    ensemble stack
    ensemble stack --task sentiment --json
    """
    from cli.api.work import stack_learners
    from cli.session import Session
    from cli.stack_tables import print_stacks

    session = Session(config, set, quiet, allow=allow)
    found = stack_learners(session, task, config, set, lambda line: typer.echo(line, err=True))
    show(found, print_stacks, as_json)


@app.command()
def report(
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Default: <run>/report.html.")] = None,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw everything that is known of a run on one page that needs no network: report.html, and report.json beside it.

    \b
    ensemble report
    ensemble report --out memotion.html
    """
    out = out.resolve() if out else None
    from cli.doubts import check_output
    from cli.session import Session
    from cli.stack_tables import print_report
    from meta.report.writing import write_report

    session = Session(config, set, quiet, allow=allow)
    check_output(session, out)
    show(write_report(session.run, session.stacking, session.scans, out, session.track), print_report, as_json)


@app.command()
def submit(
    format: Annotated[str | None, typer.Option("-F", "--format", help="Default: as in [submit].")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Default: <run>/submission/<its usual name>.")] = None,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the competition file from the finished stacks, linted, with the score its labels have out of fold.

    The csv format holds labels; probabilities of a task that is judged by ranks or probabilities, such as roc_auc.

    \b
    ensemble submit
    ensemble submit --format csv --out mine.csv
    """
    out = out.resolve() if out else None
    from cli.doubts import check_output
    from cli.session import Session
    from cli.stack_tables import print_submission
    from meta.decisions import write_submission

    session = Session(config, set, quiet, allow=allow)
    check_output(session, out)
    form = session.submission_format(format)
    show(write_submission(session.run, form, out, session.stacking), print_submission, as_json)


@app.command()
def predict(
    posts: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON lines or Parquet table of posts.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--run", metavar="folder", help="The run folder, all that is needed. Default: that of ./ensemble.toml."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Default: <run>/predictions.<format>; - prints.")
    ] = None,
    format: Annotated[str | None, typer.Option("-F", "--format", help="csv or jsonl. Default: as --out ends.")] = None,
    task: TaskNames = [],
    images: Annotated[
        Path | None,
        typer.Option(metavar="folder", help="Where paths of files begin. Default: beside POSTS, or as in the run."),
    ] = None,
    column: Annotated[
        list[str],
        typer.Option(
            metavar="kind=name",
            help="text=tweet, image=photo, audio=sound, video=clip, id=key; image= for none. Default: as in the run.",
        ),
    ] = [],
    delimiter: Annotated[str, typer.Option(help="Default: what the header of POSTS tells.")] = "",
    quotes: Annotated[str, typer.Option(help="literal: quotation marks are text; csv: they enclose values.")] = "",
    encoding: Annotated[str, typer.Option(help="Default: UTF-8, or what the words look like.")] = "",
    allow: Allow = [],
    no_operating_point: Annotated[
        bool, typer.Option("--no-operating-point", help="The stack's own labels, whatever `ensemble thresholds` chose.")
    ] = False,
    distilled: Annotated[
        bool, typer.Option("--distilled", help="By the small models that `ensemble distil` made; no shares.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Label new posts with a finished run.

    Each gets labels, probabilities, and how much of each decision each learner carries.
    POSTS needs a column of what the stacked learners look at: texts, images, or both; either may be empty in a row, and
    what none of them looks at is left out. Without ids, rows are numbered.
    Where `ensemble thresholds` has chosen an operating point, labels are those at it, review among them.
    CSV has the columns id, TASK (the label), TASK:CLASS (probabilities), TASK|LEARNER (shares; below 0: against it).

    \b
    ensemble predict new.csv
    ensemble predict new.csv --run artifacts/memotion --images photos --out answers.jsonl
    ensemble predict new.tsv --column text=tweet --task sentiment --out - | head
    ensemble predict new.csv --distilled                                   (after `ensemble distil`)
    """
    from cli.finished import predict_posts
    from cli.stack_tables import print_predictions

    dialect = {"delimiter": delimiter, "quotes": quotes, "encoding": encoding}
    operating = not no_operating_point
    asked = operating, distilled
    found = predict_posts(posts, folder, out, format, task, images, column, dialect, allow, quiet, *asked)
    if found["file"] is not None:
        print_predictions(found)
