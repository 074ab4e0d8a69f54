"""Supervised classification: its loss, what it sees of the clouds, and where it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch, ObjectData
from concord3d.errors import BadCloud, CheckpointCorrupt, ConfigError, DatasetError
from concord3d.geometry.augment import FineTuneAugmentation, augment_fine_tune, sample_points
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.interface import Context, EarlierTraining, build_method, saved_module
from concord3d.methods.settings import method_settings
from concord3d.methods.supervised.method import Supervised
from concord3d.methods.supervised.settings import SupervisedSettings
from concord3d.models.factory import build_point_encoder
from concord3d.models.heads import Classifier
from concord3d.models.projected import in_tower_space
from concord3d.models.weights import save_weights

NUM_POINTS = 32
DGCNN = {"name": "dgcnn", "k": 4, "emb_dims": 8}


class Moments(nn.Module):
    feature_dim = 6

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, points: Tensor) -> Tensor:
        self.seen.append(points)
        return torch.cat([points.mean(dim=1), points.std(dim=1)], dim=1)


def labelled_batch(seed: int, labelled: bool = True) -> ObjectBatch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(24) % 2
    points = torch.randn(24, 40, 3, generator=generator)
    points[labels == 1] *= torch.tensor([3.0, 0.2, 1.0])
    return ObjectBatch(points, labels=labels if labelled else None)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(num_classes: int = 2, **settings: Any) -> Supervised:
    return Supervised(SupervisedSettings(**settings), Classifier(Moments(), num_classes), NUM_POINTS)


def data(num_classes: int = 3) -> ObjectData:
    return ObjectData(np.zeros((9, 40, 3), np.float32), labels=np.arange(9) % num_classes)


def built(encoder: dict[str, Any], needs: dict[str, EarlierTraining] | None = None, **objective: Any) -> Supervised:
    torch.manual_seed(5)
    settings = method_settings("supervised", objective)
    method = build_method("supervised", settings, Context(encoder, {"num_points": 32}, data(), needs=needs or {}))
    assert isinstance(method, Supervised) and tuple(method.saved()) == settings.saved
    return method


def earlier(folder: Path, encoder: dict[str, Any], module: nn.Module) -> EarlierTraining:
    path = folder / "point.safetensors"
    save_weights(module, path)
    return EarlierTraining({"method": "random_init", "experiment": "first", "encoder": encoder}, {"point": path})


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(
        torch.equal(one, two)
        for one, two in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_it_learns_labels() -> None:
    torch.manual_seed(0)
    model = small()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(40):
        loss = model.loss(labelled_batch(step), drawn(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert model.held_out(labelled_batch(999), drawn())["held_out_accuracy"] > 90


class Fixed(nn.Module):
    """Logits that do not depend on the clouds."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, features: Tensor) -> Tensor:
        return self.logits


@pytest.mark.parametrize(
    ("settings", "smoothing"), [({}, 0.2), ({"label_smoothing": 0.0}, 0.0), ({"label_smoothing": 0.5}, 0.5)]
)
def test_the_loss_is_the_smoothed_cross_entropy(settings: dict[str, float], smoothing: float) -> None:
    model, batch = small(4, **settings), labelled_batch(0)
    logits = 3 * torch.randn(24, 4, generator=drawn(1))
    model.classifier.head = Fixed(logits)
    assert batch.labels is not None
    expected = smoothed_cross_entropy(logits, batch.labels, smoothing).item()
    loss = model.loss(batch, drawn())
    assert loss.total.item() == loss.terms["cross_entropy"].item() == pytest.approx(expected, rel=1e-6)
    correct = (logits.argmax(dim=1) == batch.labels).float().mean()
    assert loss.terms["train_accuracy"].item() == pytest.approx(100 * float(correct))


def seen_by(model: Supervised) -> list[Tensor]:
    seen = model.classifier.encoder.seen
    assert isinstance(seen, list)
    return seen


def test_training_draws_points_and_augments_them_and_held_out_objects_are_left_as_they_are() -> None:
    model, batch, draw = small(), labelled_batch(0), drawn(3)
    model.loss(batch, drawn(3))
    points = sample_points(batch.points, NUM_POINTS, draw)
    expected = augment_fine_tune(points, FineTuneAugmentation(), draw)
    assert torch.equal(seen_by(model)[0], expected)
    first = batch.points[:, :NUM_POINTS]
    assert not torch.equal(points, first) and not torch.equal(points, expected)
    model.eval().held_out(batch, drawn())
    assert torch.equal(seen_by(model)[1], first)


def test_fine_tuning_takes_the_first_points_and_may_leave_them_as_they_are() -> None:
    batch, first = labelled_batch(0), labelled_batch(0).points[:, :NUM_POINTS]
    model = small(points="first")
    model.loss(batch, drawn(3))
    assert torch.equal(seen_by(model)[0], augment_fine_tune(first, FineTuneAugmentation(), drawn(3)))
    plain = small(points="first", augment=False)
    plain.loss(batch, drawn(3))
    assert torch.equal(seen_by(plain)[0], first)
    with pytest.raises(BadCloud, match="fewer points"):
        plain.loss(ObjectBatch(batch.points[:, :10], labels=batch.labels), drawn())


def test_labels_and_classes_are_required() -> None:
    with pytest.raises(ConfigError, match="labelled"):
        build_method("supervised", SupervisedSettings(), Context({}, {"num_points": 8}, data(1)))
    with pytest.raises(DatasetError, match="needs labels"):
        small().loss(labelled_batch(0, labelled=False), drawn())


def test_from_scratch_it_starts_where_every_method_with_its_seed_does() -> None:
    method = built(DGCNN)
    torch.manual_seed(5)
    assert same(method.saved()["point"], build_point_encoder(DGCNN))


def test_from_an_earlier_training_it_starts_with_its_encoder_and_a_new_head(tmp_path: Path) -> None:
    torch.manual_seed(77)
    first = build_point_encoder(DGCNN)
    needs = {"init": earlier(tmp_path, DGCNN, first)}
    # Neighbours are no part of the weights; the published recipe changes their number.
    method, scratch = built({**DGCNN, "k": 6}, needs, start="earlier"), built(DGCNN)
    assert same(method.saved()["point"], first) and not same(scratch.saved()["point"], first)
    assert method.classifier.encoder.k == 6 and same(method.classifier.head, scratch.classifier.head)


def test_an_encoder_in_the_space_of_a_tower_may_be_fine_tuned_and_is_rebuilt(tmp_path: Path) -> None:
    first = in_tower_space(build_point_encoder(DGCNN), 10)
    method = built(DGCNN, {"init": earlier(tmp_path, DGCNN, first)}, start="earlier")
    assert same(method.saved()["point"], first)
    run = {"method": "supervised", "encoder": DGCNN}
    for name, module in method.saved().items():
        save_weights(module, tmp_path / name)
        assert same(saved_module(run, name, tmp_path / name), module)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointCorrupt, match="do not fit"):
        built(DGCNN, {"init": earlier(tmp_path, DGCNN, nn.Linear(2, 3))}, start="earlier")
    without = EarlierTraining({"method": "part_segmentation", "experiment": "first"}, {"segmenter": tmp_path / "x"})
    with pytest.raises(ConfigError, match=r"(?s)module 'point'.*segmenter"):
        built(DGCNN, {"init": without}, start="earlier")
    save_weights(nn.Linear(2, 3), tmp_path / "other")
    with pytest.raises(CheckpointCorrupt, match=r"head\.logits"):
        saved_module({"method": "supervised", "encoder": DGCNN}, "classifier", tmp_path / "other")


def test_its_settings_say_what_it_needs() -> None:
    assert method_settings("supervised", {}).roles == ()
    assert method_settings("supervised", {"start": "earlier"}).roles == ("init",)
    with pytest.raises(ConfigError, match="'scratch' or 'earlier'"):
        method_settings("supervised", {"start": "scrach"})
