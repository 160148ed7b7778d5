"""The subcommands that put a finished run to work: thresholds, score. Heavy modules are imported inside."""

from pathlib import Path
from typing import Annotated

import typer

from cli.app import Allow, AsJson, OneTask, Quiet, TaskNames, app, show

RunFolder = Annotated[Path | None, typer.Argument(help="The run folder. Default: that of ./ensemble.toml.")]


@app.command()
def thresholds(
    run: RunFolder = None,
    task: OneTask = None,
    precision: Annotated[float | None, typer.Option(help="At least this precision, with most recall.")] = None,
    recall: Annotated[float | None, typer.Option(help="At least this recall, with most precision.")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="class", help="The class that both are of. Default: the positive one of two.")
    ] = None,
    review: Annotated[
        float | None,
        typer.Option(metavar="share", help="The share of posts, the least sure, that a person looks at."),
    ] = None,
    cost: Annotated[
        list[str],
        typer.Option(
            metavar="class=number",
            help="What missing it costs; others 1. TRUE:DECIDED=NUMBER, review=NUMBER. Repeatable.",
        ),
    ] = [],
    undo: Annotated[bool, typer.Option("--undo", help="Take the operating point away again.")] = False,
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Choose at which probabilities a finished stack decides, on its out-of-fold probabilities.

    One question at a time: --precision or --recall of a class; both, and posts between the two thresholds are for
    review; --review, a share that a person looks at; or --cost, what mistakes cost. What is printed is of points chosen
    anew for each fold on the others. `ensemble predict` gives labels at the chosen point until --undo.

    \b
    ensemble thresholds --task hate --precision 0.9
    ensemble thresholds artifacts/memes -t hate --precision 0.9 --recall 0.95     (between the two: review)
    ensemble thresholds -t sentiment --label negative --recall 0.8
    ensemble thresholds -t hate --review 0.1
    ensemble thresholds -t hate --cost hate=5 --cost review=0.3
    ensemble thresholds -t hate --undo
    """
    from cli.finished import run_folder
    from cli.operating_tables import print_point, print_point_removed
    from cli.session import Session
    from ensemble.errors import ConfigError
    from meta.operating.asked import Asked
    from meta.operating.kept import choose_point, remove_point

    asked = None if undo else Asked(label, precision, recall, review, tuple(cost))
    if undo and any(one is not None for one in (label, precision, recall, review, *cost)):
        raise ConfigError("--undo takes the operating point away; it goes with --task and nothing else.")
    opened = Session(run_folder(run), quiet=quiet, allow=allow).run
    chosen = opened.only_task(task)
    if asked is None:
        show({"task": chosen.name, "removed": remove_point(opened, chosen)}, print_point_removed, as_json)
        return
    show(choose_point(opened, chosen, asked), print_point, as_json)


@app.command()
def score(
    posts: Annotated[Path, typer.Argument(help="A table of later posts with their labels.")],
    folder: Annotated[
        Path | None, typer.Option("--run", metavar="folder", help="The run folder. Default: that of ./ensemble.toml.")
    ] = None,
    task: TaskNames = [],
    by: Annotated[
        list[str],
        typer.Option(metavar="name", help="Scores by this column, numbers in quarters. Repeatable."),
    ] = [],
    label: Annotated[
        list[str], typer.Option(metavar="task=column", help="Where labels are in a column of another name. Repeatable.")
    ] = [],
    with_training: Annotated[
        bool, typer.Option("--with-training", help="Posts that the run was trained on count, too.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(metavar="folder", help="Where paths of files begin. Default: beside POSTS, or as in the run."),
    ] = None,
    column: Annotated[list[str], typer.Option(metavar="kind=name", help="As of `ensemble predict`. Repeatable.")] = [],
    delimiter: Annotated[str, typer.Option(help="Default: what the header of POSTS tells.")] = "",
    quotes: Annotated[str, typer.Option(help="literal: quotation marks are text; csv: they enclose values.")] = "",
    encoding: Annotated[str, typer.Option(help="Default: UTF-8, or what the words look like.")] = "",
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Hold a finished run to its out-of-fold score: what it scores on later labelled posts, and what has moved.

    Score and calibration then and now, scores by slice, and how far posts and predictions differ from those of the
    training, beyond what chance would make of as many rows. Labels are the stack's own. Posts that were trained on are
    counted and left out.

    \b
    ensemble score march.csv
    ensemble score march.csv --run artifacts/memes --by platform --by language
    ensemble score march.csv --label hate=is_hateful --json
    """
    from cli.later import score_file
    from cli.operating_tables import print_later

    dialect = {"delimiter": delimiter, "quotes": quotes, "encoding": encoding}
    found = score_file(posts, folder, task, images, column, label, by, with_training, dialect, allow, quiet)
    show(found, print_later, as_json)
