"""Segmentation of LiDAR sweeps by voxels: fine-tuning, linear probing and training from scratch (CMCR spec 4.2).

Shape legend: B sweeps, P points of all sweeps together, M voxels, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.batches.labelled_sweeps import IGNORED, LabelledSweepBatch, LabelledSweepData
from concord3d.errors import ConfigError
from concord3d.geometry.sweep_turns import draw_turn, turned
from concord3d.losses.lovasz_softmax import lovasz_softmax
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup
from concord3d.methods.sweep_segmentation.settings import SweepSegmentationSettings
from concord3d.models.factory import build_point_encoder
from concord3d.models.mink_unet import MinkUNet
from concord3d.models.sweep_segmenter import SweepSegmenter
from concord3d.models.weights import load_weights, read_tensors, size_in

_KEPT_BYTES = 1 << 30


class SweepSegmentation(Method[LabelledSweepBatch]):
    """Cross-entropy and Lovasz-softmax on the class of every voxel, which is that of its first point.

    Args:
        settings: The switches.
        segmenter: The encoder with the head.
    """

    def __init__(self, settings: SweepSegmentationSettings, segmenter: SweepSegmenter) -> None:
        super().__init__()
        self.settings = settings
        self.segmenter = segmenter
        self._features = _KeptFeatures(segmenter.encoder)
        if self._is_frozen:
            segmenter.encoder.requires_grad_(False)
            segmenter.encoder.eval()

    @property
    def _is_frozen(self) -> bool:
        return self.settings.trunk == "frozen"

    def train(self, mode: bool = True) -> SweepSegmentation:
        """Change the mode; a frozen encoder stays in evaluation mode, so that its statistics stay too."""
        super().train(mode)
        if self._is_frozen:
            self.segmenter.encoder.eval()
        return self

    def saved(self) -> dict[str, nn.Module]:
        """Return the segmenter."""
        return {"segmenter": self.segmenter}

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """Return the encoder, unless it is frozen, and the head with its own rate."""
        head = ParameterGroup(list(self.segmenter.head.parameters()), self.settings.head_rate)
        if self._is_frozen:
            return [head]
        return [ParameterGroup(list(self.segmenter.encoder.parameters())), head]

    def _features_and_labels(self, batch: LabelledSweepBatch, draw: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return (M, C) features of the labelled voxels and their (M,) labels; turned where there is a generator."""
        if self._is_frozen and draw is None:
            return self._features.of(batch)
        points = batch.points
        if draw is not None:
            points = [turned(each, draw_turn(draw)) for each in points]
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._is_frozen):
            voxels, features = self.segmenter.encoder.encode(points)
        labels = torch.cat(list(batch.labels))[voxels.first]
        return features[labels != IGNORED], labels[labels != IGNORED]

    def loss(self, batch: LabelledSweepBatch, draw: torch.Generator) -> LossTerms:
        """Return both losses on the labelled voxels of one batch; without any, 0 with gradients of 0."""
        features, labels = self._features_and_labels(batch, draw if self.settings.augment else None)
        logits = self.segmenter.head(features).float()
        if not len(labels):
            nothing = logits.sum()
            zero = nothing.detach()
            return LossTerms(nothing, dict.fromkeys(("cross_entropy", "lovasz_softmax", "train_voxel_accuracy"), zero))
        cross_entropy = functional.cross_entropy(logits, labels)
        lovasz = lovasz_softmax(logits.softmax(1), labels)
        total = self.settings.cross_entropy_weight * cross_entropy + self.settings.lovasz_weight * lovasz
        accuracy = 100 * (logits.argmax(1) == labels).float().mean()
        terms = {"cross_entropy": cross_entropy, "lovasz_softmax": lovasz, "train_voxel_accuracy": accuracy}
        return LossTerms(total, {name: term.detach() for name, term in terms.items()})

    def held_out(self, batch: LabelledSweepBatch, draw: torch.Generator) -> dict[str, float]:
        """Return ``held_out_voxel_accuracy`` in percent; nothing where no voxel has a label."""
        features, labels = self._features_and_labels(batch, None)
        if not len(labels):
            return {}
        right = self.segmenter.head(features).argmax(1) == labels
        return {"held_out_voxel_accuracy": 100 * float(right.float().mean())}


class _KeptFeatures:
    """Features of a frozen encoder for sweeps as they are stored, found once and kept while there is room.

    Each sweep is encoded alone, so that a training that was interrupted finds the same numbers.

    Args:
        encoder: In evaluation mode, never to change.
    """

    def __init__(self, encoder: MinkUNet) -> None:
        self._encoder = encoder
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}
        self._bytes = 0

    def of(self, batch: LabelledSweepBatch) -> tuple[Tensor, Tensor]:
        """Return (M, C) features of the labelled voxels of a batch, and their (M,) labels."""
        parts = [self._of_one(*each) for each in zip(batch.rows, batch.points, batch.labels, strict=True)]
        features, labels = zip(*parts, strict=True)
        return torch.cat(features), torch.cat(labels)

    def _of_one(self, row: int, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if row in self._kept:
            return self._kept[row]
        with torch.no_grad():
            voxels, features = self._encoder.encode([points])
        of_voxels = labels[voxels.first]
        found = features[of_voxels != IGNORED], of_voxels[of_voxels != IGNORED]
        size = sum(part.nbytes for part in found)
        if self._bytes + size <= _KEPT_BYTES:
            self._kept[row] = found
            self._bytes += size
        return found


def build(settings: SweepSegmentationSettings, context: Context) -> SweepSegmentation:
    """Build the segmentation of sweeps.

    Raises:
        ConfigError: There are fewer than two classes, the earlier training had other voxels, or the encoder reads other
            channels than the intensity.
        CheckpointCorrupt: The weights of the earlier training cannot be read or do not fit.
    """
    data: LabelledSweepData = context.data
    if data.num_classes < 2:
        raise ConfigError("Segmentation needs classes", expected="two or more classes", found=data.num_classes)
    encoder = context.started_point_encoder()
    assert isinstance(encoder, MinkUNet)
    if encoder.in_channels != 1:
        raise ConfigError(
            "A voxel of a sweep has its intensity alone", where="encoder.in_channels", expected=1,
            found=encoder.in_channels,
        )  # fmt: skip
    return SweepSegmentation(settings, SweepSegmenter(encoder, data.num_classes))


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build the segmenter of a training and load its weights.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    tensors, _ = read_tensors(weights)
    encoder = build_point_encoder(run["encoder"])
    assert isinstance(encoder, MinkUNet)
    segmenter = SweepSegmenter(encoder, size_in(tensors, "head.bias", weights))
    load_weights(segmenter, weights)
    return segmenter
