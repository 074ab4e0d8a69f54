"""The loop of every protocol that trains: SGD with a cosine schedule, deterministic (MM-Point spec 6.3-6.5).

Every epoch draws from its own seed, so that a loop that was killed goes on from the last epoch kept to the same result.

Shape legend: T test items; the other axes of a prediction are the protocol's.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import EvaluationError, NonFiniteLoss
from concord3d.files import content_hash
from concord3d.training.checkpoint import latest_checkpoint, misfit_named, save_checkpoint
from concord3d.training.fine_tuning_settings import FineTuning
from concord3d.training.seeding import derived_generator, derived_seed

CHECKPOINT_EVERY_S = 60.0

logger = logging.getLogger(__name__)

Predictions = NDArray[np.int64]


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


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuned model says about the test split.

    Attributes:
        last: (T, ...) predictions after the last epoch.
        best: (T, ...) predictions of the best tested epoch, or None if only the last was tested.
        best_epoch: That epoch, counted from 1, or None.
        losses: Mean training loss per epoch.
    """

    last: Predictions
    best: Predictions | None
    best_epoch: int | None
    losses: list[float]


class EpochSelection:
    """Tests a model between epochs; keeps the predictions of the last tested epoch and of the best one.

    Args:
        settings: The recipe, which says when to test.
        predict: Gives the model's present predictions of the test split.
        score: Rates predictions; the first epoch with the greatest score is the best.
    """

    def __init__(
        self, settings: FineTuning, predict: Callable[[], Predictions], score: Callable[[Predictions], float]
    ) -> None:
        self._settings, self._predict, self._score = settings, predict, score
        self._last: Predictions = np.zeros(0, dtype=np.int64)
        self._best: Predictions = self._last
        self._best_score, self._best_epoch = -math.inf, 0

    def after_epoch(self, finished: int) -> None:
        """Test the model if that is due after ``finished`` epochs."""
        every = self._settings.evaluate_every
        if finished != self._settings.epochs and (every == 0 or finished % every):
            return
        self._last = self._predict()
        score = self._score(self._last)
        if score > self._best_score:
            self._best, self._best_score, self._best_epoch = self._last, score, finished

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        arrays = {"last": self._last, "best": self._best}
        kept = {name: torch.from_numpy(array).to(torch.int32) for name, array in arrays.items()}
        return {**kept, "best_score": self._best_score, "best_epoch": self._best_epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self._last, self._best = (state[name].numpy().astype(np.int64) for name in ("last", "best"))
        self._best_score, self._best_epoch = float(state["best_score"]), int(state["best_epoch"])

    def outcome(self, losses: list[float]) -> FineTuned:
        """Return the predictions, with those of the best epoch where several were tested."""
        if self._settings.evaluate_every == 0:
            return FineTuned(self._last, None, None, losses)
        return FineTuned(self._last, self._best, self._best_epoch, losses)


class EpochCheckpoints:
    """Keeps a fine-tuning after its epochs, at most one a minute and always the last, to go on from there.

    The folder is named after everything that decides the result; another recipe, model or split never finds it.

    Args:
        work_dir: Parent of the folder.
        model: The model before its first step.
        settings: The recipe.
        seed: Seed of the loop.
        data: Training and test arrays.
        choices: Anything else that decides the result.
    """

    def __init__(
        self,
        work_dir: Path,
        model: nn.Module,
        settings: FineTuning,
        seed: int,
        data: Iterable[NDArray[Any]],
        **choices: Any,
    ) -> None:
        self._identity = {
            "settings": settings.model_dump(),
            "seed": seed,
            "model": _plain_attributes(model),
            "start": _digest(tensor.detach().cpu().numpy() for tensor in model.state_dict().values()),
            "data": _digest(data),
            **choices,
        }
        self.folder = work_dir / content_hash(self._identity)
        self._model = model
        self._saved = time.monotonic()

    def save(
        self, optimizer: torch.optim.Optimizer, selection: EpochSelection | None, losses: list[float], last: bool
    ) -> None:
        """Write a checkpoint after ``len(losses)`` epochs, if one is due.

        Raises:
            DiskFull: There is no room; earlier checkpoints are untouched.
        """
        if not last and time.monotonic() - self._saved < CHECKPOINT_EVERY_S:
            return
        state = {
            "identity": self._identity,
            "model": self._model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "selection": None if selection is None else selection.state(),
            "losses": losses,
        }
        save_checkpoint(self.folder, len(losses), state)
        self._saved = time.monotonic()

    def resume(self, optimizer: torch.optim.Optimizer, selection: EpochSelection | None) -> list[float]:
        """Take up the newest checkpoint, if there is one; return the losses of the epochs done.

        Raises:
            CheckpointCorrupt: It was written by other code and does not fit.
        """
        state, _ = latest_checkpoint(self.folder, self._identity)
        if state is None:
            return []
        with misfit_named(self.folder):
            self._model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            if selection is not None:
                selection.restore(state["selection"])
            losses: list[float] = state["losses"]
        logger.info("fine-tuning goes on after epoch %d", len(losses))
        return losses


def _plain_attributes(model: nn.Module) -> dict[str, dict[str, Any]]:
    """Return what modules keep besides tensors, such as the number of neighbours or the share of a dropout."""
    return {
        name: {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, int | float | str) and key != "training"
        }
        for name, module in model.named_modules()
    }


def _digest(arrays: Iterable[NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def fine_tune(
    model: nn.Module,
    num_items: int,
    loss_of: Callable[[Tensor, torch.Generator], Tensor],
    settings: FineTuning,
    seed: int,
    selection: EpochSelection | None = None,
    checkpoints: EpochCheckpoints | None = None,
) -> list[float]:
    """Train a model in place.

    Args:
        model: The model, already on its device.
        num_items: Training items.
        loss_of: Maps (B,) item indices (CPU) and a CPU generator for augmentation to a scalar loss.
        settings: The recipe.
        seed: Seed of the order, the augmentation and the dropout.
        selection: Tests the model between epochs.
        checkpoints: Where to go on from, and what to keep; without it a killed loop begins anew.

    Returns:
        Mean loss per epoch.

    Raises:
        EvaluationError: Fewer than two training items.
        NonFiniteLoss: The loss became NaN or infinite.
        CheckpointCorrupt: A checkpoint does not fit the model.
        DiskFull: A checkpoint could not be written.
    """
    if num_items < 2:
        raise EvaluationError("Fine-tuning needs at least two training items", expected=">= 2", found=num_items)
    optimizer = _optimizer(model, settings)
    losses = [] if checkpoints is None else checkpoints.resume(optimizer, selection)
    for epoch in range(len(losses), settings.epochs):
        losses.append(_train_epoch(model, optimizer, num_items, loss_of, settings, seed, epoch))
        logger.info("fine-tuning epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, losses[-1])
        if selection is not None:
            selection.after_epoch(epoch + 1)
        if checkpoints is not None:
            checkpoints.save(optimizer, selection, losses, last=epoch + 1 == settings.epochs)
    return losses


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    num_items: int,
    loss_of: Callable[[Tensor, torch.Generator], Tensor],
    settings: FineTuning,
    seed: int,
    epoch: int,
) -> float:
    """Train for one 0-based epoch and return its mean loss."""
    batch_size = min(settings.batch_size, num_items)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, epoch)
    order = torch.randperm(num_items, generator=derived_generator(seed, "order", epoch))
    generator = derived_generator(seed, "augmentation", epoch)
    losses = []
    model.train()
    with seeded(derived_seed(seed, "model", epoch + 1), str(next(model.parameters()).device)):
        for start in range(0, num_items - batch_size + 1, batch_size):
            index = order[start : start + batch_size]
            loss = loss_of(index, generator)
            _check_loss(loss, index, f"epoch {epoch + 1}, step {start // batch_size + 1}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)
