"""How fast a network trains and predicts by the product's loops and by bare ones, and what memory it takes at most."""

import resource
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from turns import Steps

from base_models.neural.hyperparameters import Training
from base_models.neural.inference import Logits, autocast, device, predict_logits, rows_at_once
from base_models.neural.learner import NeuralLearner
from base_models.neural.optimization import make_optimizer
from base_models.neural.sampling import Batch, EpochSampler, Examples
from base_models.neural.train_val_split import TrainValSplit
from base_models.neural.training import Trained, train
from base_models.objectives.objective import objective_of
from ensemble.data import Dataset, Task
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext
from ensemble.system.progress import Item, Label

Row = dict[str, Any]  # of a table: numbers and words by column


@dataclass
class Case:
    """A network of random weights that has been drawn on the device, and what it is trained on, how.

    ``seen`` are the same rows to predict, ``views`` of each. The network is trained in place, by one measurement after
    the other.
    """

    network: torch.nn.Module
    split: TrainValSplit
    how: Training
    seen: Examples
    views: int = 1

    @property
    def steps(self) -> list[list[Any]]:
        """The rows of each step of a first epoch."""
        rows, examples = self.split.training, self.split.examples
        return list(EpochSampler(rows, self.split.labels[rows], self.how.batch, 0, lengths=examples.lengths))

    def train(self, context: TrainingContext | None = None, **changed: Any) -> Trained:
        how = self.how.model_copy(update=changed)
        return train(self.network, self.split, how, 0, context or TrainingContext())

    def predict(self, precision: str, count: int | None = None) -> Logits:
        at_once = max(1, rows_at_once(self.how.eval_batch) // self.views)
        rows = range(len(self.seen) if count is None else min(count, len(self.seen)))
        return predict_logits(self.network.to(device()), self.seen, rows, at_once, precision)


class Ready(Exception):
    """What a training would begin with."""


def case_of(learner: NeuralLearner, data: Dataset, task: Task, where: torch.device | None = None) -> Case:
    """What ``learner`` would train on these rows, its random weights drawn there, or on the device."""

    def stop(network: torch.nn.Module, split: TrainValSplit, how: Training, *_: object) -> Trained:
        raise Ready(network, split, how)

    draw_on(where or device(), learner)
    learner.prepare(data, FeatureCache())
    with patch("base_models.neural.training.train", stop):
        try:
            learner.fit(data, task, 0)
        except Ready as ready:
            network, split, how = ready.args
    source = learner._source()
    read = source.read(data)
    seen = source.examples(read.take(source.known(read)), source.views, training=False)
    return Case(network, split, how, seen, source.views)


def case_on(learner: NeuralLearner, examples: Examples, data: Dataset, task: Task) -> Case:
    """The same on ``examples`` that are ready, one for each row."""
    draw_on(device(), learner)
    objective = objective_of(task, data.labels(task))
    network = learner._network(objective.outputs, False, 0)
    return Case(network, TrainValSplit.of(task, objective, examples, data, 0, 0), learner.training, examples)


def draw_on(where: torch.device, learner: NeuralLearner) -> None:
    """What its hooks make, weights and whatever a network is tried on, lies there at once."""

    def there(hook: Callable[..., Any], *arguments: Any) -> Any:
        with where:
            return hook(*arguments)

    for name in ("_network", "_warm_up"):
        setattr(learner, name, partial(there, getattr(learner, name)))


def speeds(name: str, case: Case, predicted: int | None = None) -> Row:
    """A line of the table: rows a second by the product's loops, as a share of a bare loop's, and peak memory.

    The first step of each loop is not counted.
    """
    steps = Steps(len(case.steps))
    with peak() as training_peak:
        trained = case.train(TrainingContext(track=steps), epochs=1)
    counted = sum(map(len, case.steps[1:]))
    own = counted / (steps.ends[-1] - steps.ends[0])
    row: Row = {"network": name, "precision": trained.info["precision"]}
    row |= {"parameters": trained.info["parameters"], "trained": trained.info["trainable_parameters"]}
    row |= {"training": own, "of bare": own / bare_training(case), "GiB training": training_peak()}
    info: Mapping[str, Any] = trained.info
    row |= {key: info[key] for key in ("micro_batch", "steps_repeated") if key in info}
    count = len(case.seen) if predicted is None else min(predicted, len(case.seen))
    case.predict(case.how.precision, rows_at_once(case.how.eval_batch))  # warms up
    with peak() as predicting_peak:
        own = count / seconds(lambda: case.predict(case.how.precision, count))
    row |= {"predicting": own, "of bare, predicting": own / bare_predicting(case, count)}
    return row | {"GiB predicting": predicting_peak(), "loss": trained.state.curve[-1]["loss"]}


def rows_per_second(case: Case, **how: Any) -> float:
    """By the product's loop, without its first epoch."""
    ends: list[float] = []

    def each(items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        for item in items:
            yield item
            ends.append(now())

    case.train(TrainingContext(track=each), **how)
    first = len(case.steps)
    return len(case.split.training) * int(how["epochs"] - 1) / (ends[-1] - ends[first - 1])


def bare_training(case: Case) -> float:
    """Rows a second of a plain loop over the same batches, which lie ready on the device."""
    where, how, network = device(), case.how, case.network.train()
    targets = torch.from_numpy(case.split.objective.targets(how, case.split.labels, case.split.ratings))
    ready = [
        (on_device(case.split.examples.augmented(rows)), targets[[row for *_, row in rows]].to(where))
        for rows in case.steps
    ]
    loss_of = case.split.objective.loss(how, case.split.labels[case.split.training], where)
    optimizer = make_optimizer(network, how)
    began = 0.0
    for number, (batch, labels) in enumerate(ready):
        with autocast(how.precision, where):
            outputs = network(**batch)
        (loss_of(outputs.float(), labels).sum() / len(labels)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if not number:
            began = now()
    return sum(map(len, case.steps[1:])) / (now() - began)


@torch.inference_mode()
def bare_predicting(case: Case, count: int) -> float:
    network, at_once = case.network.eval(), max(1, rows_at_once(case.how.eval_batch) // case.views)
    starts = range(0, count, at_once)
    ready = [on_device(case.seen.batch(range(start, min(start + at_once, count)))) for start in starts]
    began = now()
    for batch in ready:
        with autocast(case.how.precision, device()):
            network(**batch).float().cpu()
    return count / (now() - began)


def on_device(batch: Batch) -> Batch:
    return {name: tensor.to(device()) for name, tensor in batch.items()}


def now() -> float:
    """Once the device has done what it was asked for."""
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(work: Callable[[], object]) -> float:
    began = now()
    work()
    return now() - began


@contextmanager
def peak() -> Iterator[Callable[[], float]]:
    """GiB at most within: of a GPU's tensors; on a CPU, of the process since it began."""
    if device().type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    found: list[float] = []
    yield lambda: found[0]
    if device().type == "cuda":
        found.append(torch.cuda.max_memory_allocated() / 2**30)
    else:
        kilobytes = 2**30 if sys.platform == "darwin" else 2**20
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobytes)


def kept_memory(network: torch.nn.Module) -> float:
    """GiB between the steps of a training: weights, and of those that Adam trains gradients and two moments."""
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    trained = sum(3 * p.numel() * p.element_size() for p in network.parameters() if p.requires_grad)
    return (weights + trained) / 2**30


@contextmanager
def little_memory(network: torch.nn.Module, rows: int, gib: float) -> Iterator[None]:
    """A GPU of so many GiB, given by its own allocator; a CPU that says at once that it holds ``rows`` rows in training
    and no more."""
    if device().type == "cuda":
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(device()).total_memory / 2**30
        torch.cuda.set_per_process_memory_fraction(min(1.0, gib / total))
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return

    def refuse(module: torch.nn.Module, given: Sequence[Any], named: dict[str, Any]) -> None:
        first = next(tensor for name, tensor in named.items() if name in ("input_ids", "pixels", "inputs"))
        if module.training and len(first) > rows:
            raise torch.OutOfMemoryError("this CPU plays a small one")

    hook = network.register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def probabilities(logits: Logits) -> np.ndarray[Any, Any]:
    """(rows, classes), of views the mean."""
    shown = torch.from_numpy(logits).double().softmax(dim=-1).numpy()
    found: np.ndarray[Any, Any] = shown.mean(axis=1) if shown.ndim == 3 else shown
    return found
