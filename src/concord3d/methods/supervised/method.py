"""Supervised classification as the reference row: a linear-to-MLP classifier on the encoder, trained on labels.

Shape legend: B objects, N points, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.batches.objects import ObjectBatch
from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, sample_points
from concord3d.methods.interface import Context, LossTerms, Method, feature_width
from concord3d.methods.supervised.settings import SupervisedSettings
from concord3d.models.heads import ClassifierHead


class Supervised(Method[ObjectBatch]):
    """Cross-entropy on labels with the fine-tuning augmentation.

    Args:
        settings: The switches.
        encoder: Point encoder, (B, N, 3) -> (B, feature_dim).
        classifier: (B, feature_dim) -> (B, K) logits.
        num_points: Points per cloud drawn at each step.
    """

    def __init__(
        self, settings: SupervisedSettings, encoder: nn.Module, classifier: nn.Module, num_points: int
    ) -> None:
        super().__init__()
        self.settings = settings
        self.num_points = num_points
        self.point_encoder = encoder
        self.classifier = classifier

    def saved(self) -> dict[str, nn.Module]:
        """Return the point encoder."""
        return {"point": self.point_encoder}

    def _logits(self, points: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.point_encoder(points))
        return logits.float()

    def loss(self, batch: ObjectBatch, draw: torch.Generator) -> LossTerms:
        """Return the label-smoothed cross-entropy of one augmented batch."""
        labels = _labels(batch)
        points = sample_points(batch.points, self.num_points, draw)
        logits = self._logits(augment_fine_tune(points, FineTuneAugmentation(), draw))
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.settings.label_smoothing)
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
    """Build supervised training as the reference row of any paper.

    Raises:
        ConfigError: The data set has no classes.
    """
    num_classes = context.data.num_classes
    if num_classes < 2:
        raise ConfigError(
            "Supervised training needs a labelled data set", expected="two or more classes", found=num_classes
        )
    encoder = context.point_encoder()
    classifier = ClassifierHead(feature_width(encoder), num_classes)
    return Supervised(settings, encoder, classifier, context.num_points)
