"""Low-rank adapters (LoRA, Hu et al. 2021), by peft: small matrices beside frozen layers."""

from collections.abc import Sequence

from torch import nn

from base_models.weights import seeded_init
from ensemble.errors import LearnerError


def add_adapters(
    network: nn.Module, learner: str, targets: Sequence[str], rank: int, alpha: int, dropout: float, seed: int
) -> None:
    """Put adapters drawn from ``seed`` on every linear layer named by ``targets``; nothing else is trained any more.

    At first they change nothing: of their two matrices one is zero. Raises LearnerError for a name no layer has.
    """
    known = {name.rpartition(".")[2] for name, module in network.named_modules() if isinstance(module, nn.Linear)}
    absent = sorted(set(targets) - known)
    if absent or not targets:
        raise LearnerError(f"{learner}: targets names no layer of the network by {absent}; it has {sorted(known)}.")
    from peft import LoraConfig, inject_adapter_in_model  # takes seconds to import

    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(targets))
    with seeded_init(seed):
        inject_adapter_in_model(config, network)
