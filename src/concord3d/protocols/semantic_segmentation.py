"""Semantic segmentation of rooms in blocks: point accuracy and mIoU over all that was tested (MM-Point spec 6.5).

Intersections and unions are added up over all folds before they are divided.
Shape legend: S blocks, P points per block, F channels, C classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, model_validator

from concord3d.config.validation import StrictModel
from concord3d.errors import EvaluationError
from concord3d.measures.block_iou import IntArray, accumulated_iou, block_counts, miou_interval
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.interface import Protocol
from concord3d.statistics.bootstrap import bootstrap_mean_interval
from concord3d.training.fine_tuning_settings import FineTuning

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from concord3d.data.readers.s3dis_h5 import RoomBlocks
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.models.dgcnn_semseg import SemSegmenter
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(StrictModel):
    """Settings of semantic segmentation.

    Attributes:
        k: Neighbours per point.
        training: The recipe.
        test_areas: Areas to leave out one after another (1-6 is the published protocol); null keeps the data's split.
        num_classes: Semantic classes.
    """

    k: PositiveInt = 20
    training: FineTuning = FineTuning(epochs=100, batch_size=32)
    test_areas: tuple[int, ...] | None = None
    num_classes: PositiveInt = 13

    @model_validator(mode="after")
    def _only_the_last_epoch(self) -> Settings:
        if self.training.evaluate_every:
            raise ValueError("semantic segmentation tests the last epoch only; set training.evaluate_every to 0")
        return self


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


def _predict(model: nn.Module, features: NDArray[np.float32], batch_size: int, device: str) -> IntArray:
    import torch

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
    import torch

    from concord3d.training.fine_tuning import EpochCheckpoints, fine_tune, seeded, smoothed_cross_entropy

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
    from concord3d.training.fine_tuning import seeded

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


def blocks_of(split: CloudSplit | RoomBlocks | None, where: str) -> LabelledBlocks:
    """Return blocks from a reader's blocks (nine channels) or from a split of clouds (xyz alone).

    Raises:
        EvaluationError: No split, clouds without semantic labels, or names that do not begin with their area.
    """
    from concord3d.data.readers.s3dis_h5 import RoomBlocks

    if split is None:
        raise EvaluationError("The data set has no such split", where=where, expected="blocks or clouds", found=None)
    if isinstance(split, RoomBlocks):
        names = tuple(f"{room}/{index:05d}" for index, room in enumerate(split.rooms))
        return LabelledBlocks(split.features, split.labels, split.areas, split.rooms, names)
    if split.part_labels is None:
        raise EvaluationError("The split has no label per point", where=where, expected="part_labels", found=None)
    areas = []
    for name in split.names:
        match = re.match(r"Area_(\d+)_", name)
        if not match:
            raise EvaluationError("A block's name has no area", where=where, expected="Area_<n>_<room>/...", found=name)
        areas.append(int(match.group(1)))
    rooms = tuple(name.split("/")[0] for name in split.names)
    return LabelledBlocks(split.points, split.part_labels, np.array(areas, dtype=np.int64), rooms, split.names)


def _segmenter(job: EvaluationJob, settings: Settings, num_channels: int) -> SemSegmenter:
    from concord3d.models.dgcnn_semseg import FIRST_LAYER, DGCNNSemSeg, SemSegmenter
    from concord3d.models.weights import load_matching, read_tensors

    encoder = DGCNNSemSeg(settings.k, int(job.run_config["encoder"].get("emb_dims", 1024)), num_channels)
    tensors, _ = read_tensors(job.model_path)
    # Pre-training sees three channels; with nine the first layer has another shape and starts anew.
    load_matching(encoder, tensors, may_differ=(FIRST_LAYER,) if num_channels != 3 else ())
    return SemSegmenter(encoder, settings.num_classes)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure point accuracy and mean IoU over classes."""
    from concord3d.training.fine_tuning import seeded

    job.require_encoder("dgcnn_semseg")
    train, test = blocks_of(job.train, "train"), blocks_of(job.test, "test")
    num_channels, seed, device = train.features.shape[2], job.seed, job.torch_device
    losses: dict[str, list[float]]
    if settings.test_areas is None:
        with seeded(seed, "cpu"):
            model = _segmenter(job, settings, num_channels)
        predicted, history = train_and_predict(model, train, test, settings.training, seed, device, job.work_dir)
        tested, losses = test, {"split": history}
    else:
        tested, predicted, folds = cross_validate(
            lambda: _segmenter(job, settings, num_channels),
            join_blocks(train, test),
            settings.test_areas,
            settings.training,
            seed,
            device,
            job.work_dir,
        )
        losses = {f"area_{area}": history for area, history in folds.items()}
    inter, union = block_counts(predicted, tested.labels, settings.num_classes)
    ious = accumulated_iou(inter.sum(axis=0), union.sum(axis=0))
    right = (predicted == tested.labels).mean(axis=1)
    records = (
        record_from_interval("overall_accuracy", bootstrap_mean_interval(right)),
        record_from_interval("miou", miou_interval(inter, union, tested.rooms)),
    )
    details = {
        "num_channels": num_channels,
        "num_train": len(train.features),
        "num_rooms_tested": len(set(tested.rooms)),
        "test_areas": sorted({int(area) for area in tested.areas}),
        "training": settings.training.model_dump(),
        "class_iou": [None if np.isnan(iou) else float(100 * iou) for iou in ious],
        "loss_by_epoch": losses,
    }
    return ProtocolResult(records, {"overall_accuracy__last": right}, tested.names, details)


PROTOCOL = Protocol(Settings, run, trains=True, store="rooms")
