"""Features of frozen encoders, of one modality or several, under a regression or a support vector machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from base_models.encoder_parameters import alone, check_effect
from base_models.faces.preparation import Faces
from base_models.objectives.objective import Objective, Probe, objective_of, restored_objective
from base_models.parameters import ClassBalance, Detector, FaceChoice, FaceMargin, Grid, MaxLength, Views, meaning
from base_models.saved_tensors import read_tensors, write_tensors
from base_models.sequences.frames import FrameEncoder, of_timm
from base_models.sequences.layers import Layer
from base_models.sequences.pooling import PooledStates, SequencePooling
from base_models.sequences.speech import SpeechEncoder
from base_models.standardisation import Standardisation
from base_models.textual.encoder import TextEncoder
from base_models.textual.pooling import Pooling
from base_models.visual.encoder import ImageEncoder
from base_models.weights import check_available, local_files
from ensemble.blocks import Features
from ensemble.content.clips import MAX_SECONDS
from ensemble.data import Dataset, Labels, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache, Request
from ensemble.learner import TrainingInfo, Trial
from ensemble.modalities import MODALITIES

ALPHAS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
ENCODERS = ("image", "text", "audio", "video")  # in the order in which features stand side by side


class Frozen:
    """``image``, ``text``, ``audio`` and ``video`` name encoders (hub names or local folders); with several, their
    features stand side by side.

    Each block of features is centred and scaled on the fit rows to a mean squared norm of one; a missing modality is
    its mean. Sounds and videos are sequences of states of one layer, of a speech encoder, or of an image encoder that
    sees ``fps`` frames a second, whole or cut to ``faces``, pooled over time. ``probe`` "logistic" has the best of
    ``penalties``, "svm" (radial kernel, calibrated) the best of ``costs``. Numbers, and with "ridge" ordered classes,
    are learned by ridge regression with the best of ``penalties`` (scikit-learn's alpha).
    """

    of_classes: ClassVar = ("balance",)
    audio: str | None = None
    video: str | None = None

    def __init__(
        self,
        image: Annotated[str | None, meaning("image encoder: timm name, hub name or local folder")] = None,
        text: Annotated[str | None, meaning("text encoder by hub name or local folder")] = None,
        views: Views = 10,
        image_layer: Annotated[int | None, meaning("of the image encoder, by index; not set: the pooled last")] = None,
        text_layer: Annotated[int | None, meaning("of the text encoder, 0 the embeddings; not set: the last")] = None,
        pooling: Annotated[Pooling, meaning("token vectors to one vector of a text")] = "mean",
        max_length: MaxLength = 128,
        penalties: Annotated[Grid, meaning("of the logistic probe, or ridge regression; the best is taken")] = ALPHAS,
        balance: ClassBalance = 0.5,
        probe: Annotated[Literal["logistic", "svm", "ridge"], meaning("what stands on the features")] = "logistic",
        costs: Annotated[Grid, meaning("of the support vector machine; the best is taken")] = (0.3, 1.0, 3.0, 10.0),
        audio: Annotated[str | None, meaning("speech encoder by hub name or local folder")] = None,
        audio_layer: Annotated[Layer, meaning("of the speech encoder; or a number, 0 what enters the first")] = "last",
        audio_pooling: Annotated[SequencePooling, meaning("states of a sound to one vector")] = "mean",
        video: Annotated[str | None, meaning("image encoder of frames: timm or hub name, local folder")] = None,
        video_layer: Annotated[Layer, meaning("of the image encoder; or a number, 0 what enters the first")] = "last",
        video_pooling: Annotated[SequencePooling, meaning("states of a video to one vector")] = "mean",
        fps: Annotated[float, Field(gt=0, description="frames that are seen of a second of video")] = 3.0,
        max_seconds: Annotated[float, Field(gt=0, le=MAX_SECONDS, description="sounds and videos are cut to")] = 60.0,
        faces: FaceChoice = "none",
        detector: Detector = None,
        face_margin: FaceMargin = 0,
    ) -> None:
        given = dict(locals())
        if all(given[name] is None for name in ENCODERS):
            raise LearnerError("frozen needs an encoder: set image, text, audio or video, or several of them.")
        check_effect("frozen", Frozen, given, [name for name in ENCODERS if given[name] is not None])
        self.image, self.image_layer, self.views = image, image_layer, views
        self.text, self.text_layer, self.pooling, self.max_length = text, text_layer, pooling, max_length
        self.probe, self.penalties, self.costs, self.balance = probe, penalties, costs, balance
        # Set only where they count, so that results of learners without them are recorded as ever.
        if audio is not None:
            self.audio, self.audio_layer, self.audio_pooling = audio, audio_layer, audio_pooling
        if video is not None:
            self.video, self.video_layer, self.video_pooling, self.fps = video, video_layer, video_pooling, fps
            self.faces, self.detector, self.face_margin = faces, detector, face_margin
        if audio is not None or video is not None:
            self.max_seconds = max_seconds
        self._cache = FeatureCache()
        self._info: TrainingInfo = {}
        self._faces()  # which says what does not go together

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
        """The probe's; what changes features would encode every post again. One penalty, judged by the task's metric,
        takes the place of several judged by log-loss inside the fit rows."""
        return {
            "penalties": [trial.suggest_float("penalty", 0.1, 300.0, log=True)],
            "balance": trial.suggest_float("balance", 0.0, 1.0),
        }

    def modalities(self) -> tuple[str, ...]:
        return tuple(name for name in MODALITIES if getattr(self, name) is not None)

    def sources(self) -> list[Path]:
        """The local weight files of the encoders."""
        models = [path for model in self._models().values() for path in local_files(model)]
        return models + [path for faces in self._faces() for path in faces.sources()]

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        """Of an encoder whose features are all in the cache nothing is needed; a layer of none is refused."""
        from base_models.visual.network import check_network

        for name, layer in {"image": self.image_layer, "text": self.text_layer}.items():
            if layer is not None and name not in self._models():  # refused no earlier: finished runs may have one
                raise LearnerError(f"{name}_layer = {layer} is of no encoder: {name} is not set.")
        for (name, model), (encoder, keys, *_) in zip(self._models().items(), self._requests(data), strict=True):
            known = {key for key in keys if key is not None}
            if cache.count(encoder, known) < len(known):
                is_timm = name == "image" or (name == "video" and of_timm(model))
                (check_network if is_timm else check_available)(model)
        for faces in self._faces():
            faces.check()

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Encode every content that the cache does not hold yet."""
        self._cache = cache
        for faces in self._faces():
            faces.fill(data)
        for pooled in self._pooled():
            pooled.fill(data)
        for request in self._requests(data):
            cache.fill(*request)
        if self.text is not None:
            self._text_encoder().keep_export(cache)

    def layer_params(self) -> Mapping[str, Mapping[int, Mapping[str, object]]]:
        """Of all but images, whose encoders do not say how many layers they have."""
        counts = {pooled.encoder.modality: pooled.encoder.layers for pooled in self._pooled()}
        counts |= {} if self.text is None else {"text": self._text_encoder().layers()}
        found = {}
        for name, count in counts.items():
            found[name] = {layer: {**alone(self, name), f"{name}_layer": layer} for layer in range(1, count + 1)}
        return {name: found[name] for name in MODALITIES if found.get(name)}

    def prepare_layers(self, data: Dataset, cache: FeatureCache) -> None:
        self._cache = cache
        for faces in self._faces():
            faces.fill(data)
        for pooled in self._pooled():
            pooled.fill_layers(data, range(1, pooled.encoder.layers + 1))
        if self.text is not None:
            (encoder := self._text_encoder()).fill_layers(data, range(1, encoder.layers() + 1), cache)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        data = data.take(task.target.known(data.labels(task)))
        self._fit(data, task, data.labels(task), seed)

    def fit_soft(self, data: Dataset, task: Task, soft: npt.NDArray[np.float64], seed: int) -> None:
        if task.classes and self.probe != "logistic":
            raise LearnerError(f"frozen with probe = {self.probe!r} learns no soft labels; with 'logistic' it does.")
        self._fit(data, task, soft if task.classes else soft[:, 0], seed)

    def _fit(self, data: Dataset, task: Task, labels: Labels, seed: int) -> None:
        self.kind_: str = task.kind
        self.probe_ = self._probe(objective_of(task, labels))
        self.probe_.fit(self.fit_features(data), labels, data.groups, seed)
        counts = [found for faces in self._faces() if (found := faces.count(data))]
        self._info = {"fit_posts": {"rows": len(data), **counts[0]}} if counts else {}

    def fit_features(self, data: Dataset) -> Features:
        """(rows, width) features, those of each encoder centred and scaled by these rows."""
        self.scaled_ = Standardisation().fit(blocks := self._blocks(data))
        return self.scaled_.transform(blocks)

    def features(self, data: Dataset) -> Features:
        """(rows, width), centred and scaled as the fit rows were."""
        return self.scaled_.transform(self._blocks(data))

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows, classes)."""
        return self.probe_.predictions(self.features(data))

    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows,) of numbers."""
        return self.predict_proba(data)[:, 0]

    def training_info(self) -> TrainingInfo:
        return self._info

    def save(self, folder: Path) -> None:
        write_tensors(folder / "frozen.safetensors", {**self.feature_tensors(), **self.probe_.tensors()}, self.kind_)

    def load(self, folder: Path) -> None:
        tensors, self.kind_ = read_tensors(folder / "frozen.safetensors")
        self.restore_features(tensors)
        self.probe_ = self._probe(restored_objective({"kind": self.kind_}))
        self.probe_.restore(tensors)

    def feature_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """By what features are centred and scaled."""
        return self.scaled_.tensors()

    def restore_features(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        self.scaled_ = Standardisation.restored(tensors)

    def _probe(self, objective: Objective) -> Probe:
        return objective.probe(self.probe, self.penalties, self.costs, self.balance)

    def _blocks(self, data: Dataset) -> list[Features]:
        """(rows, width) features of each encoder; NaN rows where the modality is missing."""
        return [self._cache.get(*request) for request in self._requests(data)]

    def _requests(self, data: Dataset) -> list[Request]:
        """What to ask of the cache for these rows: encoder, contents, how to encode them, block size, label."""
        requests: list[Request] = []
        if self.image is not None:
            images = ImageEncoder(self.image, self.views, self.image_layer, self._cache.exports)
            requests.append(images.request(data))
        if self.text is not None:
            requests.append(self._text_encoder().request(data, self._cache))
        return [*requests, *(pooled.request(data) for pooled in self._pooled())]

    def _text_encoder(self) -> TextEncoder:
        assert self.text is not None
        return TextEncoder(self.text, self.pooling, self.text_layer, self.max_length)

    def _pooled(self) -> list[PooledStates]:
        pooled = []
        if self.audio is not None:
            speech = SpeechEncoder(self.audio, self.max_seconds)
            pooled.append(PooledStates(speech, self.audio_layer, self.audio_pooling, self._cache))
        if self.video is not None:
            frames = FrameEncoder(self.video, self.fps, self.max_seconds, *self._faces())
            pooled.append(PooledStates(frames, self.video_layer, self.video_pooling, self._cache))
        return pooled

    def _faces(self) -> list[Faces]:
        """What videos are cut to, where they are."""
        if self.video is None:
            return []
        return [Faces(self.faces, self.detector, self.fps, self._cache, self.face_margin, "video", self.max_seconds)]

    def _models(self) -> dict[str, str]:
        """The encoders that are set."""
        return {name: model for name in ENCODERS if (model := getattr(self, name)) is not None}
