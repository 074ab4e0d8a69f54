"""Semantic segmentation of rooms in blocks: folds over areas, accuracy and mIoU (MM-Point spec 6.5).

Intersections and unions are added up over everything that was tested before they are divided.
Shape legend: S blocks, P points per block, F channels, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.errors import EvaluationError
from concord3d.evaluation.fine_tuning_loop import (
    EpochCheckpoints,
    FineTuning,
    fine_tune,
    seeded,
    smoothed_cross_entropy,
)
from concord3d.evaluation.statistics import NUM_RESAMPLES, Interval

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LabelledBlocks:
    """Blocks of rooms with a class per point.

    Attributes:
        features: (S, P, F) float32; nine channels in the published protocol, xyz alone otherwise.
        labels: (S, P) int64.
        areas: (S,) int64 area of each block.
        rooms: (S,) room of each block; blocks of one room are not independent.
        names: (S,) one name per block.
    """

    features: NDArray[np.float32]
    labels: IntArray
    areas: IntArray
    rooms: tuple[str, ...]
    names: tuple[str, ...]

    def subset(self, index: IntArray) -> LabelledBlocks:
        """Return the blocks at ``index``, in that order."""
        return LabelledBlocks(
            self.features[index],
            self.labels[index],
            self.areas[index],
            tuple(self.rooms[i] for i in index),
            tuple(self.names[i] for i in index),
        )


def join_blocks(first: LabelledBlocks, second: LabelledBlocks) -> LabelledBlocks:
    """Return the blocks of both, in that order."""
    return LabelledBlocks(
        np.concatenate([first.features, second.features]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.areas, second.areas]),
        first.rooms + second.rooms,
        first.names + second.names,
    )


def area_folds(areas: IntArray, test_areas: tuple[int, ...]) -> list[tuple[int, IntArray, IntArray]]:
    """Return (area, training rows, test rows) for each test area, which is left out of its training rows.

    Raises:
        EvaluationError: A test area has no blocks, or nothing is left to train on.
    """
    folds = []
    for area in test_areas:
        test, train = np.flatnonzero(areas == area), np.flatnonzero(areas != area)
        if not len(test) or not len(train):
            raise EvaluationError(
                f"Area {area} cannot be a fold", expected="blocks in it and outside it", found=(len(test), len(train))
            )
        folds.append((area, train, test))
    return folds


def block_counts(predicted: IntArray, truth: IntArray, num_classes: int) -> tuple[IntArray, IntArray]:
    """Return intersections and unions per block and class.

    Args:
        predicted: (S, P).
        truth: (S, P).
        num_classes: C.

    Returns:
        Two (S, C) int64 arrays of points.

    Raises:
        EvaluationError: Shapes differ, or there are no blocks.
    """
    if predicted.shape != truth.shape or truth.size == 0:
        raise EvaluationError("Predicted and true classes differ in shape", expected=truth.shape, found=predicted.shape)
    classes = range(num_classes)
    inter = np.stack([((predicted == c) & (truth == c)).sum(axis=1) for c in classes], axis=1)
    union = np.stack([((predicted == c) | (truth == c)).sum(axis=1) for c in classes], axis=1)
    return inter.astype(np.int64), union.astype(np.int64)


def accumulated_iou(inter: NDArray[np.int64], union: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (..., C) intersection over union of accumulated (..., C) counts; NaN where the union is empty."""
    return np.divide(inter, union, out=np.full(np.shape(union), np.nan), where=np.asarray(union) > 0)


def miou_interval(
    inter: IntArray, union: IntArray, rooms: tuple[str, ...], num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean IoU over classes with a 95 % interval from resampled rooms.

    Args:
        inter: (S, C) intersections per block.
        union: (S, C) unions per block.
        rooms: (S,) room of each block.
        num_resamples: Resamples.
        seed: Seed of the resampling.

    Raises:
        EvaluationError: No class occurs.
    """
    value = accumulated_iou(inter.sum(axis=0), union.sum(axis=0))
    if np.isnan(value).all():
        raise EvaluationError("No class occurs in the tested blocks", expected="at least one labelled point", found=0)
    names, index = np.unique(np.array(rooms), return_inverse=True)
    by_room = np.zeros((2, len(names), inter.shape[1]))
    np.add.at(by_room[0], index, inter)
    np.add.at(by_room[1], index, union)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), num_resamples)
    samples = np.nanmean(accumulated_iou(draws @ by_room[0], draws @ by_room[1]), axis=1)
    low, high = np.quantile(samples, [0.025, 0.975])
    # A class of few rooms is missing from most resamples, which moves them all to one side of the value.
    mean = float(np.nanmean(value))
    return Interval(mean, min(float(low), mean), max(float(high), mean), len(inter), 1, "rooms")


def _predict(model: nn.Module, features: NDArray[np.float32], batch_size: int, device: str) -> IntArray:
    model.eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(features), batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(features[start : start + batch_size])).to(device)
            rows.append(model(batch).argmax(dim=2).cpu().numpy())
    return np.concatenate(rows).astype(np.int64)


def train_and_predict(
    model: nn.Module,
    train: LabelledBlocks,
    test: LabelledBlocks,
    settings: FineTuning,
    seed: int = 0,
    device: str = "cpu",
    work_dir: Path | None = None,
) -> tuple[IntArray, list[float]]:
    """Fine-tune a segmenter on blocks, without augmentation, and label the test blocks after the last epoch.

    Args:
        model: Maps (B, P, F) to (B, P, C) logits; changed in place.
        train: Training blocks.
        test: Test blocks.
        settings: The recipe.
        seed: Seed of the order and the dropout.
        device: Torch device.
        work_dir: Where checkpoints in progress lie, from which a killed call goes on; without it it begins anew.

    Returns:
        (S_test, P) predicted classes, and the mean loss per epoch.

    Raises:
        EvaluationError: Features that are not finite.
        NonFiniteLoss: The loss became NaN or infinite.
    """
    for blocks in (train, test):
        if not np.isfinite(blocks.features).all():
            raise EvaluationError("Blocks hold values that are not finite", expected="finite features")
    features, labels = torch.from_numpy(train.features), torch.from_numpy(train.labels)
    checkpoints = None
    if work_dir is not None:
        data = (train.features, train.labels)
        checkpoints = EpochCheckpoints(work_dir, model, settings, seed, data, device=device)
    with seeded(seed, device):
        model.to(device)

        def loss_of(index: Tensor, generator: torch.Generator) -> Tensor:
            logits = model(features[index].to(device)).flatten(0, 1)
            return smoothed_cross_entropy(logits, labels[index].flatten().to(device), settings.label_smoothing)

        losses = fine_tune(model, len(features), loss_of, settings, seed, checkpoints=checkpoints)
    return _predict(model, test.features, settings.batch_size, device), losses


def cross_validate(
    build_model: Callable[[], nn.Module],
    blocks: LabelledBlocks,
    test_areas: tuple[int, ...],
    settings: FineTuning,
    seed: int = 0,
    device: str = "cpu",
    work_dir: Path | None = None,
) -> tuple[LabelledBlocks, IntArray, dict[int, list[float]]]:
    """Train one model per test area on all other areas, and collect the predictions of all folds.

    Args:
        build_model: Makes a freshly initialised segmenter.
        blocks: Blocks of all areas.
        test_areas: (1, 2, 3, 4, 5, 6) for the published six folds; one area for the cheaper protocol.
        settings: The recipe.
        seed: Seed of every fold.
        device: Torch device.
        work_dir: See :func:`train_and_predict`.

    Returns:
        The tested blocks, their (S, P) predictions, and each fold's losses.
    """
    tested, predictions, losses = [], [], {}
    for area, train, test in area_folds(blocks.areas, test_areas):
        with seeded(seed, device):
            model = build_model()
        predicted, losses[area] = train_and_predict(
            model, blocks.subset(train), blocks.subset(test), settings, seed, device, work_dir
        )
        tested.append(test)
        predictions.append(predicted)
    return blocks.subset(np.concatenate(tested)), np.concatenate(predictions), losses
