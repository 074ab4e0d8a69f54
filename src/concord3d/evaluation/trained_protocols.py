"""Protocols that train the encoder further: from a job to its result."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from concord3d.data.readers.s3dis_h5 import RoomBlocks
from concord3d.data.records import CloudSplit
from concord3d.errors import EvaluationError
from concord3d.evaluation.fine_tuning_loop import seeded
from concord3d.evaluation.finetune import finetune_classification
from concord3d.evaluation.job import EvaluationJob, FeatureCache, classified_splits
from concord3d.evaluation.part_segmentation import (
    LabelledShapes,
    checked_shapes,
    finetune_parts,
    parts_by_category,
    shape_ious,
)
from concord3d.evaluation.results import (
    ProtocolResult,
    Record,
    accuracy_records,
    class_accuracies,
    record_from_interval,
)
from concord3d.evaluation.semantic_segmentation import (
    LabelledBlocks,
    accumulated_iou,
    block_counts,
    cross_validate,
    join_blocks,
    miou_interval,
    train_and_predict,
)
from concord3d.evaluation.settings import FinetuneSettings, PartSegmentationSettings, SemanticSegmentationSettings
from concord3d.evaluation.statistics import bootstrap_mean_interval, class_mean_interval
from concord3d.models.dgcnn_partseg import DGCNNPartSeg, PartSegmenter
from concord3d.models.dgcnn_semseg import FIRST_LAYER, DGCNNSemSeg, SemSegmenter
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import load_matching, load_weights, read_tensors

FINETUNE_NUM_POINTS = 1024
PARTS_NUM_POINTS = 2048


def _encoder_settings(job: EvaluationJob, k: int) -> dict[str, Any]:
    settings = dict(job.run_config["encoder"])
    # The number of neighbours is no part of the weights, and the published recipes change it for fine-tuning.
    return {**settings, "k": k} if "k" in settings else settings


def _needs_encoder(job: EvaluationJob, name: str) -> None:
    found = job.run_config["encoder"]["name"]
    if found != name:
        raise EvaluationError(
            f"Protocol '{job.protocol}' continues from its own kind of encoder",
            where=job.run_config["experiment"],
            expected=f"encoder.name: {name}",
            found=found,
            next_step=f"pre-train an experiment with encoder.name: {name}, or leave this one out of the protocol",
        )


def run_finetune(job: EvaluationJob, settings: FinetuneSettings, cache: FeatureCache) -> ProtocolResult:
    """Fine-tuned classification: ``last``, and ``best_test`` where epochs are tested in between (MM-Point spec 6.3)."""
    train, test = classified_splits(job)
    num_points = job.num_points(settings.num_points, FINETUNE_NUM_POINTS)
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
        int(job.run_config["seed"]),
        job.torch_device(),
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


def run_part_segmentation(
    job: EvaluationJob, settings: PartSegmentationSettings, cache: FeatureCache
) -> ProtocolResult:
    """Part segmentation after end-to-end fine-tuning: instance and class mIoU (MM-Point spec 6.4)."""
    _needs_encoder(job, "dgcnn_partseg")
    train_split, test_split = classified_splits(job)
    num_points = job.num_points(settings.num_points, PARTS_NUM_POINTS)
    train, test = (
        checked_shapes(split.points, split.labels, split.part_labels, num_points, f"{split.dataset}/{split.split}")
        for split in (train_split, test_split)
    )
    parts = parts_by_category(train, test)
    num_parts = settings.num_parts or 1 + max(max(labels) for labels in parts.values())
    with seeded(int(job.run_config["seed"]), "cpu"):
        encoder = DGCNNPartSeg(settings.k, int(job.run_config["encoder"].get("emb_dims", 1024)))
        load_weights(encoder, job.model_path)
        model = PartSegmenter(encoder, len(train_split.class_names), num_parts)
    seed, device = int(job.run_config["seed"]), job.torch_device()
    outcome = finetune_parts(model, train, test, settings.training, settings.augment, seed, device, job.work_dir)
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


def blocks_of(split: CloudSplit | RoomBlocks | None, where: str) -> LabelledBlocks:
    """Return blocks from a reader's blocks (nine channels) or from a split of clouds (xyz alone).

    Raises:
        EvaluationError: No split, clouds without semantic labels, or names that do not begin with their area.
    """
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


def _segmenter(job: EvaluationJob, settings: SemanticSegmentationSettings, num_channels: int) -> SemSegmenter:
    encoder = DGCNNSemSeg(settings.k, int(job.run_config["encoder"].get("emb_dims", 1024)), num_channels)
    tensors, _ = read_tensors(job.model_path)
    # Pre-training sees three channels; with nine the first layer has another shape and starts anew.
    load_matching(encoder, tensors, may_differ=(FIRST_LAYER,) if num_channels != 3 else ())
    return SemSegmenter(encoder, settings.num_classes)


def run_semantic_segmentation(
    job: EvaluationJob, settings: SemanticSegmentationSettings, cache: FeatureCache
) -> ProtocolResult:
    """Semantic segmentation: point accuracy and mIoU over everything that was tested (MM-Point spec 6.5)."""
    _needs_encoder(job, "dgcnn_semseg")
    train, test = blocks_of(job.train, "train"), blocks_of(job.test, "test")
    num_channels, seed, device = train.features.shape[2], int(job.run_config["seed"]), job.torch_device()
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
