"""What the page shows of learners from inside: which modality decided, and what the layers of encoders are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from ensemble.tuning.layers import LayerCurve, LayerCurves
from meta.report.facts import TaskFacts
from meta.report.inside_charts import layer_plot, layer_weight_plot, weight_plot
from meta.report.weight_facts import ModalityWeights
from meta.wording import display_name

MAX_LEARNERS, MAX_LAYERS = 6, 9


@dataclass(frozen=True)
class InsideSection:
    """``weights``: learner, what is known of its weights, and their figure; ``left_out`` learners have some, too.
    ``layers``: curves, and a name and a figure of each modality; ``layer_weights``: names and figures."""

    weights: Sequence[tuple[str, ModalityWeights, str]]
    left_out: int
    layers: Sequence[tuple[LayerCurves, Sequence[tuple[str, str]]]]
    layer_weights: Sequence[tuple[str, str]]
    layer_weights_left_out: int


def inside_section(facts: TaskFacts) -> InsideSection:
    weights = [
        (name, of, weight_plot(of.modalities, f"how much each modality decided in {name} for {facts.name}, row by row"))
        for name, of in list(facts.modality_weights.items())[:MAX_LEARNERS]
    ]
    learned = [(f"{name}: {modality}", of) for name, all in facts.layer_weights.items() for modality, of in all.items()]
    drawn = [
        (title, layer_weight_plot(of, f"weights of the layers that {title} learned for {facts.name}"))
        for title, of in learned[:MAX_LAYERS]
    ]
    layers = [(of, [(_title(curve), _curve(of, curve)) for curve in of["curves"]]) for of in facts.layers.values()]
    return InsideSection(weights, len(facts.modality_weights) - len(weights), layers, drawn, len(learned) - len(drawn))


def _title(curve: LayerCurve) -> str:
    best = curve["best"]
    return f"{curve['modality']}: " + ("no score" if best is None else f"best at {best} of {len(curve['layers'])}")


def _curve(found: LayerCurves, curve: LayerCurve) -> str:
    metric = found["metric"]
    cards = {of["layer"]: of["card"] for of in curve["layers"]}
    values = {layer: card["metrics"][metric]["value"] if card["rows"] else None for layer, card in cards.items()}
    label = f"{display_name(metric)} of {found['task']} by layer of the encoder of {curve['modality']}, as in the table"
    return layer_plot(values, curve["best"], display_name(metric), label)
