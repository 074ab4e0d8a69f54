"""The loop of every protocol that trains: SGD with a cosine schedule, deterministic from one seed (spec 6.3-6.5)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from concord3d.config.validation import StrictModel
from concord3d.errors import EvaluationError, NonFiniteLoss

logger = logging.getLogger(__name__)


class FineTuning(StrictModel):
    """How a protocol trains; the defaults are the DGCNN recipe (spec 6.3).

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


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy with a target of 1 - smoothing on the true class and the rest on the wrong ones.

    Args:
        logits: (M, C) float32, C at least 2.
        labels: (M,) int64.
        smoothing: Mass shared equally by the C - 1 wrong classes (torch shares it over all C).
    """
    num_classes = logits.shape[1]
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing * num_classes / (num_classes - 1))


def learning_rate(settings: FineTuning, epoch: int) -> float:
    """Return the rate of a 0-based epoch: cosine from ``learning_rate`` towards ``final_learning_rate``."""
    span = settings.learning_rate - settings.final_learning_rate
    return settings.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's global generators, which initialise layers and drive dropout, and restore them afterwards."""
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _optimizer(model: nn.Module, settings: FineTuning) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        model.parameters(), lr=settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
    )


def _check_loss(loss: Tensor, index: Tensor, where: str) -> None:
    if not torch.isfinite(loss):
        raise NonFiniteLoss(
            "The loss is not finite",
            where=where,
            found=f"{loss.item()} on items {index[:8].tolist()}",
            next_step="lower the learning rate in the protocol's settings",
        )


def fine_tune(
    model: nn.Module,
    num_items: int,
    loss_of: Callable[[Tensor, torch.Generator], Tensor],
    settings: FineTuning,
    seed: int,
    after_epoch: Callable[[int], None] | None = None,
) -> list[float]:
    """Train a model in place.

    Args:
        model: The model, already on its device.
        num_items: Training items.
        loss_of: Maps (B,) item indices (CPU) and a CPU generator for augmentation to a scalar loss.
        settings: The recipe.
        seed: Seed of the order and the augmentation; the caller seeds the global generators with :func:`seeded`.
        after_epoch: Called with the number of finished epochs.

    Returns:
        Mean loss per epoch.

    Raises:
        EvaluationError: Fewer than two training items.
        NonFiniteLoss: The loss became NaN or infinite.
    """
    if num_items < 2:
        raise EvaluationError("Fine-tuning needs at least two training items", expected=">= 2", found=num_items)
    batch_size = min(settings.batch_size, num_items)
    optimizer = _optimizer(model, settings)
    generator = torch.Generator().manual_seed(seed)
    history = []
    for epoch in range(settings.epochs):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, epoch)
        model.train()
        order = torch.randperm(num_items, generator=generator)
        losses = []
        for start in range(0, num_items - batch_size + 1, batch_size):
            index = order[start : start + batch_size]
            loss = loss_of(index, generator)
            _check_loss(loss, index, f"epoch {epoch + 1}, step {start // batch_size + 1}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
        logger.info("fine-tuning epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, history[-1])
        if after_epoch is not None:
            after_epoch(epoch + 1)
    return history


def is_tested(settings: FineTuning, finished: int) -> bool:
    """Whether the model is tested after ``finished`` epochs."""
    due = settings.evaluate_every > 0 and finished % settings.evaluate_every == 0
    return due or finished == settings.epochs
