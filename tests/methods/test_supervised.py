import math

import pytest
import torch
from concord3d.methods.loading import load_method, method_names
from torch import Tensor, nn

from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, sample_points
from concord3d.methods.interface import Batch, DataFacts
from concord3d.methods.supervised import build


class MomentEncoder(nn.Module):
    feature_dim = 6

    def forward(self, points: Tensor) -> Tensor:
        return torch.cat([points.mean(dim=1), points.std(dim=1)], dim=1)


def labelled_batch(seed: int, labelled: bool = True) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(24) % 2
    points = torch.randn(24, 40, 3, generator=generator)
    points[labels == 1] *= torch.tensor([3.0, 0.2, 1.0])
    return Batch(points, None, labels if labelled else None, generator)


def test_it_learns_labels() -> None:
    torch.manual_seed(0)
    model = build({}, MomentEncoder(), DataFacts(num_points=32, num_classes=2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(40):
        loss = model.training_loss(labelled_batch(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert model.held_out_metrics(labelled_batch(999))["held_out_accuracy"] > 90


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
    model = build(settings, MomentEncoder(), DataFacts(num_points=32, num_classes=num_classes))
    logits = 3 * torch.randn(24, num_classes, generator=torch.Generator().manual_seed(1))
    model.classifier = Fixed(logits)
    batch = labelled_batch(0)
    expected = 0.0
    for row, label in zip(logits.double().tolist(), batch.labels.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for k in range(num_classes):
            target = (1 - smoothing) * (k == label) + smoothing / num_classes
            expected -= target * (row[k] - log_sum) / len(logits)
    loss = model.training_loss(batch)
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
    model = build({}, encoder, DataFacts(num_points=32, num_classes=2))
    model.training_loss(labelled_batch(0))
    draw = labelled_batch(0)
    points = sample_points(draw.points, 32, draw.generator)
    expected = augment_fine_tune(points, FineTuneAugmentation(), draw.generator)
    assert torch.equal(encoder.seen[0], expected)
    first = draw.points[:, :32]
    assert not torch.equal(points, first) and not torch.equal(points, expected)
    model.eval().held_out_metrics(labelled_batch(0))
    assert torch.equal(encoder.seen[1], first)


def test_labels_and_classes_are_required() -> None:
    with pytest.raises(ConfigError, match="labelled"):
        build({}, MomentEncoder(), DataFacts(num_points=32))
    model = build({}, MomentEncoder(), DataFacts(num_points=32, num_classes=2))
    with pytest.raises(DatasetError, match="needs labels"):
        model.training_loss(labelled_batch(0, labelled=False))


def test_methods_are_found_by_name() -> None:
    assert {"mm_point", "supervised"} <= set(method_names())
    assert not {"interface", "loading", "image_augment"} & set(method_names())
    with pytest.raises(ConfigError, match="did you mean 'mm_point'"):
        load_method("mmpoint", {}, MomentEncoder(), DataFacts(num_points=8))
    method = load_method("supervised", {}, MomentEncoder(), DataFacts(num_points=8, num_classes=3))
    assert method.uses_labels and method.num_views == 0
