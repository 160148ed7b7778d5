"""CLIP: asked without training, under a new head, with adapters, or tuned whole."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from base_models.multimodal.joint import JointLearner, with_usual
from base_models.neural.hyperparameters import Balance, Epochs, LearningRate, Training
from base_models.parameters import (
    CropRatio,
    CropScale,
    Degrees,
    MaxLength,
    Missing,
    ModalityDropout,
    Pretrained,
    ViewAverage,
    Views,
    meaning,
)
from base_models.weights import check_available, identity, local_files
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial
from ensemble.system.files import fingerprint

if TYPE_CHECKING:
    from torch import nn

    from base_models.multimodal.clip_network import DualEncoder
    from base_models.multimodal.pairs import PairSource
    from base_models.neural.sampling import Examples

Mode = Literal["none", "head", "lora", "full"]
Scored = Literal["image", "text", "both"]
# Published: 10 epochs at 1e-3 for the head, 5 for the adapters. The rate of the adapters and all of "full" are ours.
SETTINGS: dict[Mode, dict[str, float]] = {"lora": {"epochs": 5}, "full": {"epochs": 5, "lr": 1e-5}}
HEAD_RATES: dict[Mode, float] = {"full": 100.0}  # a new head on vectors of length 1 learns nothing at 1e-5


def _one_place(template: str) -> str:
    if template.count("{}") != 1:
        raise ValueError(f"must have one {{}} for the class, got {template!r}")
    return template


Template = Annotated[
    str, AfterValidator(_one_place), meaning("train = none: the sentence of a class, whose words take the place of {}")
]
Prompts = Annotated[Mapping[str, str] | None, meaning("train = none: words for classes, by class or task.class")]
LoraDropout = Annotated[
    float, Field(ge=0, lt=1, description="share of the adapters' inputs that a training step leaves out")
]
ClipHeadRate = Annotated[
    float | None,
    Field(gt=0, description="head's learning rate, a multiple of training.lr; not set: 100 in full, else 1"),
]


class ClipTraining(Training):
    """What is not set depends on ``train``: "lora" has 5 epochs, "full" 5 at a rate of 1e-5."""

    epochs: Epochs = 10
    lr: LearningRate = 1e-3
    balance: Balance = 0.0


class Clip(JointLearner):
    """CLIP by hub name or local folder, of which ``train`` says what is trained.

    "none": nothing. A post gets the classes whose sentences, ``template`` with the class's name (or its words in
    ``prompts``, by class or ``task.class``) for {}, are like what of it is ``scored``: its image, its text, or the mean
    of both.
    "head": a linear layer over the embeddings of text and image, side by side; each content is encoded once.
    "lora": the same, and adapters of ``rank``, scaled by ``alpha`` / ``rank``, on the layers named by ``targets`` in
    both encoders. "full": everything.
    """

    of_classes: ClassVar = ("balance",)

    def __init__(
        self,
        model: Annotated[str, meaning("CLIP by hub name or local folder")],
        train: Annotated[Mode, meaning("what is trained: nothing, a head, adapters too, everything")] = "head",
        pretrained: Pretrained = True,
        template: Template = "a photo of a {} post",
        prompts: Prompts = None,
        scored: Annotated[Scored, meaning("train = none: what of a post is compared with the sentences")] = "image",
        rank: Annotated[int, Field(ge=1, description="of the adapters")] = 1,
        alpha: Annotated[int, Field(ge=1, description="adapters are scaled by alpha / rank")] = 1,
        lora_dropout: LoraDropout = 0.05,
        targets: Annotated[Sequence[str], meaning("layers with adapters, in both encoders")] = ("q_proj", "v_proj"),
        missing: Missing = "zeros",
        modality_dropout: ModalityDropout = 0.0,
        head_rate: ClipHeadRate = None,
        max_length: MaxLength = 77,
        views: Views = 1,
        average: ViewAverage = "log_probabilities",
        scale: CropScale = None,
        ratio: CropRatio = (3 / 4, 4 / 3),
        degrees: Degrees = 0.0,
        training: ClipTraining | None = None,
    ) -> None:
        super().__init__()
        if train == "none" and not pretrained:
            raise LearnerError("clip: train = 'none' asks published weights; pretrained must be true.")
        self.model, self.train, self.pretrained = model, train, pretrained
        self.template = template
        self.prompts = dict(prompts or {})
        self.scored = scored
        self.rank = rank
        self.alpha = alpha
        self.lora_dropout = lora_dropout
        self.targets = list(targets)
        self.missing = missing
        self.modality_dropout = modality_dropout
        self.head_rate = HEAD_RATES.get(train, 1.0) if head_rate is None else head_rate
        self.max_length = max_length
        self.views = views
        self.average = average
        self.scale = scale
        self.ratio = ratio
        self.degrees = degrees
        self.training: ClipTraining = with_usual(ClipTraining, training, SETTINGS.get(train, {}), "clip: training")

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Ours: the papers name no search. What counts however much of CLIP is trained."""
        return {
            "modality_dropout": trial.suggest_float("modality_dropout", 0.0, 0.3),
            "training": {
                "lr": trial.suggest_float("lr", 1e-6, 1e-2, log=True),
                "batch": trial.suggest_categorical("batch", [8, 16, 32]),
                "balance": trial.suggest_float("balance", 0.0, 1.0),
            },
        }

    @property
    def _embeds(self) -> bool:
        """Whether the encoders stay as published, so that no content need meet them twice."""
        return self.train == "none" or (self.train == "head" and self.pretrained)

    def modalities(self) -> tuple[str, ...]:
        return (self.scored,) if self.train == "none" and self.scored != "both" else ("text", "image")

    def sources(self) -> list[Path]:
        """The local files of weights and tokenizer."""
        return local_files(self.model)

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        check_available(self.model)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        if self.train != "none":
            return super().fit(data, task, seed)
        if not task.classes:
            raise LearnerError(
                f"clip: train = 'none' compares posts with the names of classes, and {task.name} has none; choose "
                "'head', 'lora' or 'full'."
            )
        import torch

        from base_models.multimodal.clip_network import count_parameters
        from base_models.multimodal.embeddings import Embeddings
        from base_models.multimodal.zero_shot import ZeroShot, sentences_of

        self._begin(data, task)
        sentences = sentences_of(task, data, self.template, self.prompts)
        embeddings = self._source().encoded
        assert isinstance(embeddings, Embeddings)
        self.network_ = ZeroShot(torch.from_numpy(embeddings.prompts(sentences)), self.modalities())
        parameters = count_parameters(self.model)
        self._info = {"parameters": parameters, "trainable_parameters": 0, "prompts": sentences}

    def _source(self) -> "PairSource":
        from base_models.multimodal.clip_network import check_clip
        from base_models.multimodal.embeddings import Embeddings
        from base_models.multimodal.pairs import PairSource
        from base_models.multimodal.preprocessing import image_preprocessing
        from base_models.textual.source import TextSource
        from base_models.textual.tokens import TokenSource
        from base_models.visual.augmentation import Augmentation
        from base_models.visual.pixels import ImageSource, PixelSource

        check_clip(self.model)
        preprocessing = image_preprocessing(self.model)
        tokens = TokenSource(self.model, False, self.max_length, self._cache)
        pixels = PixelSource(preprocessing, self.views, self._cache)
        seen = self.modalities()
        embeddings = Embeddings(self.model, tokens, pixels, seen, self._cache) if self._embeds else None
        crops = None if self.scale is None else Augmentation(preprocessing, self.scale, self.ratio, self.degrees)
        return PairSource(TextSource(tokens), ImageSource(pixels, crops), self.modality_dropout, embeddings, seen)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "nn.Module":
        import torch

        from base_models.multimodal.adapters import add_adapters
        from base_models.multimodal.clip_network import ClipHead, ClipNetwork, width_of
        from base_models.multimodal.zero_shot import ZeroShot

        width = width_of(self.model)
        if self.train == "none":
            return ZeroShot(torch.zeros(outputs, width), self.modalities())
        head = ClipHead(width, outputs, self.missing, seed)
        if self._embeds:
            return head
        encoder = self._encoder(pretrained, seed)
        if self.train == "lora":
            add_adapters(encoder.clip, "clip", self.targets, self.rank, self.alpha, self.lora_dropout, seed)
        return ClipNetwork(encoder, head, self.head_rate)

    def _encoder(self, pretrained: bool, seed: int) -> "DualEncoder":
        """For adapters one whose published weights all jobs of a process share; else one that is trained, or filled
        with saved weights."""
        from base_models.multimodal.clip_network import make_dual_encoder
        from base_models.neural.shared_base import borrow

        load = partial(make_dual_encoder, self.model, pretrained, seed, self.max_length)
        if self.train == "lora" and pretrained:
            return borrow(self.model, fingerprint(["clip", identity(self.model), self.max_length]), load)
        return load().requires_grad_(self.train == "full")

    def _warm_up(self, network: "nn.Module", examples: "Examples") -> TrainingInfo:
        """Beside the head, the frozen encoders count among the parameters."""
        from base_models.multimodal.clip_network import count_parameters

        head = sum(parameter.numel() for parameter in network.parameters())
        return {"parameters": count_parameters(self.model) + head} if self._embeds else {}
