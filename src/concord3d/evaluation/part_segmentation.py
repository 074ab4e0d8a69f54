"""Part segmentation: end-to-end fine-tuning and instance and class mIoU (MM-Point spec 6.4).

Shape legend: S training shapes, T test shapes, P points per shape, K categories, Q parts over all categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    smoothed_cross_entropy,
)
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune


@dataclass(frozen=True)
class LabelledShapes:
    """Shapes with part labels.

    Attributes:
        points: (S, P, 3) float32.
        categories: (S,) int64.
        parts: (S, P) int64, numbered over all categories.
    """

    points: NDArray[np.float32]
    categories: NDArray[np.int64]
    parts: NDArray[np.int64]


def parts_by_category(*splits: LabelledShapes) -> dict[int, tuple[int, ...]]:
    """Return the part labels that belong to each category, read from the ground truth of all splits."""
    categories = sorted({int(c) for split in splits for c in np.unique(split.categories)})
    return {
        c: tuple(sorted({int(p) for split in splits for p in np.unique(split.parts[split.categories == c])}))
        for c in categories
    }


def shape_ious(
    predicted: NDArray[np.int64],
    truth: NDArray[np.int64],
    categories: NDArray[np.int64],
    category_parts: Mapping[int, Sequence[int]],
) -> NDArray[np.float64]:
    """Return each shape's mean IoU over the parts of its category; one absent from both counts 1 (MM-Point spec 6.4).

    Args:
        predicted: (T, P) part labels.
        truth: (T, P) part labels.
        categories: (T,) category of each shape.
        category_parts: Part labels of each category.

    Returns:
        (T,) in [0, 1].

    Raises:
        EvaluationError: Shapes differ, or a category has no list of parts.
    """
    if predicted.shape != truth.shape or len(truth) != len(categories) or truth.size == 0:
        raise EvaluationError(
            "Predicted and true parts differ in shape, or are empty", expected=truth.shape, found=predicted.shape
        )
    result = np.empty(len(truth))
    for category in np.unique(categories):
        parts = category_parts.get(int(category), ())
        if not parts:
            raise EvaluationError("A category without parts", expected="at least one part label", found=int(category))
        rows = np.flatnonzero(categories == category)
        ious = np.ones((len(parts), len(rows)))
        for i, part in enumerate(parts):
            said, true = predicted[rows] == part, truth[rows] == part
            union = (said | true).sum(axis=1)
            np.divide((said & true).sum(axis=1), union, out=ious[i], where=union > 0)
        result[rows] = ious.mean(axis=0)
    return result


def instance_and_class_miou(
    ious: NDArray[np.float64], categories: NDArray[np.int64]
) -> tuple[float, float, dict[int, float]]:
    """Return mean over shapes, mean over categories of their means, and each category's mean (all fractions)."""
    per_category = {int(c): float(ious[categories == c].mean()) for c in np.unique(categories)}
    return float(ious.mean()), float(np.mean(list(per_category.values()))), per_category


def _predict(model: nn.Module, shapes: LabelledShapes, batch_size: int, device: str) -> NDArray[np.int64]:
    model.eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(shapes.points), batch_size):
            stop = start + batch_size
            points = torch.from_numpy(np.ascontiguousarray(shapes.points[start:stop])).to(device)
            categories = torch.from_numpy(shapes.categories[start:stop]).to(device)
            rows.append(model(points, categories).argmax(dim=2).cpu().numpy())
    return np.concatenate(rows).astype(np.int64)


def checked_shapes(
    points: NDArray[np.float32],
    categories: NDArray[np.int64],
    parts: NDArray[np.int64] | None,
    num_points: int,
    where: str,
) -> LabelledShapes:
    """Return the first ``num_points`` points of each shape with their labels.

    Raises:
        EvaluationError: No part labels, or a negative label.
        BadCloud: Fewer points than asked, or coordinates that are not finite.
    """
    if parts is None or parts.shape != points.shape[:2]:
        found = None if parts is None else parts.shape
        raise EvaluationError("The split has no part labels", where=where, expected=points.shape[:2], found=found)
    if parts.min() < 0 or categories.min() < 0:
        raise EvaluationError("A part or category label is negative", where=where, expected=">= 0", found=-1)
    chosen = first_points(points, num_points, where)
    return LabelledShapes(chosen, categories.astype(np.int64), parts[:, :num_points].astype(np.int64))


def finetune_parts(
    model: nn.Module,
    train: LabelledShapes,
    test: LabelledShapes,
    settings: FineTuning,
    augment: bool = False,
    seed: int = 0,
    device: str = "cpu",
    work_dir: Path | None = None,
) -> FineTuned:
    """Fine-tune a part segmenter end to end and label the test shapes (MM-Point spec 6.4).

    Args:
        model: Maps (B, P, 3) points and (B,) categories to (B, P, Q) logits; changed in place.
        train: Training shapes (training and validation splits together in the published protocol).
        test: Test shapes; their labels only find the best tested epoch.
        settings: The recipe.
        augment: Scale and shift per axis (the published protocol does not).
        seed: Seed of the order, the augmentation and the dropout.
        device: Torch device.
        work_dir: Where checkpoints in progress lie, from which a killed call goes on; without it it begins anew.

    Returns:
        (T, P) part labels; the best epoch is the one with the best instance mIoU.

    Raises:
        NonFiniteLoss: The loss became NaN or infinite.
    """
    parts = parts_by_category(train, test)
    points, targets = torch.from_numpy(np.ascontiguousarray(train.points)), torch.from_numpy(train.parts)
    categories = torch.from_numpy(train.categories)
    model.to(device)

    def loss_of(index: Tensor, generator: torch.Generator) -> Tensor:
        batch = points[index]
        if augment:
            batch = augment_fine_tune(batch, FineTuneAugmentation(), generator)
        logits = model(batch.to(device), categories[index].to(device)).flatten(0, 1)
        return smoothed_cross_entropy(logits, targets[index].flatten().to(device), settings.label_smoothing)

    selection = EpochSelection(
        settings,
        lambda: _predict(model, test, settings.batch_size, device),
        lambda predicted: float(shape_ious(predicted, test.parts, test.categories, parts).mean()),
    )
    checkpoints = None
    if work_dir is not None:
        data = (*vars(train).values(), *vars(test).values())
        checkpoints = EpochCheckpoints(work_dir, model, settings, seed, data, augment=augment, device=device)
    return selection.outcome(fine_tune(model, len(points), loss_of, settings, seed, selection, checkpoints))
