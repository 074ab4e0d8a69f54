"""How a protocol trains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.config.validation import StrictModel


class FineTuning(StrictModel):
    """How a protocol trains; the defaults are the DGCNN recipe (MM-Point spec 6.3).

    Attributes:
        epochs: Passes over the training split.
        batch_size: Clouds per step; a smaller last batch is left out.
        optimizer: ``sgd`` with momentum, or ``adam``.
        learning_rate: Rate of the first epoch.
        final_learning_rate: Rate that the cosine schedule approaches.
        momentum: Of SGD.
        weight_decay: L2 penalty.
        label_smoothing: Target mass shared by the wrong classes.
        evaluate_every: Test every so many epochs to find the best test epoch (0: only the last epoch is tested).
    """

    epochs: PositiveInt = 250
    batch_size: int = Field(default=32, ge=2)
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: PositiveFloat = 0.1
    final_learning_rate: float = Field(default=1e-3, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    label_smoothing: float = Field(default=0.2, ge=0, lt=1)
    evaluate_every: int = Field(default=0, ge=0)
