"""Posts of drawn pictures, the image learner on them, and the usual way of asking its network."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torchvision import transforms

from base_models.neural.inference import device
from base_models.visual.augmentation import Augmentation
from base_models.visual.finetuned import Visual
from base_models.visual.network import ImageClassifier
from base_models.visual.pixels import ImageExamples, PixelSource
from base_models.visual.views import Preprocessing, covered
from ensemble.data import Dataset, Task
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext
from ensemble.system.files import file_hash
from ensemble.system.progress import Track, silent

TASK = Task("sentiment", ("negative", "neutral", "positive"))


@dataclass(frozen=True)
class Case:
    """A learner and the posts it is measured on."""

    learner: Visual
    data: Dataset
    how: Preprocessing
    cache: FeatureCache

    def examples(self, views: int = 1) -> ImageExamples:
        augmentation = Augmentation(self.how, self.learner.scale, self.learner.ratio, self.learner.degrees)
        return ImageExamples(PixelSource(self.how, 10, self.cache).of(self.data), self.how.size, views, augmentation)

    def fit(self, rows: int, track: Track = silent) -> None:
        self.learner.set_context(TrainingContext(track=track))
        self.learner.fit(self.data.take(range(rows)), TASK, 0)


def usual_way(case: Case) -> Callable[[], None]:
    """Ten crops of one image after another, by torchvision, as one batch in eager PyTorch."""
    body = cast(ImageClassifier, deepcopy(case.learner.network_)).body.to(memory_format=torch.contiguous_format).eval()
    size, data = round(covered(case.how, 10)[0]), case.data
    crops = transforms.Compose([transforms.Resize(size), transforms.TenCrop(case.how.size)])
    tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(case.how.mean, case.how.std)])

    @torch.inference_mode()
    def usual() -> None:
        for path in data.images:
            views = torch.stack([tensor(crop) for crop in crops(Image.open(data.root / str(path)).convert("RGB"))])
            body(views.to(device())).softmax(1).mean(0).cpu()

    return usual


def draw_pictures(folder: Path, count: int) -> None:
    """JPEG files as large as photographs: soft shapes under fine grain."""
    random = np.random.default_rng(0)
    for number in range(count):
        shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((800, 600))
        pixels = (np.asarray(shapes) + random.normal(0, 6, (600, 800, 1))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04d}.jpg", quality=85)


def read_posts(folder: Path, count: int) -> Dataset:
    """The first pictures of a folder, with labels that mean nothing."""
    paths = sorted(folder.glob("*.jpg"))[:count]
    rows = [(p.name, None, p.name, "train", TASK.classes[n % 3], file_hash(p)) for n, p in enumerate(paths)]
    columns = ["id", "text", "image", "part", TASK.name, "image_hash"]
    return Dataset(pd.DataFrame(rows, columns=columns, dtype=object), folder, (TASK,))
