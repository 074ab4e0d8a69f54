"""Learning rates and optimisers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn

Schedule = Literal["constant", "cosine", "cosine_end_of_epoch", "cosine_start_of_epoch"]
OptimizerName = Literal["adam", "adamw", "sgd"]


def learning_rate(schedule: Schedule, base: float, step: int, steps_per_epoch: int, num_epochs: int) -> float:
    """Return the learning rate of one step; a function of the step alone, so there is no scheduler state.

    Args:
        schedule: ``cosine`` falls at every step; ``cosine_end_of_epoch`` once after each epoch (spec 5, MM-Point's
            default); ``cosine_start_of_epoch`` once before each epoch, so that the last epoch has rate 0 (CrossPoint).
        base: Learning rate at the start.
        step: 0-based step over the whole run.
        steps_per_epoch: Steps of one epoch.
        num_epochs: Epochs of the run.

    Returns:
        Learning rate, from ``base`` down to 0.
    """
    epoch = step // steps_per_epoch
    progress = {
        "constant": 0.0,
        "cosine": step / (steps_per_epoch * num_epochs),
        "cosine_end_of_epoch": epoch / num_epochs,
        "cosine_start_of_epoch": (epoch + 1) / num_epochs,
    }[schedule]
    return base * 0.5 * (1 + math.cos(math.pi * progress))


def make_optimizer(
    name: OptimizerName, parameters: Iterable[nn.Parameter], rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return Adam, AdamW, or SGD with momentum 0.9, in the fused form (one pass over each parameter)."""
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate, fused=True, weight_decay=weight_decay)
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, fused=True, weight_decay=weight_decay)
    return torch.optim.SGD(parameters, lr=rate, fused=True, momentum=0.9, weight_decay=weight_decay)
