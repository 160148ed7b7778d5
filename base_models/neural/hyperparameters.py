"""How a network is trained: what every neural learner takes as its ``training`` table."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Training(BaseModel):
    """Learners subclass it to give their paper's defaults.

    ``lr`` falls by ``schedule``: "steps" multiplies it by ``decay`` at the epochs in ``milestones``, "linear" and
    "cosine" end at zero; it rises over the first ``warmup`` epochs. Classes are weighted by frequency to the power of
    minus ``balance`` (1: inverse frequency), or drawn evenly where ``resample`` is above 0: an epoch then has
    ``resample`` times the rows. With ``validation`` above 0 that share of the fit rows, copies whole, is put aside: the
    best weights by ``stop_on`` are kept, and training stops after ``patience`` epochs without a better one, not
    before ``min_epochs``. ``stop_on = "training_loss"`` needs no rows. ``micro_batch`` rows are on the device at once,
    their gradients summed to the step of the whole ``batch``. 0 switches ``clip`` and ``patience`` off.
    ``eval_batch`` rows (views, of images) are predicted at once; not set, as many as the device is fastest with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(default=30, ge=1)
    batch: int = Field(default=16, ge=1)
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = Field(default=1e-4, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "steps", "linear", "cosine"] = "constant"
    milestones: tuple[float, ...] = (40, 60)
    decay: float = Field(default=0.1, gt=0, le=1)
    warmup: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=None, ge=0)
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    gamma: float = Field(default=2.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    balance: float = Field(default=1.0, ge=0, le=1)
    resample: float = Field(default=0.0, ge=0)
    validation: float = Field(default=0.0, ge=0, lt=1)
    patience: int | None = Field(default=None, ge=0)
    min_epochs: int = Field(default=0, ge=0)
    stop_on: Literal["metric", "loss", "training_loss"] = "metric"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    micro_batch: int | None = Field(default=None, ge=1)

    # What follows changes no result but by rounding, so a change makes none stale.
    eval_batch: int | None = Field(default=None, ge=1, exclude=True)
    workers: int | None = Field(default=None, ge=0, exclude=True)
    checkpoint_minutes: float = Field(default=5.0, ge=0, exclude=True)
    tracker: Literal["none", "tensorboard", "mlflow"] = Field(default="none", exclude=True)

    @field_validator("clip", "patience")
    @classmethod
    def _zero_is_none(cls, value: float | None) -> float | None:
        return value or None  # TOML has no word for none

    @model_validator(mode="after")
    def _stops_on_something(self) -> "Training":
        if self.patience is not None and self.stop_on != "training_loss" and self.validation == 0:
            raise ValueError(
                "patience needs rows to look at: set validation, or stop_on = 'training_loss'; patience = 0 is none"
            )
        if self.label_smoothing and self.loss == "focal":
            raise ValueError("label_smoothing is of loss = 'cross_entropy'; the focal loss has gamma")
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup ({self.warmup} epochs) must end before training does ({self.epochs} epochs)")
        return self
