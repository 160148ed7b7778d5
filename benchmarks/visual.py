"""How near the image learner comes to bare PyTorch on the same machine, and what its cache of pixels saves.

    python benchmarks/visual.py
    python benchmarks/visual.py --weights ../shared/weights/mobilenetv2_100 --images ../shared/data/mvsa/data
    python benchmarks/visual.py --only exported --model resnet18

Measures "training", "views", "cache" and "exported", or --only some of them. Ways that are compared take turns, every
other round in reverse order; a ratio (speed as a share of another way's) is the median of the rounds' ratios, with
quartiles. The first step of a training run is not counted. Wants a machine to itself; on a GPU, take many --steps and
--posts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from pictures import TASK, Case, draw_pictures, read_posts, usual_way
from torch.nn import functional as F
from turns import Steps, in_turns, print_speeds, taken

from base_models.neural.hyperparameters import Training
from base_models.neural.inference import autocast, device, rows_at_once
from base_models.neural.optimization import make_optimizer
from base_models.neural.train_val_split import TrainValSplit
from base_models.neural.training import train
from base_models.objectives.objective import objective_of
from base_models.visual.augmentation import Augmentation
from base_models.visual.finetuned import Visual, VisualTraining
from base_models.visual.network import ImageClassifier, make_classifier, preprocessing_of
from base_models.visual.pixels import ImageExamples
from base_models.visual.views import cut
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext

MEASUREMENTS = ("training", "views", "cache", "exported")
LoadedStack = list[tuple[torch.Tensor, torch.Tensor]]


def measure_training(case: Case, pairs: int) -> None:
    """The learner's ``fit``, augmentation included, against the same steps on tensors that are ready."""
    learner, data, how = case.learner, case.data, case.learner.training
    learner.prepare(data, case.cache)
    examples = case.examples()
    centre = cast(Augmentation, lambda pixels, _: cut(pixels, case.how.size, 1)[0])
    objective = objective_of(TASK, data.labels(TASK))
    seen = ImageExamples(examples.images, examples.size, 1, centre)
    centred = TrainValSplit.of(TASK, objective, seen, data, 0, 0)
    network = make_classifier(learner.model, len(TASK.classes), learner.pretrained, None, learner.size, 0, case.how)
    pixels = examples.augmented([(0, 0, row) for row in range(len(data))])["pixels"]
    labels = torch.split(torch.from_numpy(data.labels(TASK)).to(device()), how.batch)
    images = [as_images(network.to(device()), part) for part in torch.split(pixels, how.batch)]
    ready = list(zip(images, labels, strict=True))
    ways: dict[str, Callable[[Steps], object]] = {
        "learner": lambda steps: case.fit(len(data), steps),
        "bare loop": lambda steps: train_bare(deepcopy(network.body), ready, how, steps),
        "learner, no augmentation": lambda steps: train(
            deepcopy(network), centred, how, 0, TrainingContext(track=steps)
        ),
    }
    print(f"\nTraining at {case.how.size[0]} pixels, batch {how.batch}, {len(ready)} steps a run, {pairs} rounds")
    print_speeds(in_turns(ways, pairs, len(ready)), {"rows": how.batch}, "bare loop")


def as_images(network: ImageClassifier, pixels: torch.Tensor) -> torch.Tensor:
    images = pixels.to(device()).flatten(0, -4).permute(0, 3, 1, 2)
    return ((images - network.mean) / network.std).contiguous(memory_format=torch.channels_last)


def train_bare(body: torch.nn.Module, ready: LoadedStack, how: Training, steps: Steps) -> None:
    optimizer = make_optimizer(body.train(), how)
    for images, labels in ready:
        with autocast(how.precision, device()):
            loss = F.cross_entropy(body(images).float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(body.parameters(), how.clip or np.inf)
        optimizer.step()
        optimizer.zero_grad()
        steps.tick()


def measure_views(case: Case, rounds: int) -> None:
    """Ten crops of each post: the usual way, one image at a time; the learner from its cache; the network alone."""
    learner, data, how = case.learner, case.data, case.learner.training
    learner.prepare(data, case.cache)
    case.fit(how.batch)
    network = cast(ImageClassifier, learner.network_)
    at_once = max(1, rows_at_once(how.eval_batch) // 10)
    pixels = case.examples(10).batch(range(len(data)))["pixels"]
    ready = [as_images(network, images) for images in torch.split(pixels, at_once)]

    @torch.inference_mode()
    def alone() -> None:
        with autocast(how.precision, device()):
            for images in ready:
                network.body.eval()(images).float().cpu()

    ways = {"usual way": partial(taken, usual_way(case)), "network alone": partial(taken, alone)}
    ways["learner"] = partial(taken, partial(learner.predict_with_spread, data))
    in_turns(ways, 1)  # warms up
    print(f"\nTen views at {case.how.size[0]} pixels, {len(data)} posts, {at_once} at once, {rounds} rounds")
    print_speeds(in_turns(ways, rounds), {"posts": len(data)}, "usual way", "network alone")


def measure_exported(case: Case, rounds: int) -> None:
    """Ten crops of new posts by a fold model, decoding included, as `ensemble predict` asks it; from decoded pixels, as
    every further fold model is asked; and the parts of both. In CPU seconds of all threads, and by the clock."""
    data, (eager, fast) = case.data, saved_and_loaded(case)
    examples = case.examples(10)
    fast.prepare(data.take([0]), case.cache)
    once, known = (taken(partial(fast.predict_with_spread, data.take([0]))) for _ in range(2))
    work: dict[str, Callable[[], object]] = {
        "usual way": usual_way(replace(case, learner=eager)),
        "learner": lambda: asked(eager, data, FeatureCache()),
        "learner, from pixels": lambda: asked(eager, data, case.cache),
        "exported": lambda: asked(fast, data, FeatureCache()),
        "exported, from pixels": lambda: asked(fast, data, case.cache),
        "decoding alone": lambda: [examples.images.source.read(path) for path in examples.images.paths],
        "crops alone": lambda: [examples.batch([row]) for row in range(len(data))],
    }
    by_cpu: dict[str, list[float]] = {name: [] for name in work}
    ways = {name: partial(noted, one, by_cpu[name]) for name, one in work.items()}
    in_turns(ways, 1)  # warms up
    for seconds in by_cpu.values():
        seconds.clear()
    by_clock = in_turns(ways, rounds)
    difference = np.abs(fast.predict_proba(data) - eager.predict_proba(data)).max()
    print(f"\nTen crops of {len(data)} new posts at {case.how.size[0]} pixels, {rounds} rounds")
    print(f"Exported and compared in {once - known:.1f} s, once; probabilities differ by at most {difference:.1g}")
    for clock, found in {"CPU": by_cpu, "clock": by_clock}.items():
        print(f"By {clock}:")
        print_speeds(found, {"posts": len(data)}, "usual way", "learner")


def saved_and_loaded(case: Case) -> tuple[Visual, Visual]:
    """A fold model twice: one whose predictions are to have the bits of the saved one, one that may be faster."""
    learner, folder = case.learner, Path(str(case.cache.root)) / "model"
    learner.prepare(case.data, case.cache)
    case.fit(min(learner.training.batch, len(case.data)))
    folder.mkdir()
    learner.save(folder)
    models = copy(learner), copy(learner)
    for model in models:
        model.load(folder)
        model.set_context(TrainingContext(exact=model is models[0]))
    return models


def asked(model: Visual, data: Dataset, cache: FeatureCache) -> None:
    model.prepare(data, cache)
    model.predict_with_spread(data)


def noted(work: Callable[[], object], seconds: list[float], steps: Steps) -> None:
    """Work, by the clock in ``steps`` and of the CPU in ``seconds``."""
    before = time.process_time()
    taken(work, steps)
    seconds.append(time.process_time() - before)


def measure_cache(case: Case, rounds: int) -> None:
    """An epoch with nothing cached, decoding included, and the next one; then both without the network."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            fresh = replace(case, cache=FeatureCache(Path(folder)))
            decoding = taken(partial(fresh.learner.prepare, fresh.data, fresh.cache))
            fresh.fit(len(fresh.data))
            epochs = [row["seconds"] for row in fresh.learner.curve()]
            reading = taken(partial(fresh.examples().augmented, [(0, 0, row) for row in range(len(fresh.data))]))
            found.append((decoding + epochs[0], epochs[1], decoding + reading, reading))
    print(f"\nTwo epochs of {len(case.data)} images in {case.data.root}, nothing cached before, {rounds} rounds")
    names = ("epoch from files", "epoch from cache", "input from files", "input from cache")
    seconds = dict(zip(names, np.array(found).T.tolist(), strict=True))
    print_speeds(seconds, {"images": len(case.data)}, "epoch from files", "input from files")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=MEASUREMENTS)
    parser.add_argument("--weights", type=Path, help="a folder; default: random weights")
    parser.add_argument("--model", default="mobilenetv2_100", help="of timm, where no weights are given")
    parser.add_argument("--images", type=Path, help="a folder of JPEG files; default: drawn ones")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    numbers = {"size": 224, "batch": 16, "steps": 5, "pairs": 9, "posts": 24, "rounds": 5, "rows": 64}
    for name, number in {**numbers, "threads": torch.get_num_threads()}.items():
        parser.add_argument(f"--{name}", type=int, default=number, help=f"default: {number}")
    ask = parser.parse_args()
    torch.set_num_threads(ask.threads)
    training = VisualTraining(epochs=1, batch=ask.batch, clip=1.0, precision=ask.precision)
    learner = Visual(str(ask.weights or ask.model), ask.weights is not None, size=ask.size, training=training)
    how = preprocessing_of(learner.model, ask.size, None, None, None, None)
    print(f"{learner.model} on {device()}, {ask.threads} threads, {ask.precision} precision")
    with tempfile.TemporaryDirectory() as folder:
        draw_pictures(drawn := Path(folder), max(ask.batch * ask.steps, ask.posts, ask.rows))
        case = Case(learner, read_posts(ask.images or drawn, ask.batch * ask.steps), how, FeatureCache(drawn / "cache"))
        if "training" in ask.only:
            measure_training(case, ask.pairs)
        if "views" in ask.only:
            measure_views(replace(case, data=read_posts(ask.images or drawn, ask.posts)), ask.rounds)
        if "exported" in ask.only:
            measure_exported(replace(case, data=read_posts(ask.images or drawn, ask.posts)), ask.rounds)
        if "cache" in ask.only:
            learner.training = training.model_copy(update={"epochs": 2})
            for pictures in filter(None, (drawn, ask.images)):
                measure_cache(replace(case, data=read_posts(pictures, ask.rows)), min(ask.rounds, 3))


if __name__ == "__main__":
    main()
