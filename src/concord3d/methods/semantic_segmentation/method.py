"""Semantic segmentation: DGCNN's decoder on the encoder, trained end to end on blocks of rooms (MM-Point spec 6.5).

Shape legend: B blocks, P points per block, F channels, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.batches.rooms import RoomBatch, RoomData
from concord3d.errors import ConfigError
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.interface import Context, LossTerms, Method
from concord3d.methods.semantic_segmentation.settings import SemanticSegmentationSettings
from concord3d.methods.settings import INIT
from concord3d.models.dgcnn_semseg import FIRST_LAYER, DGCNNSemSeg, SemSegmenter, sem_segmenter_of
from concord3d.models.weights import load_matching, load_weights, read_tensors

# Pre-training sees coordinates alone.
PRETRAINED_CHANNELS = 3


class SemanticSegmentation(Method[RoomBatch]):
    """Cross-entropy on the class of every point, without augmentation.

    Args:
        settings: The switches.
        segmenter: Maps (B, P, F) blocks to (B, P, C) logits.
    """

    def __init__(self, settings: SemanticSegmentationSettings, segmenter: nn.Module) -> None:
        super().__init__()
        self.settings = settings
        self.segmenter = segmenter

    def saved(self) -> dict[str, nn.Module]:
        """Return the segmenter."""
        return {"segmenter": self.segmenter}

    def _logits(self, batch: RoomBatch) -> Tensor:
        logits: Tensor = self.segmenter(batch.features)
        return logits.float().flatten(0, 1)

    def loss(self, batch: RoomBatch, draw: torch.Generator) -> LossTerms:
        """Return the label-smoothed cross-entropy of one batch."""
        logits, labels = self._logits(batch), batch.labels.flatten()
        loss = smoothed_cross_entropy(logits, labels, self.settings.label_smoothing)
        accuracy = 100 * (logits.argmax(dim=1) == labels).float().mean()
        return LossTerms(loss, {"cross_entropy": loss.detach(), "train_point_accuracy": accuracy})

    def held_out(self, batch: RoomBatch, draw: torch.Generator) -> dict[str, float]:
        """Return ``held_out_point_accuracy`` in percent."""
        right = self._logits(batch).argmax(dim=1) == batch.labels.flatten()
        return {"held_out_point_accuracy": 100 * float(right.float().mean())}


def build(settings: SemanticSegmentationSettings, context: Context) -> SemanticSegmentation:
    """Build semantic segmentation.

    Raises:
        ConfigError: Blocks have other channels than the encoder, or there are fewer than two classes.
        CheckpointCorrupt: The weights of the earlier training cannot be read or do not fit.
    """
    data: RoomData = context.data
    if data.num_classes < 2:
        raise ConfigError("Semantic segmentation needs classes", expected="two or more classes", found=data.num_classes)
    encoder = context.point_encoder()
    assert isinstance(encoder, DGCNNSemSeg)
    if encoder.in_channels != data.num_channels:
        raise ConfigError(
            "The blocks have other channels than the encoder",
            where="encoder.in_channels",
            expected=data.num_channels,
            found=encoder.in_channels,
        )
    if INIT in context.needs:
        tensors, _ = read_tensors(context.needs[INIT].file("point"))
        # With other channels the first layer has another shape and starts anew.
        load_matching(encoder, tensors, (FIRST_LAYER,) if encoder.in_channels != PRETRAINED_CHANNELS else ())
    return SemanticSegmentation(settings, SemSegmenter(encoder, data.num_classes))


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build the segmenter of a training and load its weights.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    tensors, _ = read_tensors(weights)
    segmenter = sem_segmenter_of(run["encoder"], tensors, weights)
    load_weights(segmenter, weights)
    return segmenter
