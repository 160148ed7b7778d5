"""Parameters that several learners share, each declared once: its type, its bounds, one line of meaning."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from base_models.neural.averaging import Average
from base_models.textual.pooling import Pooling


def _shares(scale: tuple[float, float]) -> tuple[float, float]:
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"must be two shares of the area, the smaller first, got {scale}")
    return scale


def _proportions(ratio: tuple[float, float]) -> tuple[float, float]:
    if not 0 < ratio[0] <= ratio[1]:
        raise ValueError(f"must be two positive numbers, the smaller first, got {ratio}")
    return ratio


def meaning(line: str) -> object:
    """Of a parameter whose type says all else."""
    return Field(description=line)


Scale = Annotated[tuple[float, float], AfterValidator(_shares)]

Pretrained = Annotated[bool, meaning("start from published weights; false: from random ones")]
MaxLength = Annotated[int, Field(ge=4, description="tokens that a text is cut to")]
Lower = Annotated[bool, meaning("lower-case the texts")]
Clean = Annotated[bool, meaning("free texts of links, names and marks")]
Translator = Annotated[
    str | None, meaning("model that translates texts into English, by hub name or folder; not set: none does")
]
TextPooling = Annotated[
    Pooling | None, meaning("token vectors to one: not set, first for BERT, last for GPT-2 and XLNet, else the mean")
]
Dropout = Annotated[float, Field(ge=0, lt=1, description="share of units that a training step leaves out")]
FrozenLayers = Annotated[
    int | None,
    Field(ge=0, description="lowest layers that stay as they are, as what is below them does; not set: all train"),
]
LayerDecay = Annotated[
    float, Field(gt=0, le=1, description="learning rate of a layer, as a share of that of the one above it")
]
Recompute = Annotated[bool, meaning("halve the memory of training for a third more time")]
Views = Annotated[Literal[1, 2, 5, 10], meaning("crops of each image that are averaged")]
ViewAverage = Annotated[Average, meaning("what is averaged over the views; then it is renormalised")]
Size = Annotated[int | None, Field(ge=32, description="pixels of an image's side; not set: the model's own")]
CropScale = Annotated[
    Scale | None, meaning("training crops' share of the area, smallest and largest; not set: no crops")
]
CropRatio = Annotated[
    tuple[float, float], AfterValidator(_proportions), meaning("training crops' width by height, least and most")
]
Degrees = Annotated[float, Field(ge=0, le=180, description="training images are turned by up to so many")]
FaceChoice = Annotated[
    Literal["mtcnn", "given", "none"],
    meaning("frames are cut to the largest face that MTCNN finds, are faces already, or are seen whole"),
]
Detector = Annotated[str | None, meaning("file of MTCNN's weights (.safetensors), for faces = mtcnn")]
FaceMargin = Annotated[int, Field(ge=0, lt=256, description="of the 256 pixels of a face's side, those around it")]
Missing = Annotated[Literal["zeros", "learned"], meaning("what stands for a missing text or image")]
ModalityDropout = Annotated[float, Field(ge=0, le=1, description="share of training rows that lose text or image")]
HeadRate = Annotated[float, Field(gt=0, description="the new head's learning rate, as a multiple of training.lr")]
Grid = Annotated[Sequence[Annotated[float, Field(gt=0)]], Field(min_length=1)]
ClassBalance = Annotated[
    float,
    Field(ge=0, le=1, description="power of the inverse class frequency that weighs a row; 0: none, nor of numbers"),
]
