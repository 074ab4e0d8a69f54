import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch
from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, sample_points
from concord3d.methods.interface import Context
from concord3d.methods.settings import method_settings
from concord3d.methods.supervised.method import Supervised, build
from concord3d.methods.supervised.settings import SupervisedSettings
from concord3d.models.heads import ClassifierHead


class MomentEncoder(nn.Module):
    feature_dim = 6

    def forward(self, points: Tensor) -> Tensor:
        return torch.cat([points.mean(dim=1), points.std(dim=1)], dim=1)


def built(num_classes: int, encoder: nn.Module | None = None, **settings: Any) -> Supervised:
    model = encoder or MomentEncoder()
    return Supervised(SupervisedSettings(**settings), model, ClassifierHead(model.feature_dim, num_classes), 32)


def labelled_batch(seed: int, labelled: bool = True) -> tuple[ObjectBatch, torch.Generator]:
    """A batch, and the generator of its step."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(24) % 2
    points = torch.randn(24, 40, 3, generator=generator)
    points[labels == 1] *= torch.tensor([3.0, 0.2, 1.0])
    return ObjectBatch(points, labels=labels if labelled else None), generator


def test_it_learns_labels() -> None:
    torch.manual_seed(0)
    model = built(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(40):
        loss = model.loss(*labelled_batch(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert model.held_out(*labelled_batch(999))["held_out_accuracy"] > 90


class Fixed(nn.Module):
    """Logits that do not depend on the clouds."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, features: Tensor) -> Tensor:
        return self.logits


@pytest.mark.parametrize(
    "settings, smoothing", [({}, 0.2), ({"label_smoothing": 0.0}, 0.0), ({"label_smoothing": 0.5}, 0.5)]
)
def test_the_loss_is_the_cross_entropy_with_smoothed_labels(settings: dict[str, float], smoothing: float) -> None:
    num_classes = 4
    model = built(num_classes, **settings)
    logits = 3 * torch.randn(24, num_classes, generator=torch.Generator().manual_seed(1))
    model.classifier = Fixed(logits)
    batch, draw = labelled_batch(0)
    expected = 0.0
    for row, label in zip(logits.double().tolist(), batch.labels.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for k in range(num_classes):
            target = (1 - smoothing) * (k == label) + smoothing / num_classes
            expected -= target * (row[k] - log_sum) / len(logits)
    loss = model.loss(batch, draw)
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)
    assert loss.terms["cross_entropy"].item() == pytest.approx(expected, rel=1e-5)
    correct = sum(
        row.index(max(row)) == label for row, label in zip(logits.tolist(), batch.labels.tolist(), strict=True)
    )
    assert loss.terms["train_accuracy"].item() == pytest.approx(100 * correct / 24)


class Watched(MomentEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, points: Tensor) -> Tensor:
        self.seen.append(points)
        return super().forward(points)


def test_training_draws_points_and_augments_them_and_held_out_objects_are_left_as_they_are() -> None:
    encoder = Watched()
    model = built(2, encoder)
    model.loss(*labelled_batch(0))
    batch, draw = labelled_batch(0)
    points = sample_points(batch.points, 32, draw)
    expected = augment_fine_tune(points, FineTuneAugmentation(), draw)
    assert torch.equal(encoder.seen[0], expected)
    first = batch.points[:, :32]
    assert not torch.equal(points, first) and not torch.equal(points, expected)
    model.eval().held_out(*labelled_batch(0))
    assert torch.equal(encoder.seen[1], first)


def context(num_classes: int) -> Context:
    return Context({"name": "pointnet"}, {"num_points": 8}, SimpleNamespace(num_classes=num_classes))


def test_labels_and_classes_are_required() -> None:
    for too_few in (0, 1):
        with pytest.raises(ConfigError, match="labelled"):
            build(SupervisedSettings(), context(too_few))
    with pytest.raises(DatasetError, match="needs labels"):
        built(2).loss(*labelled_batch(0, labelled=False))


def test_it_reads_labels_and_no_views_and_keeps_the_encoder_alone() -> None:
    model = build(SupervisedSettings(), context(3))
    assert model.num_points == 8 and model.saved() == {"point": model.point_encoder}
    assert SupervisedSettings().num_views == 0 and not SupervisedSettings.reads_targets
    with pytest.raises(ConfigError, match="did you mean 'label_smoothing'"):
        method_settings("supervised", {"label_smothing": 0.1})
