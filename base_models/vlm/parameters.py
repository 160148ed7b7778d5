"""What the learner of language models that see takes, and what of it goes together."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from base_models.neural.hyperparameters import Balance, BatchSize, Clip, Epochs, LearningRate, Schedule, Training
from base_models.parameters import meaning
from base_models.vlm.prompts import check_template
from ensemble.errors import LearnerError

Mode = Literal["none", "head", "lora", "full"]
# Ours, but for those of recipes, which say so.
SETTINGS: Mapping[Mode, Mapping[str, float]] = {"head": {"epochs": 10, "lr": 1e-3}, "full": {"lr": 1e-5}}

Model = Annotated[str, meaning("model of images and text, or of text alone, by hub name or local folder")]
Trained = Annotated[Mode, meaning("what is trained: nothing, the head, adapters, everything")]
Answer = Annotated[Literal["words", "head"], meaning("classes by the likelihood of their words, or a head over states")]
Template = Annotated[
    str | None,
    AfterValidator(check_template),
    meaning(
        "what is said of a post, with {text}, {question}, {classes}; not set: all of them, without classes for a head"
    ),
]
Questions = Annotated[
    str | Mapping[str, str] | None, meaning("for {question}: one, or a table by task; not set: what a post's task is")
]
System = Annotated[str | None, meaning("said before all else")]
Prompts = Annotated[
    Mapping[str, str | Annotated[Sequence[str], Field(min_length=1)]] | None,
    meaning("answer = words: a word or several for classes, by class or task.class; not set: their names"),
]
Calibrate = Annotated[bool, meaning("train = none: less the likelihood of the words where there is no post")]
ShotCount = Annotated[int, Field(ge=0, description="answer = words: fit rows that are shown with their answers first")]
WordLoss = Annotated[
    Literal["answer", "classes"], meaning("of trained words: the answer's tokens, or which of the classes it is")
]
Pooled = Annotated[
    Literal["mean", "last", "first"],
    meaning("states of the prompt under a head; the first knows nothing of the others"),
]
HiddenLayers = Annotated[
    Sequence[Annotated[int, Field(ge=1)]], meaning("widths of the head's hidden layers, such as [512, 256]")
]
Activation = Annotated[Literal["relu", "gelu"], meaning("of the head's hidden layers")]
Rank = Annotated[int, Field(ge=1, description="of the adapters")]
Alpha = Annotated[int, Field(ge=1, description="adapters are scaled by alpha / rank")]
LoraDropout = Annotated[
    float, Field(ge=0, lt=1, description="share of the adapters' inputs that a training step leaves out")
]
Targets = Annotated[Sequence[str], meaning("layers with adapters, of what adapt names")]
Adapted = Annotated[
    Sequence[Literal["language", "vision", "connector"]],
    Field(min_length=1, description="where adapters are: language, vision, connector"),
]
Parts = Annotated[Sequence[str], meaning("parts that are trained, too, such as qformer, projector")]


class VlmTraining(Training):
    """What is not set depends on ``train``: "head" has 10 epochs at 1e-3, "full" 3 at 1e-5."""

    epochs: Epochs = 3
    batch: BatchSize = 8
    lr: LearningRate = 1e-4
    schedule: Schedule = "cosine"
    clip: Clip = 1.0
    balance: Balance = 0.0


def check_together(given: Mapping[str, Any]) -> None:
    """Raises LearnerError for parameters of which one makes another senseless."""
    train, words = given["train"], given["answer"] == "words"
    senseless = {
        "answer = 'head' has to be trained: set train = 'head', 'lora' or 'full'": not words and train == "none",
        "train = 'none' asks published weights; pretrained must be true": train == "none" and not given["pretrained"],
        "train = 'head' trains a head, and answer = 'words' has none: name parts, or set another": (
            words and train == "head" and not given["parts"]
        ),
        f"parts are trained, and train is {train!r}: leave them out": given["parts"] and train in ("none", "full"),
        "calibrate is of train = 'none' with answer = 'words'": given["calibrate"] and not (words and train == "none"),
        "shots are of answer = 'words'": given["shots"] and not words,
        "prompts are of answer = 'words'": given["prompts"] and not words,
        "hidden_layers are of answer = 'head'": given["hidden_layers"] and words,
    }
    for message, there in senseless.items():
        if there:
            raise LearnerError(f"vlm: {message}.")
