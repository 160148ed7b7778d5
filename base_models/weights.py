"""Where an encoder's weights come from: a local folder, or a name on the model hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ensemble.errors import LearnerError
from ensemble.system.files import known_hash
from ensemble.system.paths import locate

DECISIVE = (".safetensors", ".json", ".txt", ".model", ".spm", ".bin", ".pkl", ".pth", ".pt", ".tar")


@contextmanager
def seeded_init(seed: int) -> Iterator[None]:
    """New weights are of this seed, and torch's generator goes on as if none had been drawn."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def local(model: str) -> Path:
    """The path a model string may stand for; a relative one begins where the configuration's do."""
    return locate(model)


def local_files(model: str) -> list[Path]:
    """The files of a local folder that decide what an encoder computes; none for a hub name.

    Raises LearnerError for a path that is not there, so that it is not taken for a hub name.
    """
    if not model.strip():
        raise LearnerError("A model is named by nothing; give a hub name or a local folder.")
    folder = local(model)
    if folder.is_dir():
        return sorted(path for path in folder.iterdir() if path.suffix in DECISIVE)
    if Path(model).expanduser().is_absolute() or model.startswith("."):
        raise LearnerError(f"No such model folder: {model}. Give a folder with config.json and weights, or a hub name.")
    return []


def checkpoint_file(path: str) -> Path:
    """A file of weights; raises LearnerError where it is not there."""
    file = local(path)
    if not file.is_file():
        raise LearnerError(f"No such checkpoint: {file}. Give a .safetensors or .pth file of this network's weights.")
    return file


def identity(model: str) -> list[str]:
    """What stands for the weights in a fingerprint: hashes of the local files, or the hub name."""
    return [f"{path.name}:{known_hash(path)}" for path in local_files(model)] or [model]
