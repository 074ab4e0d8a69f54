"""Fine-tuned classification: encoder and classifier trained end to end on labels (MM-Point spec 6.3).

The selection ``last`` is the last epoch; ``best_test`` is reported where epochs are tested in between.

Shape legend: S training clouds, T test clouds, P points stored, N points used, C classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.results import ProtocolResult, Record, accuracy_records, class_accuracies
from concord3d.protocols.interface import Protocol, TrainedSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.training.fine_tuning import FineTuned
    from concord3d.training.fine_tuning_settings import FineTuning

PUBLISHED_NUM_POINTS = 1024


class Settings(TrainedSettings):
    """Settings of fine-tuned classification: those of every protocol that trains."""


def predict_classes(model: nn.Module, points: NDArray[np.float32], batch_size: int, device: str) -> NDArray[np.int64]:
    """Return (T,) predictions in eval mode of (T, N, 3) clouds."""
    import torch

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
    import torch
    from torch import nn

    from concord3d.features.clouds import first_points
    from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune
    from concord3d.models.heads import ClassifierHead
    from concord3d.training.fine_tuning import (
        EpochCheckpoints,
        EpochSelection,
        fine_tune,
        seeded,
        smoothed_cross_entropy,
    )

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


def _encoder_settings(job: EvaluationJob, k: int) -> dict[str, Any]:
    settings = dict(job.run_config["encoder"])
    # The number of neighbours is no part of the weights, and the published recipes change it for fine-tuning.
    return {**settings, "k": k} if "k" in settings else settings


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure overall and mean class accuracy."""
    from concord3d.models.factory import build_point_encoder
    from concord3d.models.weights import load_weights

    train, test = job.classified_splits()
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    encoder = build_point_encoder(_encoder_settings(job, settings.k))
    load_weights(encoder, job.model_path)
    outcome = finetune_classification(
        encoder,
        cast(int, encoder.feature_dim),
        train.points,
        train.labels,
        test.points,
        test.labels,
        len(train.class_names),
        num_points,
        settings.training,
        settings.augment,
        job.seed,
        job.torch_device,
        job.work_dir,
    )
    records: list[Record] = []
    items: dict[str, NDArray[np.float64]] = {}
    details: dict[str, Any] = {
        "num_points": num_points,
        "num_train": len(train),
        "training": settings.training.model_dump(),
        "encoder": _encoder_settings(job, settings.k),
        "loss_by_epoch": outcome.losses,
        "best_epoch": outcome.best_epoch,
    }
    for selection, predicted in (("last", outcome.last), ("best_test", outcome.best)):
        if predicted is not None:
            correct = (predicted == test.labels).astype(np.float64)
            records += accuracy_records(correct, test.labels, selection)
            items[f"overall_accuracy__{selection}"] = correct
    details["class_accuracy"] = class_accuracies(items["overall_accuracy__last"], test.labels, test.class_names)
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run, trains=True)
