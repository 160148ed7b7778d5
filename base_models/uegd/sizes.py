"""How many blocks an encoder has and how wide its states are, without loading it where its configuration says so."""

from base_models.sequences.frames import of_timm
from base_models.sequences.states import SequenceEncoder
from base_models.uegd.network import States


def size_of(encoder: SequenceEncoder) -> States:
    """Of all its blocks: where the states are in the cache, loading a network would take seconds and gigabytes for two
    numbers. Raises LearnerError where there is no such model."""
    from base_models.textual.loading import load_config

    sees = encoder.modality in ("image", "video")
    if sees and of_timm(encoder.model):
        return States(encoder.layers, encoder.width)
    config = load_config(encoder.model)
    config = getattr(config, "vision_config", config) if sees else config
    layers, width = getattr(config, "num_hidden_layers", None), getattr(config, "hidden_size", None)
    return States(encoder.layers, encoder.width) if layers is None or width is None else States(layers, width)
