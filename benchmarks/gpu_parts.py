"""The parts of the GPU run, in a process that `gpu.py` starts and watches; a line of JSON for each result."""

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpu_measure import Case, Row

    from ensemble.data import Dataset

SPEED, HALVING, PRECISION = "Speed and memory", "Batches that memory does not hold", "bfloat16 beside float32"
WORKERS, RESUME = "Processes that prepare batches", "A training that is killed and goes on"
ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj")
Result = Iterator[tuple[str, "Row"]]  # table and row


class Bench:
    """What the parts measure on: drawn posts, networks of random weights."""

    def __init__(self, folder: Path, tiny: bool, absent: list[str]) -> None:
        from gpu_models import Models, posts

        self.tiny = tiny
        self.absent = absent
        self.folder = folder
        self.data: Dataset = posts(folder, 40 if tiny else 512, tiny)
        self.models: Models = Models(folder, [text or "" for text in self.data.texts], tiny)

    def rows(self, count: int) -> "Dataset":
        return self.data.take(range(min(count, 16) if self.tiny else count))

    def how(self, kind: Any, batch: int, **settings: Any) -> Any:
        settings = {"epochs": 1, "lr": 1e-4, "clip": 1.0} | settings
        return kind(batch=min(batch, 4) if self.tiny else batch, **settings)

    # Networks on their posts.

    def llava(self, rows: int, batch: int, **settings: Any) -> "Case":
        adapters: dict[str, Any] = {"rank": 16, "alpha": 32, "lora_dropout": 0.0, "targets": ADAPTED}
        return self._vlm(self.models.llava(), rows, batch, settings, train="lora", **adapters)

    def blip2(self, rows: int, batch: int) -> "Case":
        head: dict[str, Any] = {"hidden_layers": [512], "parts": ["qformer", "projector"]}
        return self._vlm(self.models.blip2(), rows, batch, {}, train="head", answer="head", **head)

    def _vlm(self, model: str, rows: int, batch: int, settings: dict[str, Any], **params: Any) -> "Case":
        from gpu_measure import case_of

        from base_models.vlm.parameters import VlmTraining
        from base_models.vlm.vlm import Vlm
        from ensemble.datasets.mvsa import SENTIMENT

        learner = Vlm(model, pretrained=False, training=self.how(VlmTraining, batch, **settings), **params)
        return case_of(learner, self.rows(rows), SENTIMENT)

    def visual(self, name: str, rows: int, batch: int, **settings: Any) -> "Case":
        from gpu_measure import case_of
        from gpu_models import VISUAL

        from base_models.visual.finetuned import Visual, VisualTraining
        from ensemble.datasets.mvsa import SENTIMENT

        training = self.how(VisualTraining, batch, **settings)
        model = VISUAL.get(name, "test_resnet") if self.tiny else name
        return case_of(Visual(model, False, views=10, training=training), self.rows(rows), SENTIMENT)

    def textual(self, name: str, rows: int, batch: int, **settings: Any) -> "Case":
        from gpu_measure import case_of

        from base_models.textual.finetuned import Textual, TextualTraining
        from ensemble.datasets.mvsa import SENTIMENT

        quiet = {"validation": 0.0, "patience": None, "balance": 0.0}
        training = self.how(TextualTraining, batch, **(quiet | settings))
        learner = Textual(self.models.textual(name), False, max_length=64, training=training)
        return case_of(learner, self.rows(rows), SENTIMENT)

    # Parts.

    def part_llava(self) -> Result:
        from gpu_measure import speeds

        yield SPEED, speeds("LLaVA-1.5-7B, adapters", self.llava(192, 16), predicted=128)
        name = "the same, activations computed twice"
        make = partial(self.llava, 128, 32, recompute=True)
        yield from guarded(SPEED, name, make, partial(speeds, predicted=32))

    def part_blip2(self) -> Result:
        from gpu_measure import speeds

        yield SPEED, speeds("BLIP-2 OPT-2.7b, Q-Former and head", self.blip2(256, 32))

    def part_halving(self) -> Result:
        """Of a network of texts, and of one whose images are of some rows."""
        makers: dict[str, Callable[[], Case]] = {
            "LLaVA-1.5-7B, adapters": lambda: self.llava(32, 16),
            "BERT-large": lambda: self.textual("bert-large-uncased", 512, 256, lr=1e-5),
        }
        for name, make in makers.items():
            yield from guarded(HALVING, name, make, self._halved)

    def _halved(self, name: str, case: "Case") -> "Row":
        """One epoch whole, one under a limit, one more that remembers what fits; from the same weights."""
        from gpu_measure import kept_memory, little_memory, peak

        from ensemble.learner import TrainingContext

        start = trained_state(case.network)
        with peak() as most:
            whole = case.train(epochs=1).state.curve[-1]["loss"]
        limit = kept_memory(case.network) + 0.45 * (most() - kept_memory(case.network))
        row: Row = {"network": name, "batch": case.how.batch, "GiB whole": most(), "GiB allowed": limit, "loss": whole}
        context = TrainingContext(memory=self.folder / f"{name}.json")
        for note in ("halved", "remembered"):
            restore(case.network, start)
            with little_memory(case.network, max(1, case.how.batch // 2), limit):
                again = case.train(context, epochs=1)
            row[f"rows at once, {note}"] = again.info.get("micro_batch", case.how.batch)
            row[f"steps repeated, {note}"] = again.info.get("steps_repeated", 0)
            row[f"loss, {note}"] = again.state.curve[-1]["loss"]
        return row

    def part_precision(self) -> Result:
        """After some training, so that probabilities differ between rows."""
        makers: dict[str, Callable[[], Case]] = {
            "BERT-large": lambda: self.textual("bert-large-uncased", 256, 32, lr=1e-5),
            "Inception-ResNet-v2, ten views": lambda: self.visual("inception_resnet_v2", 64, 32, lr=1e-3),
            "BLIP-2 OPT-2.7b, head": lambda: self.blip2(64, 16),
            "LLaVA-1.5-7B, words": lambda: self.llava(64, 16),
        }
        for name, make in makers.items():
            yield from guarded(PRECISION, name, make, self._precise)

    def _precise(self, name: str, case: "Case") -> "Row":
        import numpy as np
        from gpu_measure import probabilities

        case.train(epochs=1)
        half = probabilities(case.predict("bfloat16"))
        case.network.float()
        single = probabilities(case.predict("float32"))
        apart = np.abs(half - single)
        spread = float(single.std(axis=0).mean())
        same = float((half.argmax(axis=1) == single.argmax(axis=1)).mean())
        largest, mean = float(apart.max()), float(apart.mean())
        return {"network": name, "rows": len(half), "largest": largest, "mean": mean, "same class": same, "sd": spread}

    def part_visual(self) -> Result:
        from gpu_measure import speeds
        from gpu_models import VISUAL

        for name in VISUAL:
            yield from guarded(SPEED, name, partial(self.visual, name, 256, 32), partial(speeds, predicted=64))

    def part_textual(self) -> Result:
        from full_size import FULL_SIZE
        from gpu_measure import speeds

        for name in FULL_SIZE:
            yield from guarded(SPEED, name, partial(self.textual, name, 512, 32, lr=1e-5), speeds)

    def part_flava(self) -> Result:
        from gpu_measure import case_of, speeds

        from base_models.multimodal.flava import Flava, FlavaTraining
        from ensemble.datasets.mvsa import SENTIMENT

        training = self.how(FlavaTraining, 32, resample=0.0, validation=0.0, patience=None)
        learner = Flava(self.models.flava(), False, frozen=False, max_length=32, training=training)
        yield SPEED, speeds("FLAVA, all of it", case_of(learner, self.rows(256), SENTIMENT))

    def part_clip(self) -> Result:
        from gpu_measure import case_of, speeds

        from base_models.multimodal.clip import Clip, ClipTraining
        from ensemble.datasets.mvsa import SENTIMENT

        for train in ("full", "lora"):
            training = self.how(ClipTraining, 32, lr=1e-5)
            learner = Clip(self.models.clip(), train, False, training=training)
            yield SPEED, speeds(f"CLIP ViT-B/32, {train}", case_of(learner, self.rows(512), SENTIMENT))

    def part_wavlm(self) -> Result:
        from gpu_measure import case_on, speeds
        from gpu_models import Noise

        from base_models.acoustic.finetuned import Acoustic, AcousticTraining
        from ensemble.datasets.mvsa import SENTIMENT

        training = self.how(AcousticTraining, 16, warmup=0.0, validation=0.0, patience=None)
        learner = Acoustic(self.models.wavlm(), False, training=training)
        data = self.rows(128)
        noise = Noise(len(data), 4_000 if self.tiny else 80_000)
        yield SPEED, speeds("WavLM-large, sounds of 5 s", case_on(learner, noise, data, SENTIMENT))

    def part_workers(self) -> Result:
        """Of a network so light that preparing its images decides."""
        from gpu_measure import rows_per_second

        from base_models.neural.inference import device

        case = self.visual("resnet18", 512, 32)
        for workers in (0, 2) if self.tiny or device().type == "cpu" else (0, 2, 4, 8):
            yield WORKERS, {"processes": workers, "training": rows_per_second(case, workers=workers, epochs=3)}

    def part_resume(self) -> Result:
        from gpu_resume import kill_and_go_on

        yield RESUME, kill_and_go_on(self.folder / "resume", self.tiny, self.absent)


def guarded(table: str, name: str, make: "Callable[[], Case]", measure: "Callable[[str, Case], Row]") -> Result:
    """One network's failure does not end the others'."""
    try:
        yield table, measure(name, make())
    except Exception as error:  # whatever it is, the next may be well
        traceback.print_exc()
        yield table, {"network": name, "note": said(error)}
    give_back()


def said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


def give_back() -> None:
    """What a network has left behind, and the base that jobs would share."""
    import torch

    from base_models.neural.shared_base import let_go

    let_go("done with it")
    torch.cuda.empty_cache()


def trained_state(network: Any) -> dict[str, Any]:
    """Copies of what training changes."""
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    trained |= {name for name, _ in network.named_buffers()}
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items() if name in trained}


def restore(network: Any, state: dict[str, Any]) -> None:
    network.load_state_dict(state, strict=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--without", nargs="+", default=[])
    ask = parser.parse_args()
    out, sys.stdout = sys.stdout, sys.stderr  # only our lines go to whoever watches

    def say(**line: object) -> None:
        print(json.dumps(line), file=out, flush=True)

    from stand_ins import install

    missing = install(ask.without)
    import torch

    what = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    say(device=what, torch=torch.__version__, stand_ins=missing)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), ask.tiny, ask.without)
        for part in ask.parts:
            began = time.perf_counter()
            try:
                for table, row in getattr(bench, f"part_{part}")():
                    say(part=part, table=table, row=row)
            except Exception as error:  # whatever it is, the next part may be well
                traceback.print_exc()
                say(part=part, error=said(error))
            give_back()
            say(part=part, done=True, seconds=round(time.perf_counter() - began, 1))


if __name__ == "__main__":
    main()
