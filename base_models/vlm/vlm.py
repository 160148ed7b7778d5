"""Language models that see: asked for the words of classes, or under a head; as they are, or trained."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import base_models.vlm.parameters as of_vlm
from base_models.multimodal.joint import JointLearner, with_usual
from base_models.objectives.classification import Classification
from base_models.parameters import Dropout, HeadRate, MaxLength, ModalityDropout, Pretrained, Size
from base_models.weights import check_available, local_files
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial

if TYPE_CHECKING:
    from torch import nn

    from base_models.neural.sampling import Examples
    from base_models.vlm.asking import Interviewer, Question
    from base_models.vlm.base import Base
    from base_models.vlm.examples import PromptSource
    from base_models.vlm.network import VlmNetwork


class Vlm(JointLearner):
    """Any language model that sees (LLaVA, BLIP-2, SmolVLM, Qwen-VL, Gemma 3) or only reads, by hub name or folder.

    A post is a prompt in the model's own chat template: what ``template`` makes of its text, and its image. A text can
    spell no mark of that template. ``answer`` "words": a class is as likely as its word is as the answer, of several
    words one of them; "head": a head over the last states of the prompt. ``train`` says what is trained: "none", the
    "head" alone, adapters ("lora") on the ``targets`` in what ``adapt`` names, or everything ("full"); beside a head or
    adapters also ``parts`` of the model.
    """

    of_classes: ClassVar = ("balance",)
    _asked: "Question | None"

    def __init__(
        self,
        model: of_vlm.Model,
        train: of_vlm.Trained = "lora",
        answer: of_vlm.Answer = "words",
        pretrained: Pretrained = True,
        template: of_vlm.Template = None,
        question: of_vlm.Questions = None,
        system: of_vlm.System = None,
        prompts: of_vlm.Prompts = None,
        calibrate: of_vlm.Calibrate = False,
        shots: of_vlm.ShotCount = 0,
        loss: of_vlm.WordLoss = "answer",
        pooling: of_vlm.Pooled = "mean",
        hidden_layers: of_vlm.HiddenLayers = (),
        activation: of_vlm.Activation = "relu",
        dropout: Dropout = 0.1,
        head_rate: HeadRate = 1.0,
        rank: of_vlm.Rank = 8,
        alpha: of_vlm.Alpha = 16,
        lora_dropout: of_vlm.LoraDropout = 0.05,
        targets: of_vlm.Targets = ("q_proj", "v_proj"),
        adapt: of_vlm.Adapted = ("language",),
        parts: of_vlm.Parts = (),
        image_size: Size = None,
        max_length: MaxLength = 256,
        modality_dropout: ModalityDropout = 0.0,
        training: of_vlm.VlmTraining | None = None,
    ) -> None:
        super().__init__()
        self.model, self.train, self.answer, self.pretrained = model, train, answer, pretrained
        self.template, self.system, self.calibrate, self.shots, self.loss = template, system, calibrate, shots, loss
        self.question = question if question is None or isinstance(question, str) else dict(question)
        self.prompts = {name: [said] if isinstance(said, str) else list(said) for name, said in (prompts or {}).items()}
        self.pooling, self.hidden_layers, self.activation = pooling, list(hidden_layers), activation
        self.dropout, self.head_rate = dropout, head_rate
        self.rank, self.alpha, self.lora_dropout = rank, alpha, lora_dropout
        self.targets, self.adapt, self.parts = list(targets), list(adapt), list(parts)
        self.image_size, self.max_length, self.modality_dropout = image_size, max_length, modality_dropout
        usual = of_vlm.SETTINGS.get(train, {})
        self.training: of_vlm.VlmTraining = with_usual(of_vlm.VlmTraining, training, usual, "vlm: training")
        self._task: Task | None = None
        self._seed = 0
        of_vlm.check_together(vars(self))

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Ours: the papers name no search."""
        return {
            "rank": trial.suggest_categorical("rank", [2, 4, 8, 16]),
            "lora_dropout": trial.suggest_float("lora_dropout", 0.0, 0.3),
            "training": {
                "lr": trial.suggest_float("lr", 1e-6, 1e-3, log=True),
                "batch": trial.suggest_categorical("batch", [4, 8, 16]),
                "epochs": trial.suggest_int("epochs", 1, 5),
            },
        }

    def modalities(self) -> tuple[str, ...]:
        """What the template has a place for, and the model eyes."""
        from base_models.vlm.loading import sees

        reads = self.template is None or "{text}" in self.template
        return tuple(name for name, there in (("text", reads), ("image", sees(self.model))) if there)

    def sources(self) -> list[Path]:
        """The local files of weights, tokenizer and chat template."""
        from base_models.vlm.loading import template_files

        return [*local_files(self.model), *template_files(self.model)]

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        check_available(self.model)
        interviewer, tasks = self._interviewer, [task for task in data.tasks if task.classes]
        if data.tasks and not tasks:
            self._refuse_numbers(data.tasks[0])
        for task in tasks if self.answer == "words" else ():
            interviewer.tokens(self._ask(data, task, 0, 0))
        self._base.check()

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        self._refuse_numbers(task)
        self._task, self._seed = task, seed
        if self.train != "none":
            return super().fit(data, task, seed)
        source, read = self._begin(data, task)
        if not len(source.known(read)):
            return
        network = self._network(self.objective_.outputs, True, seed)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        self._info = {"parameters": parameters, "trainable_parameters": 0, **self._warm_up(network)}
        if self.calibrate:
            network.calibrate(source, self.training.precision)
        self.network_ = network

    # The hooks.

    def _begin(self, data: Dataset, task: Task) -> "tuple[PromptSource, Dataset]":
        from base_models.vlm.likelihood import AnswerLikelihood

        _, read = super()._begin(data, task)
        if self._of_answers and isinstance(self.objective_, Classification):
            self.objective_ = AnswerLikelihood(self.objective_.frequencies, self.objective_.ordinal)
        self._asked = self._ask(read, task, self.shots, self._seed)
        return self._source(), read

    def _forget(self) -> None:
        super()._forget()
        self._asked = None

    def _describe(self, folder: Path) -> dict[str, object]:
        asked = {} if self._question is None else {"question": self._question.record()}
        return {**super()._describe(folder), **asked}

    def _warm_up(self, network: "nn.Module", examples: "Examples | None" = None) -> TrainingInfo:
        """The prompt, and the words that are asked for."""
        question = self._question
        assert question is not None
        info: TrainingInfo = {"prompts": [self._interviewer.prompts(question).shown()]}
        if question.words:
            info["words"] = [list(said) for said in question.words]
        if len(question.shots.chosen) < self.shots:
            info["note"] = f"shots: {len(question.shots.chosen)} of {self.shots}, for there are no more fit rows"
        return info

    def _source(self) -> "PromptSource":
        from base_models.visual.pixels import ImageSource, PixelSource
        from base_models.vlm.examples import Examined, PromptSource

        interviewer, question, base = self._interviewer, self._question, self._base
        asked = None
        if question is not None:
            answered = self._task if self._of_answers else None
            asked = Examined(interviewer.prompts(question), question, interviewer.room(question), answered)
        images, encoded, preprocessing = None, None, interviewer.described.preprocessing
        if preprocessing is not None:
            pixels = PixelSource(preprocessing, 1, self._cache)
            images = ImageSource(pixels)
            encoded = base.states(pixels, self._cache) if base.tower_frozen and self.pretrained else None
        return PromptSource(
            interviewer, self.max_length, images, encoded, self.modalities(), self.modality_dropout, asked
        )

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "VlmNetwork":
        import torch

        from base_models.vlm.heads import PooledHead
        from base_models.vlm.network import VlmNetwork
        from base_models.vlm.words import Words

        question = self._question
        assert question is not None
        body = self._base.body(pretrained, seed)
        answer: Words | PooledHead
        if self.answer == "words":
            answer = Words(self._interviewer.tokens(question))
        else:
            shape = self.hidden_layers, self.activation, self.pooling, self.dropout
            answer = PooledHead(body.width, outputs, *shape, seed)
        pictures = torch.from_numpy(question.shots.pictures)
        return VlmNetwork(body, answer, self.head_rate, self._base.tower_frozen, pictures)

    # What they are made of.

    @property
    def _of_answers(self) -> bool:
        """Whether what is learned is to say the words of the label."""
        return self.answer == "words" and self.loss == "answer" and self.train != "none"

    @property
    def _question(self) -> "Question | None":
        """Of what was fitted or loaded."""
        from base_models.vlm.asking import Question

        if self._asked is None and "question" in self._record:
            self._asked = Question.restored(self._record["question"])
        return self._asked

    @property
    def _interviewer(self) -> "Interviewer":
        from base_models.vlm.asking import Interviewer
        from base_models.vlm.loading import describe

        return Interviewer(describe(self.model, self.image_size), self.system)

    def _ask(self, data: Dataset, task: Task, shots: int, seed: int) -> "Question":
        """About the posts of a task, after examples from these fit rows."""
        from base_models.multimodal.zero_shot import said_of_classes
        from base_models.vlm.asking import Question
        from base_models.vlm.shots import Shots

        words: list[list[str]] = []
        if self.answer == "words":
            words = said_of_classes("vlm", task, data, self.prompts, lambda name: [name])
        message = self._interviewer.message(self.template, self.question, task, [said[0] for said in words])
        shown = self._source().shots(data, task, shots, seed) if shots else Shots()
        return Question(task.name, message, tuple(map(tuple, words)), shown)

    def _refuse_numbers(self, task: Task) -> None:
        if self.answer == "words" and not task.classes:
            raise LearnerError(
                f"vlm: answer = 'words' asks for the words of classes, and {task.name} has none; set answer = 'head'."
            )

    @property
    def _base(self) -> "Base":
        from base_models.vlm.base import Adapters, Base

        adapters = None
        if self.train == "lora":
            adapters = Adapters(self.targets, self.adapt, self.rank, self.alpha, self.lora_dropout)
        return Base(self.model, self.image_size, self.training.precision, self.train == "full", self.parts, adapters)
