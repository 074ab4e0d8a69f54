"""The ``training`` section of a run, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from concord3d.config.places import Place
from concord3d.config.validation import Places, StrictModel, Where, validate
from concord3d.errors import ConfigError
from concord3d.methods.settings import MethodSettings

Schedule = Literal["constant", "cosine", "cosine_end_of_epoch", "cosine_start_of_epoch", "warmup_cosine"]
OptimizerName = Literal["adam", "adamw", "sgd"]
Precision = Literal["32-true", "bf16-mixed"]


class TrainingSettings(StrictModel):
    """How a method is trained.

    Attributes:
        epochs: Passes over the training units; 0 leaves a method that is of use as it is built
            (:attr:`concord3d.methods.settings.MethodSettings.starts_fitted`).
        batch_size: Units per step over all processes; most methods need two
            (:attr:`concord3d.methods.settings.MethodSettings.least_batch`).
        optimizer: Adam, AdamW, or SGD with momentum.
        learning_rate: Initial rate.
        final_learning_rate: Rate that a cosine approaches.
        momentum: Of SGD.
        dampening: Of SGD's momentum: the part of each gradient that does not enter it.
        beta2: Of Adam and AdamW: decay of the average of squared gradients.
        max_gradient_norm: Longer gradients of all parameters together are shortened to this; null leaves them.
        weight_decay: As the optimiser defines it.
        schedule: See :func:`concord3d.training.schedule.learning_rate`.
        warmup_epochs: Epochs in which the rate rises, under ``warmup_cosine``.
        drop_last: Leave out the last, smaller batch of an epoch.
        num_held_out: Units that are never trained on; null takes 256, but at most a tenth.
        precision: Lightning Fabric precision, float32 on a device without products of bfloat16; losses are float32 in
            every case.
        threads: CPU threads of the job.
        num_snapshots: Epochs whose modules are kept, at equal distances, the last included.
        checkpoint_every_s: Seconds between checkpoints.
        deterministic: Use deterministic algorithms.
    """

    epochs: NonNegativeInt
    batch_size: PositiveInt
    optimizer: OptimizerName = "adam"
    learning_rate: PositiveFloat = 1e-3
    final_learning_rate: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    dampening: float = Field(default=0.0, ge=0, lt=1)
    beta2: float = Field(default=0.999, gt=0, lt=1)
    max_gradient_norm: PositiveFloat | None = None
    weight_decay: float = Field(default=1e-6, ge=0)
    schedule: Schedule = "cosine"
    warmup_epochs: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    drop_last: bool = True
    num_held_out: int | None = Field(default=None, ge=0)
    precision: Precision = "32-true"
    threads: PositiveInt
    num_snapshots: PositiveInt = 5
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    deterministic: bool = True


def training_settings(
    section: Mapping[str, Any], method: MethodSettings, where: Where = "training"
) -> TrainingSettings:
    """Validate the ``training`` section of a run.

    Args:
        section: Keys and values as configured.
        method: Settings of the method that is trained.
        where: Place for messages.

    Raises:
        ConfigError: A key is unknown or a value impossible, or no epoch is asked for, or too small a batch, of a method
            that needs more.
    """
    settings = validate(TrainingSettings, dict(section), where)
    if settings.epochs == 0 and not method.starts_fitted:
        raise ConfigError(
            "'epochs' is 0, and the method learns nothing before its first step",
            where=_place_of("epochs", where),
            expected="at least 1",
            found=0,
        )
    if method.is_trained and settings.batch_size < method.least_batch:
        raise ConfigError(
            "'batch_size' is less than a step of the method needs",
            where=_place_of("batch_size", where),
            expected=f"at least {method.least_batch}",
            found=settings.batch_size,
        )
    return settings


def _place_of(key: str, where: Where) -> object:
    if isinstance(where, Places):
        return where.of((key,))
    return where.below(key) if isinstance(where, Place) else where


def snapshot_epochs(num_epochs: int, num_snapshots: int) -> tuple[int, ...]:
    """Return the 1-based epochs after which modules are kept: equal distances, the last included; without any, 0."""
    if num_epochs == 0:
        return (0,)
    return tuple(sorted({max(1, round(num_epochs * (i + 1) / num_snapshots)) for i in range(num_snapshots)}))
