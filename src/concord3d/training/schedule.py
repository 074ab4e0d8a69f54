"""Learning rates and optimisers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from concord3d.errors import ConfigError
from concord3d.training.settings import OptimizerName, Schedule


def learning_rate(
    schedule: Schedule,
    base: float,
    step: int,
    steps_per_epoch: int,
    num_epochs: int,
    warmup_epochs: float = 0.0,
    final: float = 0.0,
) -> float:
    """Return the learning rate of one step; a function of the step alone, so there is no scheduler state.

    Args:
        schedule: ``cosine`` falls at every step; ``cosine_end_of_epoch`` once after each epoch (the default
            of MM-Point spec 5); ``cosine_start_of_epoch`` once before each epoch, so that the last epoch has rate 0
            (CrossPoint); ``warmup_cosine`` rises in equal steps to ``base``, which the last step of the warm-up
            has, and then falls at every step like ``cosine`` (MM-Mixing spec 4).
        base: Learning rate at the start, or after the warm-up.
        step: 0-based step over the whole run.
        steps_per_epoch: Steps of one epoch.
        num_epochs: Epochs of the run.
        warmup_epochs: Length of the warm-up, less than the run; read by ``warmup_cosine`` only.
        final: Rate that a cosine approaches.

    Returns:
        Learning rate, from ``base`` towards ``final``.

    Raises:
        ConfigError: The warm-up is negative or leaves no step of the run.
    """
    if schedule == "warmup_cosine":
        return _warmup_cosine(base, step, round(warmup_epochs * steps_per_epoch), steps_per_epoch * num_epochs, final)
    epoch = step // steps_per_epoch
    progress = {
        "constant": 0.0,
        "cosine": step / (steps_per_epoch * num_epochs),
        "cosine_end_of_epoch": epoch / num_epochs,
        "cosine_start_of_epoch": (epoch + 1) / num_epochs,
    }[schedule]
    return _cosine(base, final, progress)


def _cosine(base: float, final: float, progress: float) -> float:
    return final + (base - final) * 0.5 * (1 + math.cos(math.pi * progress))


def _warmup_cosine(base: float, step: int, warmup: int, num_steps: int, final: float) -> float:
    if not 0 <= warmup < num_steps:
        raise ConfigError(
            "The warm-up does not fit into the run",
            where="training.warmup_epochs",
            expected=f"0 to {num_steps - 1} steps",
            found=f"{warmup} steps",
            next_step="shorten the warm-up or train for more epochs",
        )
    if step < warmup:
        return base * (step + 1) / warmup
    return final + (base - final) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (num_steps - warmup)))


def make_optimizer(
    name: OptimizerName,
    groups: Sequence[dict[str, Any]],
    rate: float,
    weight_decay: float,
    momentum: float = 0.9,
    dampening: float = 0.0,
    beta2: float = 0.999,
) -> torch.optim.Optimizer:
    """Return Adam, AdamW, or SGD with momentum, in the fused form (one pass over each parameter).

    Args:
        name: Which one.
        groups: Parameter groups in torch's form.
        rate: Learning rate of the groups that state none.
        weight_decay: Of the groups that state none.
        momentum: Of SGD.
        dampening: Of its momentum.
        beta2: Of Adam and AdamW, whose first is 0.9.
    """
    if name == "adam":
        return torch.optim.Adam(groups, lr=rate, betas=(0.9, beta2), fused=True, weight_decay=weight_decay)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=(0.9, beta2), fused=True, weight_decay=weight_decay)
    return torch.optim.SGD(
        groups, lr=rate, fused=True, momentum=momentum, dampening=dampening, weight_decay=weight_decay
    )
