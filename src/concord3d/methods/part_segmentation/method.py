"""Part segmentation: DGCNN's decoder on the encoder, trained end to end on part labels (MM-Point spec 6.4).

Shape legend: B objects, P points stored, N points used, K categories, Q parts over all categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch, ObjectData
from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, first_points
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.interface import Context, LossTerms, Method
from concord3d.methods.part_segmentation.settings import PartSegmentationSettings
from concord3d.models.dgcnn_partseg import DGCNNPartSeg, PartSegmenter
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import load_weights, read_tensors, size_in


class PartSegmentation(Method[ObjectBatch]):
    """Cross-entropy on the part label of every point; the category of an object is known.

    Args:
        settings: The switches.
        segmenter: Maps (B, N, 3) points and (B,) categories to (B, N, Q) logits.
        num_points: N, the first points of each cloud.
    """

    def __init__(self, settings: PartSegmentationSettings, segmenter: nn.Module, num_points: int) -> None:
        super().__init__()
        self.settings = settings
        self.segmenter = segmenter
        self.num_points = num_points

    def saved(self) -> dict[str, nn.Module]:
        """Return the segmenter."""
        return {"segmenter": self.segmenter}

    def _logits(self, points: Tensor, batch: ObjectBatch) -> tuple[Tensor, Tensor]:
        """Return (B N, Q) logits and (B N,) part labels."""
        if batch.parts is None or batch.labels is None:
            raise DatasetError(
                "Part segmentation needs labels", expected="a category per shape and a part per point", found="none"
            )
        logits: Tensor = self.segmenter(points, batch.labels)
        return logits.float().flatten(0, 1), batch.parts[:, : self.num_points].flatten()

    def loss(self, batch: ObjectBatch, draw: torch.Generator) -> LossTerms:
        """Return the label-smoothed cross-entropy of one batch."""
        points = first_points(batch.points, self.num_points)
        if self.settings.augment:
            points = augment_fine_tune(points, FineTuneAugmentation(), draw)
        logits, parts = self._logits(points, batch)
        loss = smoothed_cross_entropy(logits, parts, self.settings.label_smoothing)
        accuracy = 100 * (logits.argmax(dim=1) == parts).float().mean()
        return LossTerms(loss, {"cross_entropy": loss.detach(), "train_point_accuracy": accuracy})

    def held_out(self, batch: ObjectBatch, draw: torch.Generator) -> dict[str, float]:
        """Return ``held_out_point_accuracy`` in percent."""
        logits, parts = self._logits(first_points(batch.points, self.num_points), batch)
        return {"held_out_point_accuracy": 100 * float((logits.argmax(dim=1) == parts).float().mean())}


def build(settings: PartSegmentationSettings, context: Context) -> PartSegmentation:
    """Build part segmentation.

    Raises:
        ConfigError: The data set has no categories or no part labels, or has more of these than the settings say.
        CheckpointCorrupt: The weights of the earlier training cannot be read or do not fit.
    """
    data: ObjectData = context.data
    if data.parts is None or data.num_classes == 0 or int(data.parts.min()) < 0:
        raise ConfigError(
            "Part segmentation needs a data set with part labels",
            expected="a category per shape and a part per point",
            found="no part labels" if data.parts is None else "shapes or points without a label",
        )
    found = int(data.parts.max()) + 1
    num_parts = settings.num_parts or found
    if found > num_parts:
        raise ConfigError("The data have more parts", where="objective.num_parts", expected=num_parts, found=found)
    encoder = context.started_point_encoder()
    assert isinstance(encoder, DGCNNPartSeg)
    return PartSegmentation(settings, PartSegmenter(encoder, data.num_classes, num_parts), context.num_points)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build the segmenter of a training and load its weights.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    tensors, _ = read_tensors(weights)
    encoder = build_point_encoder(run["encoder"])
    assert isinstance(encoder, DGCNNPartSeg)
    num_categories = size_in(tensors, "category.linear.weight", weights, axis=1)
    segmenter = PartSegmenter(encoder, num_categories, size_in(tensors, "parts.weight", weights))
    load_weights(segmenter, weights)
    return segmenter
