"""The four text networks of the Modality Ensemble at full size: their speed and what memory they take."""

import multiprocessing
import resource
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import torch
from texts import Case
from turns import Steps, taken

from base_models.neural.inference import device, predict_logits, rows_at_once
from base_models.neural.training import train
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext
from ensemble.system.files import write_json

FULL_SIZE: dict[str, dict[str, Any]] = {  # config.json as published, as far as it decides the size
    "bert-large-uncased": {
        "model_type": "bert",
        "vocab_size": 30522,
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
    "gpt2-medium": {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 1024, "n_layer": 24, "n_head": 16},
    "xlnet-large-cased": {
        "model_type": "xlnet",
        "vocab_size": 32000,
        "d_model": 1024,
        "n_layer": 24,
        "n_head": 16,
        "d_inner": 4096,
    },
    "transfo-xl-wt103": {
        "model_type": "transfo-xl",
        "vocab_size": 267735,
        "cutoffs": [20000, 40000, 200000],
        "div_val": 4,
        "d_embed": 1024,
        "d_model": 1024,
        "n_layer": 18,
        "n_head": 16,
        "d_head": 64,
        "d_inner": 4096,
        "mem_len": 1600,
        "clamp_len": 1000,
        "same_length": True,
    },
}


def print_full_size(case: Case, names: list[str]) -> None:
    """One network after the other, each in a process of its own: a process's peak memory never falls."""
    print(f"\nRandom weights, batch {case.how.batch}, {len(case.batches())} steps, the same tokens for all networks")
    print(f"{'':20}{'million weights':>18}{'tokens per second':>24}{'peak GiB':>24}")
    print(f"{'':20}{'body':>9}{'all':>9}{'training':>12}{'predicting':>12}{'training':>12}{'predicting':>12}")
    for name in names:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            try:
                print(process.submit(measure_full_size, case, name).result(), flush=True)
            except BrokenProcessPool:
                print(f"{name:20} its process was ended from outside, as systems do when memory runs out")


def measure_full_size(case: Case, name: str) -> str:
    """A line of the table; in a process of its own, whose peak memory is of this network alone."""
    torch.set_num_threads(case.threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            write_json(Path(folder) / "config.json", FULL_SIZE[name])
            network = case.network(folder, False)
        at_once = rows_at_once(case.how.eval_batch)
        predict = partial(predict_logits, network, case.problem.examples, precision=case.how.precision)
        predict(range(min(at_once, len(case.lengths))), at_once)  # warms up
        seconds, predicting = taken(partial(predict, range(len(case.lengths)), at_once)), peak_memory()
        steps = Steps(len(case.batches()))
        facts = train(network, case.problem, case.how, 0, TrainingContext(track=steps)).info
    except LearnerError as error:
        return f"{name:20} {error}"
    tokens = sum(int(case.lengths[rows].sum()) for rows in case.batches()[1:])  # the first step is not counted
    speeds = f"{tokens / (steps.ends[-1] - steps.ends[0]):12.1f}{case.counts['tokens'] / seconds:12.1f}"
    body = sum(parameter.numel() for parameter in network.body.parameters())
    return f"{name:20}{body / 1e6:9.1f}{facts['parameters'] / 1e6:9.1f}{speeds}{peak_memory():12.2f}{predicting:12.2f}"


def peak_memory() -> float:
    """GiB: of a GPU's tensors since the last call, of the whole process on a CPU."""
    if device().type == "cuda":
        highest = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return highest / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
