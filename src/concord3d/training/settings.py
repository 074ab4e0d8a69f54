"""The ``training`` section of a run, read without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.config.validation import StrictModel

Schedule = Literal["constant", "cosine", "cosine_end_of_epoch", "cosine_start_of_epoch", "warmup_cosine"]
OptimizerName = Literal["adam", "adamw", "sgd"]


class TrainingSettings(StrictModel):
    """How a method is trained.

    Attributes:
        epochs: Passes over the training units.
        batch_size: Units per step over all processes.
        optimizer: Adam, AdamW, or SGD with momentum.
        learning_rate: Initial rate.
        final_learning_rate: Rate that a cosine approaches.
        momentum: Of SGD.
        weight_decay: As the optimiser defines it.
        schedule: See :func:`concord3d.training.schedule.learning_rate`.
        warmup_epochs: Epochs in which the rate rises, under ``warmup_cosine``.
        drop_last: Leave out the last, smaller batch of an epoch.
        num_held_out: Units that are never trained on; null takes 256, but at most a tenth.
        precision: Lightning Fabric precision; losses are float32 in every case.
        threads: CPU threads of the job.
        num_snapshots: Epochs whose modules are kept, at equal distances, the last included.
        checkpoint_every_s: Seconds between checkpoints.
        deterministic: Use deterministic algorithms.
    """

    epochs: PositiveInt
    batch_size: int = Field(ge=2)
    optimizer: OptimizerName = "adam"
    learning_rate: PositiveFloat = 1e-3
    final_learning_rate: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-6, ge=0)
    schedule: Schedule = "cosine"
    warmup_epochs: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    drop_last: bool = True
    num_held_out: int | None = Field(default=None, ge=0)
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    threads: PositiveInt
    num_snapshots: PositiveInt = 5
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    deterministic: bool = True


def snapshot_epochs(num_epochs: int, num_snapshots: int) -> tuple[int, ...]:
    """Return the 1-based epochs after which modules are kept: equal distances, the last included."""
    return tuple(sorted({max(1, round(num_epochs * (i + 1) / num_snapshots)) for i in range(num_snapshots)}))
