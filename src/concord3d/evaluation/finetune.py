"""Fine-tuned classification: encoder and classifier trained end to end on labels (MM-Point spec 6.3).

Shape legend: S training clouds, T test clouds, P points stored, N points used, C classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.errors import EvaluationError
from concord3d.evaluation.features import first_points
from concord3d.evaluation.fine_tuning_loop import (
    EpochCheckpoints,
    EpochSelection,
    FineTuned,
    FineTuning,
    fine_tune,
    seeded,
    smoothed_cross_entropy,
)
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune
from concord3d.models.heads import ClassifierHead


def predict_classes(model: nn.Module, points: NDArray[np.float32], batch_size: int, device: str) -> NDArray[np.int64]:
    """Return (T,) predictions in eval mode of (T, N, 3) clouds."""
    model.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(points), batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(points[start : start + batch_size])).to(device)
            parts.append(model(batch).argmax(dim=1).cpu().numpy())
    return np.concatenate(parts).astype(np.int64)


def _check_labels(labels: NDArray[np.int64], num_classes: int) -> None:
    present = np.unique(labels)
    if len(present) < 2 or present[0] < 0 or present[-1] >= num_classes:
        raise EvaluationError(
            "Fine-tuning needs labels of at least two classes",
            expected=f"labels in [0, {num_classes})",
            found=f"{len(present)} classes: {present[:5].tolist()} ...",
        )


def finetune_classification(
    encoder: nn.Module,
    feature_dim: int,
    train_points: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_points: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    num_classes: int,
    num_points: int,
    settings: FineTuning,
    augment: bool = True,
    seed: int = 0,
    device: str = "cpu",
    work_dir: Path | None = None,
) -> FineTuned:
    """Train the encoder and a new classifier, and predict the test split.

    Args:
        encoder: Point encoder; it is changed in place.
        feature_dim: Width of the encoder's feature.
        train_points: (S, P, 3) as stored.
        train_labels: (S,).
        test_points: (T, P, 3).
        test_labels: (T,), used only to find the best tested epoch.
        num_classes: C.
        num_points: N, the first points of each cloud.
        settings: The recipe.
        augment: Scale and shift per axis.
        seed: Seed of the classifier, the order, the augmentation and the dropout.
        device: Torch device.
        work_dir: Where checkpoints in progress lie, from which a killed call goes on; without it it begins anew.

    Returns:
        (T,) classes.

    Raises:
        BadCloud: Fewer points than asked, or coordinates that are not finite.
        EvaluationError: Fewer than two classes, or labels out of range.
        NonFiniteLoss: The loss became NaN or infinite.
    """
    _check_labels(train_labels, num_classes)
    train = torch.from_numpy(np.ascontiguousarray(first_points(train_points, num_points, "training clouds")))
    test = first_points(test_points, num_points, "test clouds")
    labels = torch.from_numpy(train_labels.astype(np.int64))
    with seeded(seed, device):
        model = nn.Sequential(encoder, ClassifierHead(feature_dim, num_classes)).to(device)

    def loss_of(index: Tensor, generator: torch.Generator) -> Tensor:
        batch = train[index]
        if augment:
            batch = augment_fine_tune(batch, FineTuneAugmentation(), generator)
        return smoothed_cross_entropy(model(batch.to(device)), labels[index].to(device), settings.label_smoothing)

    selection = EpochSelection(
        settings,
        lambda: predict_classes(model, test, settings.batch_size, device),
        lambda predicted: float((predicted == test_labels).mean()),
    )
    checkpoints = None
    if work_dir is not None:
        data = (train.numpy(), train_labels, test, test_labels)
        checkpoints = EpochCheckpoints(work_dir, model, settings, seed, data, augment=augment, device=device)
    return selection.outcome(fine_tune(model, len(train), loss_of, settings, seed, selection, checkpoints))
