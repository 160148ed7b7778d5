"""Low-rank adapters (LoRA, Hu et al. 2021), by peft: small matrices beside frozen layers."""

from collections.abc import Collection, Mapping, Sequence

from torch import nn

from base_models.weights import seeded_init
from ensemble.errors import LearnerError


def add_adapters(
    network: nn.Module,
    learner: str,
    targets: Sequence[str],
    rank: int,
    alpha: int,
    dropout: float,
    seed: int,
    within: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Put adapters drawn from ``seed`` on every linear layer whose last name is among ``targets``: anywhere in the
    network, or ``within`` some of its parts, which are given by the whole names of their layers. They are in single
    precision, to be trained; of the rest only what was to be trained before still is.

    At first they change nothing: of their two matrices one is zero. Raises LearnerError for a name no layer has, and
    for a part that gets no adapter.
    """
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    parts = {"the network": linear} if within is None else within
    linear = [name for name in linear if any(name in names for names in parts.values())]
    known = {_last(name) for name in linear}
    absent = sorted(set(targets) - known)
    if absent or not targets:
        raise LearnerError(
            f"{learner}: targets names no layer of {' and '.join(parts)} by {absent}; it has {sorted(known)}."
        )
    chosen = [name for name in linear if _last(name) in targets]
    for part, names in parts.items():
        if not set(names) & set(chosen):
            has = sorted({_last(name) for name in names})
            raise LearnerError(f"{learner}: no layer of {part} is among targets ({', '.join(targets)}); it has {has}.")
    from peft import LoraConfig, inject_adapter_in_model  # takes seconds to import

    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=chosen)
    with seeded_init(seed):
        inject_adapter_in_model(config, network)
    for parameter in trained:  # peft leaves nothing but its own
        parameter.requires_grad_(True)
    for name, parameter in network.named_parameters():
        if ".lora_" in name:  # peft's are as the base, in which a small step may be lost
            parameter.data = parameter.data.float()


def _last(name: str) -> str:
    return name.rpartition(".")[2]
