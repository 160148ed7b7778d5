"""Where an encoder's weights come from: a local folder, or a name on the model hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.errors import LearnerError, first_line
from ensemble.system.files import known_hash
from ensemble.system.paths import locate

if TYPE_CHECKING:
    import torch

HUB_SECONDS = 15.0
DECISIVE = (".safetensors", ".json", ".txt", ".model", ".spm", ".bin", ".pkl", ".pth", ".pt", ".tar")


@contextmanager
def seeded_init(seed: int, where: "torch.device | None" = None) -> Iterator[None]:
    """New weights are of this seed, and torch's generators, the CPU's and that of ``where``, go on as if none had been
    drawn."""
    import torch

    gpus = [where] if where is not None and where.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            torch.cuda.default_generators[gpu.index or 0].manual_seed(seed)
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


def check_available(model: str, published: str | None = None) -> None:
    """Raises LearnerError for a local folder without a config.json, and for a name of which the hub's client has stored
    nothing and the hub has nothing, or does not answer. ``published`` is its name there, where it is called otherwise
    here."""
    folder = local(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise LearnerError(f"Cannot load model {model!r}: there is no config.json in that folder.")
        return
    if folder.is_file():
        raise LearnerError(f"Cannot load model {model!r}: that is a file; give its folder, which has a config.json.")
    local_files(model)  # a path that is not there is no hub name
    reason = _why_not_on_hub(published or model)
    if reason:
        reason = reason if published else f"there is no folder {folder}, and {reason}"
        raise LearnerError(
            f"Cannot load model {model!r}: {reason}. Give a hub name, or the path of a local folder with config.json "
            "and weights."
        )


@lru_cache(maxsize=256)
def _why_not_on_hub(name: str) -> str | None:
    """None where it is there, or has been stored on this machine."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, RepositoryNotFoundError
    from huggingface_hub.file_download import repo_folder_name

    try:
        stored = Path(HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "snapshots"
        if stored.is_dir() and any(stored.iterdir()):
            return None
        get_hf_file_metadata(hf_hub_url(name, "config.json"), timeout=HUB_SECONDS)
    except EntryNotFoundError:
        return None  # the model is there, and what it lacks is said by who loads it
    except HFValidationError:
        return "no model of the hub can have this name"
    except RepositoryNotFoundError:
        return "the hub has no such model, or shows it to members only"
    except Exception as error:  # no network, a proxy's own answer, offline mode: a dozen kinds
        return f"its weights are not on this machine while the hub does not answer ({first_line(error)[:120]})"
    return None


def checkpoint_file(path: str) -> Path:
    """A file of weights; raises LearnerError where it is not there."""
    file = local(path)
    if not file.is_file():
        raise LearnerError(f"No such checkpoint: {file}. Give a .safetensors or .pth file of this network's weights.")
    return file


def identity(model: str) -> list[str]:
    """What stands for the weights in a fingerprint: hashes of the local files, or the hub name."""
    return [f"{path.name}:{known_hash(path)}" for path in local_files(model)] or [model]
