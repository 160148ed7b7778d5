"""Low-rank adapters (LoRA, Hu et al. 2021), by peft: small matrices beside frozen layers."""

from collections.abc import Collection, Sequence

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
    within: Collection[str] | None = None,
) -> None:
    """Put adapters drawn from ``seed`` on every linear layer whose last name is among ``targets``: anywhere in the
    network, or on those whose whole names are ``within``. They are in single precision, to be trained; of the rest only
    what was to be trained before still is.

    At first they change nothing: of their two matrices one is zero. Raises LearnerError for a name no layer has.
    """
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    linear = [name for name in linear if within is None or name in within]
    known = {_last(name) for name in linear}
    absent = sorted(set(targets) - known)
    if absent or not targets:
        where = "the network" if within is None else "what adapters are asked for"
        raise LearnerError(f"{learner}: targets names no layer of {where} by {absent}; it has {sorted(known)}.")
    from peft import LoraConfig, inject_adapter_in_model  # takes seconds to import

    chosen = [name for name in linear if _last(name) in targets]
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
