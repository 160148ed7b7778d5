"""How a network is trained: what every neural learner takes as its ``training`` table."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

# The fields for which learners have defaults of their own.
Epochs = Annotated[int, Field(ge=1, description="passes over the training rows, at most")]
BatchSize = Annotated[int, Field(ge=1, description="rows of one step of the optimizer")]
Optimizer = Annotated[Literal["sgd", "adam", "adamw"], Field(description="what turns gradients into steps")]
LearningRate = Annotated[float, Field(gt=0, description="the highest learning rate")]
Momentum = Annotated[float, Field(ge=0, lt=1, description="of sgd")]
Schedule = Annotated[
    Literal["constant", "steps", "linear", "cosine", "cosine_by_epoch"],
    Field(description="how lr falls: by decay at milestones; to zero; by epoch, from and towards a tenth of lr"),
]
Clip = Annotated[float | None, Field(ge=0, description="largest norm of the gradients; 0: they are not clipped")]
Balance = Annotated[float, Field(ge=0, le=1, description="power of the inverse class frequency that weighs the loss")]
Resample = Annotated[
    float, Field(ge=0, description="draw classes evenly, so many times the rows an epoch; 0: every row once")
]
Validation = Annotated[
    float, Field(ge=0, lt=1, description="share of the fit rows, copies whole, that say which epoch is best")
]
Patience = Annotated[
    int | None, Field(ge=0, description="stop after so many epochs without a better one; 0: never early")
]
MinEpochs = Annotated[int, Field(ge=0, description="epochs before which training does not stop")]
StopOn = Annotated[
    Literal["metric", "loss", "training_loss"],
    Field(description="what epochs are compared by; training_loss needs no validation rows"),
]
# These change no result but by rounding: excluded from what is recorded, so that a change makes no result stale.
Workers = Annotated[
    int | None, Field(ge=0, exclude=True, description="processes that prepare batches; not set: some on a GPU")
]


class Training(BaseModel):
    """Learners subclass it to give their paper's defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    later_of_equals: ClassVar[bool] = False  # which of two epochs that are equally good is the best

    epochs: Epochs = 30
    batch: BatchSize = 16
    optimizer: Optimizer = "adamw"
    lr: LearningRate = 1e-4
    momentum: Momentum = 0.9
    weight_decay: float = Field(default=0.0, ge=0, description="how much each step shrinks the weights")
    schedule: Schedule = "constant"
    milestones: tuple[float, ...] = Field(default=(40, 60), description="epochs at which schedule = steps lowers lr")
    decay: float = Field(default=0.1, gt=0, le=1, description="factor on lr at each milestone")
    warmup: float = Field(default=0.0, ge=0, description="epochs over which lr rises from zero; parts count")
    clip: Clip = None
    loss: Literal["cross_entropy", "focal", "soft_cross_entropy", "l1", "l2", "huber"] | None = Field(
        default=None,
        description="what is minimised (soft: by shares of annotators); not set: cross_entropy, or l1 of numbers",
    )
    gamma: float = Field(default=2.0, ge=0, description="how much the focal loss neglects what is known well")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="share of a label spread over all classes")
    balance: Balance = 1.0
    resample: Resample = 0.0
    validation: Validation = 0.0
    patience: Patience = None
    min_epochs: MinEpochs = 0
    stop_on: StopOn = "metric"
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of the computation; auto: bfloat16 on a GPU made for it"
    )
    micro_batch: int | None = Field(
        default=None, ge=1, description="rows on the device at once, gradients summed; not set: as many as fit"
    )

    eval_batch: int | None = Field(
        default=None, ge=1, exclude=True, description="rows (views, of images) predicted at once; not set: what is fast"
    )
    workers: Workers = None
    recompute: bool = Field(
        default=False, exclude=True, description="halve the memory of training for a third more time"
    )
    checkpoint_minutes: float = Field(
        default=5.0, ge=0, exclude=True, description="work that a killed training may lose, in minutes"
    )
    tracker: Literal["none", "tensorboard", "mlflow"] = Field(
        default="none", exclude=True, description="where learning curves are shown while they grow"
    )

    @field_validator("clip", "patience")
    @classmethod
    def _zero_is_none(cls, value: float | None) -> float | None:
        return value or None  # TOML has no word for none

    @field_serializer("loss")
    def _as_recorded(self, loss: str | None) -> str:
        return loss or "cross_entropy"  # as finished jobs have it in their records

    @model_validator(mode="after")
    def _stops_on_something(self) -> "Training":
        if self.patience is not None and self.stop_on != "training_loss" and self.validation == 0:
            raise ValueError(
                "patience needs rows to look at: set validation, or stop_on = 'training_loss'; patience = 0 is none"
            )
        if self.label_smoothing and self.loss == "focal":
            raise ValueError("label_smoothing is of loss = 'cross_entropy'; the focal loss has gamma")
        if self.warmup >= self.epochs:
            raise ValueError(
                f"warmup ({self.warmup} epochs) must end before training does ({self.epochs} epochs); "
                f"set it to {self.epochs / 10:g}, say, or 0 for none"
            )
        return self
