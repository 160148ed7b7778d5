"""The subcommand that compares the layers of a learner's encoders: layers. Heavy modules are imported inside."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import DEFAULT, Allow, AsJson, ConfigPath, Overrides, Quiet, TaskNames, app, show

if TYPE_CHECKING:
    from ensemble.tuning.layers import LayerCurve, LayerCurves

BAR = 30


@app.command()
def layers(
    learner: Annotated[str, typer.Argument(help="A base learner of the configuration.")],
    config: ConfigPath = DEFAULT,
    set: Overrides = [],
    task: TaskNames = [],
    metric: Annotated[
        str, typer.Option(help="What says which layer is best. Default: pearson of numbers, else the task's.")
    ] = "",
    allow: Allow = [],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score a learner on each layer of its frozen encoders, one modality at a time.

    Each is fitted on the fit rows of fold 0 and scored on the development part; without one, fitted and scored in folds
    inside these rows. Held-out and test rows are not looked at, so a layer may be chosen by it. Encoders run once for
    all layers; the same command continues. `ensemble report` draws the curve.

    \b
    ensemble layers uegd
    ensemble layers frozen --task sentiment --metric mae
    ensemble layers frozen --set base.frozen.params.audio=openai/whisper-tiny
    """
    from cli.session import Session
    from ensemble.tuning.layers import score_layers

    session = Session(config, set, quiet, allow=allow)
    run = session.run
    run.learners.spec(learner)
    with session.working() as ready:
        session.record()
        found = [score_layers(run, learner, of, metric, session.track, ready) for of in run.some_tasks(task)]
    show({"tasks": found}, print_layers, as_json)


def print_layers(result: "Mapping[str, Sequence[LayerCurves]]") -> None:
    from cli.tables import line
    from meta.wording import layers_note

    for found in result["tasks"]:
        for curve in found["curves"]:
            _print_curve(found, curve)
        line(layers_note(found))
        line("")


def _print_curve(found: "LayerCurves", curve: "LayerCurve") -> None:
    from cli.tables import NUMBER_METRICS, card_metrics, table
    from meta.wording import format_interval, format_number

    metric = found["metric"]
    first = curve["layers"][0]["card"]
    others = [name for name in (first.get("metric", metric), *card_metrics(first)) if name != metric][:2]
    values = [of["card"]["metrics"][metric]["value"] for of in curve["layers"]] if first["rows"] else []
    longest = max((abs(value) for value in values if value is not None), default=0) or 1
    rows = [
        [
            f"{of['layer']}{' *' * (of['layer'] == curve['best'])}",
            format_interval(of["card"]["metrics"][metric]),
            "\u2588" * round(BAR * max(0.0, value or 0.0) / longest),
            *(format_number(of["card"]["metrics"][name]["value"]) for name in others),
        ]
        for of, value in zip(curve["layers"], values, strict=False)
    ]
    heads = [NUMBER_METRICS.get(name, name) for name in others]
    title = f"{found['learner']}, {found['task']}, {curve['modality']} alone: {metric} by layer, {found['rows']:,} rows"
    table(title, ["layer", f"{metric} [95 %]", "", *heads], rows)
