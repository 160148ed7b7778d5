"""Parameters that are of some encoders alone, of learners over several frozen ones: without these they are refused."""

from collections.abc import Collection, Mapping
from inspect import signature

from ensemble.errors import LearnerError
from ensemble.learner import LooksAtModalities

MODALITIES_OF = {
    **dict.fromkeys(("audio_layer", "audio_pooling", "audio_stride"), ("audio",)),
    **dict.fromkeys(("video_layer", "video_pooling", "fps", "faces", "detector", "face_margin"), ("video",)),
    "max_seconds": ("audio", "video"),
    "lexicon": ("text",),
}
EARLIER = {"image_layer": ("image",), "text_layer": ("text",)}  # which runs of old may name and not use


def check_effect(name: str, learner: type, given: Mapping[str, object], modalities: Collection[str]) -> None:
    """Raises LearnerError for a parameter that is given and would change nothing."""
    for parameter in _without_effect(MODALITIES_OF, learner, given, modalities):
        of = " and ".join(MODALITIES_OF[parameter])
        raise LearnerError(f"{name}: {parameter} is of {of}, and {of} {'are' if ' ' in of else 'is'} not set.")


def alone(learner: LooksAtModalities, modality: str) -> dict[str, object]:
    """Parameters, to be laid over those of a learner, that leave it the encoder of one modality."""
    others: dict[str, object] = {other: None for other in learner.modalities() if other != modality}
    return others | _without_effect({**MODALITIES_OF, **EARLIER}, type(learner), vars(learner), [modality])


def check_layers(given: Mapping[str, object], encoders: Collection[str]) -> None:
    """Raises LearnerError for the layer of an encoder that is not among these."""
    for parameter, (name,) in EARLIER.items():
        if (layer := given[parameter]) is not None and name not in encoders:
            raise LearnerError(f"{parameter} = {layer} is of no encoder: {name} is not set.")


def layers_alone(learner: LooksAtModalities, modality: str, count: int) -> dict[int, dict[str, object]]:
    """The same for each layer of the encoder, from 1 to ``count``."""
    return {layer: {**alone(learner, modality), f"{modality}_layer": layer} for layer in range(1, count + 1)}


def _without_effect(
    known: Mapping[str, Collection[str]], learner: type, given: Mapping[str, object], modalities: Collection[str]
) -> dict[str, object]:
    """The defaults of those of the ``known`` that are given as something else, and that no encoder is there for."""
    usual = {name: parameter.default for name, parameter in signature(learner).parameters.items()}
    idle = [name for name, of in known.items() if name in usual and not set(of) & set(modalities)]
    return {name: usual[name] for name in idle if given.get(name, usual[name]) != usual[name]}
