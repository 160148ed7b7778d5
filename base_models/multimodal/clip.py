"""CLIP: asked without training, under a new head, with adapters, or tuned whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from base_models.multimodal.joint import Joint, Missing, check_joint, wrong_crops
from base_models.neural.hyperparameters import Training
from base_models.visual.views import Average
from ensemble.data import Dataset, Task
from ensemble.learner import Trial
from ensemble.registry import validate

if TYPE_CHECKING:
    from torch import nn

    from base_models.multimodal.embeddings import Embeddings
    from base_models.multimodal.pairs import Images, PairExamples, Texts
    from base_models.textual.tokens import TokenSource
    from base_models.visual.augmentation import Augmentation
    from base_models.visual.views import Preprocessing

Mode = Literal["none", "head", "lora", "full"]
Scored = Literal["image", "text", "both"]
# Published: 10 epochs at 1e-3 for the head, 5 for the adapters. The rate of the adapters and all of "full" are ours.
SETTINGS: dict[Mode, dict[str, float]] = {"lora": {"epochs": 5}, "full": {"epochs": 5, "lr": 1e-5}}
HEAD_RATES: dict[Mode, float] = {"full": 100.0}  # a new head on vectors of length 1 learns nothing at 1e-5


class ClipTraining(Training):
    """What is not set depends on ``train``: "lora" has 5 epochs, "full" 5 at a rate of 1e-5."""

    epochs: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    balance: float = Field(default=0.0, ge=0, le=1)


class Clip(Joint):
    """CLIP by hub name or local folder, of which ``train`` says what is trained.

    "none": nothing. A post gets the classes whose sentences, ``template`` with the class's name (or its words in
    ``prompts``, by class or ``task.class``) for {}, are like what of it is ``scored``: its image, its text, or the mean
    of both.
    "head": a linear layer over the embeddings of text and image, side by side; each content is encoded once.
    "lora": the same, and adapters of ``rank``, scaled by ``alpha`` / ``rank``, on the layers named by ``targets`` in
    both encoders. "full": everything. The head learns at ``head_rate`` times the rate of the rest (not set: 100 in
    "full", else 1). A missing modality is zeros or a ``learned`` vector; ``modality_dropout`` is the share of training
    rows that lose one. ``scale`` (a share of the area, smallest and largest) trains "lora" and "full" on random crops.
    ``pretrained = false`` starts from random weights.
    """

    def __init__(
        self,
        model: str,
        train: Mode = "head",
        pretrained: bool = True,
        template: str = "a photo of a {} post",
        prompts: Mapping[str, str] | None = None,
        scored: Scored = "image",
        rank: int = 1,
        alpha: int = 1,
        lora_dropout: float = 0.05,
        targets: Sequence[str] = ("q_proj", "v_proj"),
        missing: Missing = "zeros",
        modality_dropout: float = 0.0,
        head_rate: float | None = None,
        max_length: int = 77,
        views: int = 1,
        average: Average = "log_probabilities",
        scale: tuple[float, float] | None = None,
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        degrees: float = 0.0,
        training: ClipTraining | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.train = train
        self.pretrained = pretrained
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
        self.training: ClipTraining = _training(train, training or ClipTraining())
        check_joint(self, "clip", _wrong(self))

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
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

    def models(self) -> list[str]:
        return [self.model]

    def modalities(self) -> tuple[str, ...]:
        return (self.scored,) if self.train == "none" and self.scored != "both" else ("text", "image")

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        if self.train != "none":
            return super().fit(data, task, seed)
        import torch

        from base_models.multimodal.clip_network import count_parameters
        from base_models.multimodal.zero_shot import ZeroShot, sentences_of

        self._begin(data, task)
        self._facts = {"parameters": count_parameters(self.model), "trainable_parameters": 0}
        sentences = sentences_of(task, data, self.template, self.prompts)
        self.network_ = ZeroShot(torch.from_numpy(self._embeddings().prompts(sentences)), self.modalities())
        self._facts["prompts"] = sentences

    def _make(self, classes: int, pretrained: bool, seed: int) -> "nn.Module":
        import torch

        from base_models.multimodal.adapters import add_adapters
        from base_models.multimodal.clip_network import ClipHead, ClipNetwork, make_towers, width_of
        from base_models.multimodal.zero_shot import ZeroShot

        width = width_of(self.model)
        if self.train == "none":
            return ZeroShot(torch.zeros(classes, width), self.modalities())
        head = ClipHead(width, classes, self.missing, seed)
        if self._embeds:
            return head
        towers = make_towers(self.model, pretrained, seed, self.max_length)
        towers.requires_grad_(self.train == "full")
        if self.train == "lora":
            add_adapters(towers.clip, "clip", self.targets, self.rank, self.alpha, self.lora_dropout, seed)
        return ClipNetwork(towers, head, self.head_rate)

    def _warm(self, network: "nn.Module", examples: "PairExamples") -> dict[str, Any]:
        from base_models.multimodal.clip_network import count_parameters

        if not self._embeds:
            return {}
        head = sum(parameter.numel() for parameter in network.parameters())
        return {"parameters": count_parameters(self.model) + head}

    def _keep(self, data: Dataset) -> None:
        if not self._embeds:
            return super()._keep(data)
        self._texts(data)
        self._images(data, self.views, None)

    def _texts(self, data: Dataset) -> "Texts":
        return self._embeddings().texts(data) if self._embeds else super()._texts(data)

    def _images(self, data: Dataset, views: int, augmentation: "Augmentation | None") -> "Images":
        return self._embeddings().images(data) if self._embeds else super()._images(data, views, augmentation)

    def _embeddings(self) -> "Embeddings":
        from base_models.multimodal.embeddings import Embeddings

        return Embeddings(self.model, self._tokens(), self._pixels(), self.modalities(), self._cache)

    def _how(self) -> "Preprocessing":
        from base_models.multimodal.preprocessing import image_preprocessing

        return image_preprocessing(self.model)

    def _tokens(self) -> "TokenSource":
        from base_models.textual.tokens import TokenSource

        return TokenSource(self.model, False, self.max_length, self._cache)

    def _augmentation(self) -> "Augmentation | None":
        from base_models.visual.augmentation import Augmentation

        return None if self.scale is None else Augmentation(self._how(), self.scale, self.ratio, self.degrees)


def _training(train: Mode, training: ClipTraining) -> ClipTraining:
    """With the defaults of what is trained; raises ConfigError where what is set does not go with them."""
    given = {name: getattr(training, name) for name in training.model_fields_set}
    made: ClipTraining = validate(ClipTraining, {**SETTINGS.get(train, {}), **given}, "clip: training")
    return made


def _wrong(made: Clip) -> dict[str, bool]:
    """What may be wrong with the parameters, and whether it is."""
    return {
        f"template must have one {{}} for the class, got {made.template!r}": made.template.count("{}") != 1,
        "train = 'none' asks published weights; pretrained must be true": made.train == "none" and not made.pretrained,
        f"rank must be at least 1, got {made.rank}": made.rank < 1,
        f"alpha must be at least 1, got {made.alpha}": made.alpha < 1,
        f"lora_dropout must be in [0, 1), got {made.lora_dropout}": not 0 <= made.lora_dropout < 1,
        f"head_rate must be above 0, got {made.head_rate}": made.head_rate <= 0,
        **wrong_crops(made.scale, made.ratio, made.degrees),
    }
