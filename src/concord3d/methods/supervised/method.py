"""Supervised classification: DGCNN's classifier on the encoder, trained end to end on labels (MM-Point spec 6.3).

From scratch it is the reference row of any paper; from an earlier training it is fine-tuning.

Shape legend: B objects, N points, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch
from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, first_points, sample_points
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.interface import Context, LossTerms, Method
from concord3d.methods.supervised.settings import SupervisedSettings
from concord3d.models.factory import load_point_encoder, point_encoder_of
from concord3d.models.heads import Classifier
from concord3d.models.weights import load_weights, read_tensors, size_in


class Supervised(Method[ObjectBatch]):
    """Cross-entropy on labels with the fine-tuning augmentation.

    Args:
        settings: The switches.
        classifier: The encoder and its classification branch, (B, N, 3) -> (B, K) logits.
        num_points: Points per cloud that the encoder sees.
    """

    def __init__(self, settings: SupervisedSettings, classifier: Classifier, num_points: int) -> None:
        super().__init__()
        self.settings = settings
        self.num_points = num_points
        self.classifier = classifier

    def saved(self) -> dict[str, nn.Module]:
        """Return the point encoder, and the whole classifier."""
        return {"point": self.classifier.encoder, "classifier": self.classifier}

    def _logits(self, points: Tensor) -> Tensor:
        logits: Tensor = self.classifier(points)
        return logits.float()

    def loss(self, batch: ObjectBatch, draw: torch.Generator) -> LossTerms:
        """Return the label-smoothed cross-entropy of one augmented batch."""
        labels = _labels(batch)
        if self.settings.points == "first":
            points = first_points(batch.points, self.num_points)
        else:
            points = sample_points(batch.points, self.num_points, draw)
        if self.settings.augment:
            points = augment_fine_tune(points, FineTuneAugmentation(), draw)
        logits = self._logits(points)
        loss = smoothed_cross_entropy(logits, labels, self.settings.label_smoothing)
        accuracy = 100 * (logits.argmax(dim=1) == labels).float().mean()
        return LossTerms(loss, {"cross_entropy": loss.detach(), "train_accuracy": accuracy})

    def held_out(self, batch: ObjectBatch, draw: torch.Generator) -> dict[str, float]:
        """Return ``held_out_accuracy`` in percent on the first points of each cloud."""
        correct = self._logits(batch.points[:, : self.num_points]).argmax(dim=1) == _labels(batch)
        return {"held_out_accuracy": 100 * float(correct.float().mean())}


def _labels(batch: ObjectBatch) -> Tensor:
    if batch.labels is None:
        raise DatasetError("Supervised training needs labels", expected="one class index per shape", found="none")
    return batch.labels


def build(settings: SupervisedSettings, context: Context) -> Supervised:
    """Build supervised classification.

    Raises:
        ConfigError: The data set has no classes, or the earlier training keeps no point encoder.
        CheckpointCorrupt: The weights of the earlier training cannot be read or do not fit.
    """
    num_classes = context.data.num_classes
    if num_classes < 2:
        raise ConfigError(
            "Supervised training needs a labelled data set", expected="two or more classes", found=num_classes
        )
    return Supervised(settings, Classifier(context.started_point_encoder(), num_classes), context.num_points)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build a saved module of a training and load its weights: ``point``, or ``classifier``, which holds it.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    if name == "point":
        return load_point_encoder(run["encoder"], weights)
    tensors, _ = read_tensors(weights)
    num_classes = size_in(tensors, "head.logits.bias", weights)
    classifier = Classifier(point_encoder_of(run["encoder"], tensors, "encoder."), num_classes)
    load_weights(classifier, weights)
    return classifier
