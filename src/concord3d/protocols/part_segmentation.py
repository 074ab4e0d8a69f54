"""Part segmentation after end-to-end fine-tuning: instance and class mIoU (MM-Point spec 6.4).

Shape legend: S training shapes, T test shapes, P points per shape, K categories, Q parts over all categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.errors import EvaluationError
from concord3d.measures.part_iou import shape_ious
from concord3d.protocols.evaluation.results import ProtocolResult, Record, class_accuracies, record_from_interval
from concord3d.protocols.interface import Protocol, TrainedSettings
from concord3d.statistics.bootstrap import bootstrap_mean_interval
from concord3d.statistics.intervals import class_mean_interval
from concord3d.training.fine_tuning_settings import FineTuning

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.training.fine_tuning import FineTuned

PUBLISHED_NUM_POINTS = 2048


class Settings(TrainedSettings):
    """Settings of part segmentation.

    Attributes:
        num_parts: Part labels over all categories; null takes them from the labels.
        num_examples: Test shapes whose points and labels are kept for the figure.
    """

    k: PositiveInt = 40
    training: FineTuning = FineTuning(epochs=300, batch_size=8)
    augment: bool = False
    num_parts: PositiveInt | None = None
    num_examples: int = Field(default=16, ge=0)


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


def _predict(model: nn.Module, shapes: LabelledShapes, batch_size: int, device: str) -> NDArray[np.int64]:
    import torch

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
    from concord3d.features.clouds import first_points

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
    import torch

    from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune
    from concord3d.training.fine_tuning import EpochCheckpoints, EpochSelection, fine_tune, smoothed_cross_entropy

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


def _examples(test: LabelledShapes, predicted: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
    """Return the first shape of each category, then of the first categories again, for the figure."""
    _, first = np.unique(test.categories, return_index=True)
    rest = np.setdiff1d(np.arange(len(test.points)), first)
    rows = np.concatenate([first, rest])[:count]
    return {
        "example_points": test.points[rows],
        "example_truth": test.parts[rows],
        "example_predicted": predicted[rows],
        "example_category": test.categories[rows],
    }


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the mean IoU over shapes and over categories."""
    from concord3d.models.dgcnn_partseg import DGCNNPartSeg, PartSegmenter
    from concord3d.models.weights import load_weights
    from concord3d.training.fine_tuning import seeded

    job.require_encoder("dgcnn_partseg")
    train_split, test_split = job.classified_splits()
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    train, test = (
        checked_shapes(split.points, split.labels, split.part_labels, num_points, f"{split.dataset}/{split.split}")
        for split in (train_split, test_split)
    )
    parts = parts_by_category(train, test)
    num_parts = settings.num_parts or 1 + max(max(labels) for labels in parts.values())
    with seeded(job.seed, "cpu"):
        encoder = DGCNNPartSeg(settings.k, int(job.run_config["encoder"].get("emb_dims", 1024)))
        load_weights(encoder, job.model_path)
        model = PartSegmenter(encoder, len(train_split.class_names), num_parts)
    outcome = finetune_parts(
        model, train, test, settings.training, settings.augment, job.seed, job.torch_device, job.work_dir
    )
    records: list[Record] = []
    items: dict[str, NDArray[np.float64]] = {}
    for selection, predicted in (("last", outcome.last), ("best_test", outcome.best)):
        if predicted is not None:
            ious = shape_ious(predicted, test.parts, test.categories, parts)
            items[f"instance_miou__{selection}"] = ious
            records.append(record_from_interval("instance_miou", bootstrap_mean_interval(ious), selection))
            records.append(record_from_interval("class_miou", class_mean_interval(ious, test.categories), selection))
    details = {
        "num_points": num_points,
        "num_train": len(train.points),
        "training": settings.training.model_dump(),
        "loss_by_epoch": outcome.losses,
        "best_epoch": outcome.best_epoch,
        "category_miou": class_accuracies(items["instance_miou__last"], test.categories, test_split.class_names),
    }
    arrays = {
        "labels": test.categories,
        "class_names": np.array(test_split.class_names),
        **_examples(test, outcome.last, settings.num_examples),
    }
    return ProtocolResult(tuple(records), items, test_split.names, details, arrays)


PROTOCOL = Protocol(Settings, run, trains=True)
