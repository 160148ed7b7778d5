"""A frozen text encoder without PyTorch and transformers, for seconds: its network as ONNX, its tokenizer as JSON.

Both are made where the encoder has run on a CPU, and compared with it on texts that differ in what may go wrong. They
are for new posts alone: the last bits are others than those of the posts that were trained on.
"""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from base_models.exports import TOLERANCE, checked, difference, note_checked, session, threads_of_exports
from base_models.textual.batches import Codes, in_batches
from ensemble.blocks import Features
from ensemble.errors import first_line
from ensemble.system.files import temporary_for

Encode = Callable[[Sequence[str]], Features]

PROBE = (
    "",
    " ",
    "a",
    "Great Monday! #love @you https://t.co/x 50% off\r\n\tNEW line",
    "\0 zero, \u200b nothing, \ufeff mark, \u202e turned, \x1b[31m red",
    "I\u0307stanbul na\u00efve cafe\u0301 \ufb01 \u2460 \u03a3\u0391\u03a3 \u00bd \uff21\uff22",
    "\u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947 \u4f60\u597d \u3053\u3093 \uc548\ub155",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f \U000e0041",
    "[CLS] [SEP] [PAD] [MASK] [UNK] <s> </s> <pad> <mask> <unk> <|endoftext|> ##ing \u2581",
    "x" * 400,
    "love hate " * 600,
)

log = logging.getLogger("ensemble")
_failed: set[Path] = set()  # exports that were tried in vain: once in a process


@dataclass(frozen=True)
class ExportedEncoder:
    """The file of its network, whose content has the hash ``sha256``, its ``tokenizer`` with what that cuts, as JSON,
    its ``padding`` token, and on how many ``threads`` it runs."""

    path: Path
    sha256: str
    tokenizer: str
    padding: int
    threads: int

    def encode(self, texts: Sequence[str]) -> Features:
        """(texts, width)."""
        return _opened(self)(texts)

    def open(self) -> Encode:
        """The same, again and again."""
        tokenise, network = tokeniser(self.tokenizer), session(self.path, self.threads)
        names = [given.name for given in network.get_inputs()]

        def run(ids: Codes, mask: Codes) -> Sequence[Features]:
            features: Sequence[Features] = network.run(None, dict(zip(names, (ids, mask), strict=True)))
            return features

        return lambda texts: in_batches(tokenise(texts), self.padding, run)[0]


_opened = lru_cache(maxsize=2)(ExportedEncoder.open)


def find(path: Path) -> ExportedEncoder | None:
    """What is known to equal an encoder; None where there is nothing, and where there may be a GPU."""
    threads = threads_of_exports()
    note = None if threads is None else checked(path)
    if threads is None or note is None or "tokenizer" not in note:
        return None
    return ExportedEncoder(path, note["sha256"], note["tokenizer"], note["padding"], threads)


def tokeniser(content: str) -> Callable[[Sequence[str]], list[list[int]]]:
    """From texts to ids, as the tokenizer of transformers gives them whose backend this is the ``content`` of."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads of its own would outlive a fork
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(content)
    return lambda texts: [found.ids for found in tokenizer.encode_batch(list(texts))]


def keep(path: Path, tokenizer: Any, network: Any, max_length: int, encode: Encode) -> None:
    """Export a ``network`` of ids and mask, (texts, tokens) each, that gives features, and the ``tokenizer`` before it,
    unless that is done. Where the two give something else than ``encode`` nothing is kept: an exporter raises whatever
    a network's own code does, and takes what it cannot follow for a constant."""
    if path in _failed or checked(path) is not None:
        return
    unfinished = temporary_for(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tokens = tokenizer(list(PROBE), truncation=True, max_length=max_length)["input_ids"]
        content, padding = tokenizer.backend_tokenizer.to_str(), tokenizer.pad_token_id
        if tokeniser(content)(PROBE) != tokens:
            raise ValueError("its tokenizer does more than the backend of it")
        _export(network, unfinished)
        found = ExportedEncoder(unfinished, "", content, padding, threads_of_exports() or 1).open()
        if not all(difference(found(texts), encode(texts)) <= TOLERANCE for texts in (PROBE, PROBE[:1], PROBE[-1:])):
            raise ValueError("the export gives something else")
        unfinished.replace(path)
        note_checked(path, {"tokenizer": content, "padding": padding})
    except Exception as error:
        _failed.add(path)
        log.info("No ONNX export of a text encoder (%s): PyTorch will encode new posts.", first_line(error))
    finally:
        unfinished.unlink(missing_ok=True)


def as_module(network: Any, forward: Callable[[Any, Any], Any]) -> Any:
    """A function of a network's states as a network, which exporters want."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
            return forward(ids, mask)

    return Whole().eval()


def _export(network: Any, path: Path) -> None:
    """By the older exporter, which traces: a tenth of the time of the newer one."""
    import torch

    ids = torch.tensor([[1, 2, 3], [1, 0, 0]])
    names = ["input_ids", "attention_mask"]
    with warnings.catch_warnings():  # of what a trace does not see, which is looked at, and of its age
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (ids, torch.tensor([[1, 1, 1], [1, 0, 0]])),
            path,
            dynamo=False,
            input_names=names,
            dynamic_axes={name: {0: "texts", 1: "tokens"} for name in names},
            external_data=False,
            opset_version=17,
        )
