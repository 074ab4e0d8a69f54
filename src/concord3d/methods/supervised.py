"""Supervised classification as the reference row: a linear-to-MLP classifier on the encoder, trained on labels.

Shape legend: B objects, N points, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, sample_points
from concord3d.methods.interface import Batch, DataFacts, LossTerms, Method, Settings, feature_width, parse_settings
from concord3d.models.heads import ClassifierHead


class SupervisedSettings(Settings):
    """Settings of the supervised reference (MM-Point spec 6.3).

    Attributes:
        label_smoothing: Weight of the uniform distribution in the target.
    """

    label_smoothing: float = Field(default=0.2, ge=0, lt=1)


class Supervised(Method):
    """Cross-entropy on labels with the fine-tuning augmentation.

    Args:
        settings: The switches.
        encoder: Point encoder, (B, N, 3) -> (B, feature_dim).
        classifier: (B, feature_dim) -> (B, K) logits.
        num_points: Points per cloud drawn at each step.
    """

    uses_labels = True

    def __init__(
        self, settings: SupervisedSettings, encoder: nn.Module, classifier: nn.Module, num_points: int
    ) -> None:
        super().__init__()
        self.settings = settings
        self.num_points = num_points
        self.point_encoder = encoder
        self.classifier = classifier

    def _logits(self, points: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.point_encoder(points))
        return logits.float()

    def training_loss(self, batch: Batch) -> LossTerms:
        """Return the label-smoothed cross-entropy of one augmented batch."""
        labels = _labels(batch)
        points = sample_points(batch.points, self.num_points, batch.generator)
        logits = self._logits(augment_fine_tune(points, FineTuneAugmentation(), batch.generator))
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.settings.label_smoothing)
        accuracy = 100 * (logits.argmax(dim=1) == labels).float().mean()
        return LossTerms(loss, {"cross_entropy": loss.detach(), "train_accuracy": accuracy})

    def held_out_metrics(self, batch: Batch) -> dict[str, float]:
        """Return ``held_out_accuracy`` in percent on the first points of each cloud."""
        correct = self._logits(batch.points[:, : self.num_points]).argmax(dim=1) == _labels(batch)
        return {"held_out_accuracy": 100 * float(correct.float().mean())}


def _labels(batch: Batch) -> Tensor:
    if batch.labels is None:
        raise DatasetError("Supervised training needs labels", expected="one class index per shape", found="none")
    return batch.labels


def build(settings: Mapping[str, Any], encoder: nn.Module, facts: DataFacts) -> Supervised:
    """Build supervised training as the reference row of any paper.

    The ``objective`` section belongs to the paper's own method: only the keys of :class:`SupervisedSettings` are read.

    Raises:
        ConfigError: A setting is wrong or the data set has no classes.
    """
    own = {key: value for key, value in settings.items() if key in SupervisedSettings.model_fields}
    parsed = parse_settings(SupervisedSettings, own, "objective")
    if facts.num_classes < 2:
        raise ConfigError(
            "Supervised training needs a labelled data set", expected="two or more classes", found=facts.num_classes
        )
    classifier = ClassifierHead(feature_width(encoder), facts.num_classes)
    return Supervised(parsed, encoder, classifier, facts.num_points)
