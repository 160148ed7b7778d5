"""The subcommands before training: demo, init, data, learners, converting. Heavy modules are imported late, inside."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.app import DEFAULT, Allow, AsJson, ConfigPath, Overrides, Quiet, app, show, stop_where_refused


class World(StrEnum):
    """What carries the sentiment of drawn clips."""

    all = "all"
    face = "face"
    tone = "tone"


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where to draw and run; new or empty. Default: artifacts/demo, artifacts/demo-clips."),
    ] = None,
    posts: Annotated[int | None, typer.Option(min=60, help="Default: 400 memes, 240 clips.")] = None,
    clips: Annotated[bool, typer.Option("--clips", help="Clips with picture, sound, caption; a number.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Memes: four kinds of text network, not one.")] = False,
    informative: Annotated[
        World | None, typer.Option(help="clips: what decides. Default: all, face, tone and caption alike.")
    ] = None,
) -> None:
    """Draw a few hundred small memes, or clips, and run every command on them, offline, in about a minute.

    \b
    ensemble demo
    ensemble demo --full
    ensemble demo /tmp/demo --posts 200
    ensemble demo --clips
    ensemble demo --clips --informative face
    """
    from cli.demo import run_clips_demo, run_demo
    from ensemble.errors import ConfigError

    if informative is not None and not clips:
        raise ConfigError("--informative goes with --clips.")
    if full and clips:
        raise ConfigError("--full is of memes; leave out --clips.")
    if clips:
        run_clips_demo(folder or Path("artifacts/demo-clips"), posts or 240, informative or World.all)
    else:
        run_demo(folder or Path("artifacts/demo"), posts or 400, full)


@app.command()
def init(
    preset: Annotated[
        str,
        typer.Argument(
            help="A dataset: memotion, mvsa, hateful-memes, mami, cmu, ravdess, csv. A paper: memotion2020, "
            "joint-finetuning, flava-mvsa, clip-lora-mvsa, blip2-mvsa, llava-mvsa, tinyllava-mvsa, mosi-text, "
            "uegd-mosi, uegd-mosei, uegd-sims. Language models that see: vlm-2026."
        ),
    ],
    root: Annotated[
        Path | None, typer.Option(metavar="folder", help="The dataset's folder (with --train: default its folder).")
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = DEFAULT,
    train: Annotated[Path | None, typer.Option(help="csv: look at this table, so that nothing need be edited.")] = None,
    label: Annotated[list[str], typer.Option(help="csv: a column of classes; repeatable.")] = [],
    test: Annotated[str, typer.Option(help="csv: the table of rows to predict.")] = "",
    text: Annotated[str, typer.Option(help="csv: the column of texts.")] = "",
    image: Annotated[str, typer.Option(help="csv: the column of image paths, or a pattern: images/{id}.jpg")] = "",
    audio: Annotated[str, typer.Option(help="csv: the column of paths of sounds, or a pattern.")] = "",
    video: Annotated[str, typer.Option(help="csv: the column of paths of videos, or a pattern.")] = "",
    id: Annotated[str, typer.Option(help="csv: the column of ids.")] = "",
    group: Annotated[str, typer.Option(help="csv: a column whose equal rows stay together: user, event.")] = "",
) -> None:
    """Write a commented ensemble.toml for a dataset or for a paper's system.

    \b
    ensemble init mvsa --root ~/data/mvsa
    ensemble init joint-finetuning --root ~/data/mvsa-multiple
    ensemble init csv --train posts/train.csv --label sentiment      (looks at the tables: runs as it is)
    ensemble init csv --train posts/train.csv --label hateful --test posts/test.csv --group user
    ensemble init csv --root . --out runs/mine.toml
    """
    from cli.recipe import recipe_of, sketch_recipe, write_recipe
    from ensemble.errors import ConfigError

    given = {"test": test, "text": text, "image": image, "audio": audio, "video": video, "id": id, "group": group}
    kinds, given = tuple(given), {kind: value for kind, value in given.items() if value}
    if train is not None and preset == "csv":
        path, assumed = sketch_recipe(root, train, label, given, out)
        for line in assumed:
            print(line)
        print(f"Wrote {path}. Next: `ensemble data`.")
        return
    recipe_of(preset)
    if train is not None or label or given:
        options = ", ".join(f"--{name}" for name in ("train", "label", *kinds))
        raise ConfigError(f"{options} go with `init csv --train FILE`.")
    if root is None:
        raise ConfigError("--root must name the dataset's folder.")
    print(f"Wrote {write_recipe(preset, root, out)}. Next: edit it if you like, then `ensemble data`.")


@app.command()
def data(
    config: ConfigPath = DEFAULT, set: Overrides = [], allow: Allow = [], quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Audit the dataset: rows, classes, missing and unreadable media, duplicates, train/test overlap.

    Lines with ! say what is wrong; what `ensemble train-base` would refuse is refused here, too.

    \b
    ensemble data
    ensemble data --json > audit.json
    """
    from cli.doubts import judge
    from cli.session import Session
    from cli.tables import print_audit

    found = judge(Session(config, set, quiet, allow=allow))
    show(dict(found), print_audit, as_json)
    stop_where_refused(found["refused"])


@app.command()
def folds(
    out: Annotated[Path | None, typer.Option("-o", "--out", help=".csv or .parquet. Default: <run>/plan.csv.")] = None,
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the fold plan for whoever trains elsewhere: id, fold (-1: a test row), group (copies, kept together).

    Out-of-fold probabilities made on it come back by `ensemble import`; another run takes the plan by [folds] file.

    \b
    ensemble folds
    ensemble folds --out plan.parquet
    """
    out = out.resolve() if out else None
    from cli.doubts import check_output
    from cli.session import Session
    from cli.tables import print_folds
    from ensemble.datasets.fold_tables import write_folds

    session = Session(config, set, quiet, allow=allow)
    check_output(session, out)
    run = session.run
    show(write_folds(run.plan, out or run.store.root / "plan.csv"), print_folds, as_json)


@app.command()
def learners(
    names: Annotated[list[str] | None, typer.Argument(help="Only these, with all that is said of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """The base learners; of those that are named, each parameter with its default, its bounds and its meaning.

    \b
    ensemble learners
    ensemble learners fusion
    """
    from dataclasses import asdict

    from base_models import LEARNERS
    from cli.learner_description import describe_learners
    from cli.learner_tables import print_learners

    described = describe_learners(LEARNERS, names or ())
    plain = {name: asdict(learner) for name, learner in described.items()}
    show(plain, lambda _: print_learners(described, bool(names)), as_json)


@app.command()
def check_learner(
    learner: Annotated[str, typer.Argument(help="A name, or my_package.module:Class of an installed package.")],
    set: Annotated[list[str], typer.Option("--set", help="KEY=VALUE, a parameter of the learner; repeatable.")] = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run the contract that every base learner keeps on a learner, with small drawn posts; exit with 2 where it breaks.

    Drawn are texts, images and sounds, classes and numbers. A class of another package is imported, and checked to be
    one of a learner before anything is called.

    \b
    ensemble check-learner tfidf
    ensemble check-learner my_package.learners:Mine --set width=8
    ensemble check-learner sklearn --set estimator=sklearn.svm:LinearSVC
    """
    from cli.learner_check import check_contract
    from cli.learner_tables import print_checked

    found = check_contract(learner, set, quiet)
    show(found, print_checked, as_json)
    if any(one["failures"] for one in found):
        raise typer.Exit(2)


@app.command()
def convert_features(
    file: Annotated[Path, typer.Argument(help="A pickle of conventional features, by part: of MMSA, MulT, MISA.")],
    out: Annotated[Path, typer.Option(metavar="folder", help="The folder that gets features.parquet.")],
    as_json: AsJson = False,
) -> None:
    """Make a published pickle of conventional features (Facet, COVAREP, GloVe) into a plain table, once.

    Arrays in plain containers are read, and nothing of the pickle is run; what asks for anything else is refused.

    \b
    ensemble convert-features mosi/unaligned_50.pkl --out mosi/features
    """
    from cli.tables import print_converted
    from ensemble.datasets.conventional_features import convert_features

    show(convert_features(file, out), print_converted, as_json)
