"""Segmentation of sweeps: its loss, what is trained and how fast, where it starts, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_sweeps import ENCODER, sweeps
from torch import Tensor
from torch.nn import functional

from concord3d.batches.labelled_sweeps import LabelledSweepBatch, LabelledSweepData
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.geometry.sweep_voxels import sweep_voxels
from concord3d.losses.lovasz_softmax import lovasz_softmax
from concord3d.methods.interface import Context, EarlierTraining, build_method, saved_module
from concord3d.methods.settings import method_settings
from concord3d.methods.sweep_segmentation.method import SweepSegmentation
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data_of(store: SweepSplit | None = None) -> LabelledSweepData:
    store = store or sweeps()
    return LabelledSweepData(store, np.arange(len(store)))


def built(needs: dict[str, EarlierTraining] | None = None, encoder: dict[str, Any] = ENCODER, **objective: Any) -> Any:
    torch.manual_seed(0)
    settings = method_settings("sweep_segmentation", objective)
    return build_method("sweep_segmentation", settings, Context(encoder, {}, data_of(), needs=needs or {}))


def batch_of(*units: int) -> LabelledSweepBatch:
    return data_of().read(np.array(units or range(4)), drawn())


def earlier(folder: Path, encoder: dict[str, Any] = ENCODER) -> dict[str, EarlierTraining]:
    torch.manual_seed(7)
    save_weights(build_point_encoder(encoder), folder / "point")
    return {"init": EarlierTraining({"method": "random_init", "encoder": encoder}, {"point": folder / "point"})}


def optimised(method: SweepSegmentation, steps: int, rate: float = 0.02) -> float:
    groups = [{"params": list(g.parameters), "lr": rate * g.rate} for g in method.parameter_groups()]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    for step in range(steps):
        loss = method.loss(batch_of(), drawn(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_it_learns_classes() -> None:
    method = built(head_rate=5.0)
    optimised(method.train(), 60)
    method.eval()
    with torch.no_grad():
        assert method.held_out(batch_of(), drawn())["held_out_voxel_accuracy"] > 85


def test_the_loss_is_over_voxels_with_a_label_which_is_that_of_their_first_point() -> None:
    method = built(cross_entropy_weight=0.5, lovasz_weight=3.0, augment=False)
    method.eval()
    batch = batch_of()
    voxels = sweep_voxels(batch.points, method.segmenter.encoder.grid)
    every = torch.cat(list(batch.labels))
    assert len(voxels.first) < len(every)
    labels = every[voxels.first]
    assert (labels == -1).any()
    with torch.no_grad():
        _, logits = method.segmenter(batch.points)
        found = method.loss(batch, drawn())
    kept = labels != -1
    cross_entropy = functional.cross_entropy(logits[kept], labels[kept])
    lovasz = lovasz_softmax(logits.softmax(1), labels, ignored=-1)
    torch.testing.assert_close(found.terms["cross_entropy"], cross_entropy)
    torch.testing.assert_close(found.terms["lovasz_softmax"], lovasz)
    torch.testing.assert_close(found.total, 0.5 * cross_entropy + 3 * lovasz)
    accuracy = 100 * (logits[kept].argmax(1) == labels[kept]).float().mean()
    torch.testing.assert_close(found.terms["train_voxel_accuracy"], accuracy)


def test_sweeps_are_turned_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    method = built()
    seen: list[Tensor] = []
    encode = method.segmenter.encoder.encode

    def noted(points: list[Tensor]) -> Any:
        seen.extend(points)
        return encode(points)

    monkeypatch.setattr(method.segmenter.encoder, "encode", noted)
    batch = batch_of(0, 0)
    method.loss(batch, drawn())
    for before, after in zip(batch.points, seen, strict=True):
        assert torch.equal(before[:, 2:], after[:, 2:]) and not torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(seen[0], seen[1])
    first = list(seen)
    seen.clear()
    method.loss(batch, drawn())
    assert all(torch.equal(a, b) for a, b in zip(first, seen, strict=True))
    seen.clear()
    method.held_out(batch, drawn())
    assert torch.equal(seen[0], batch.points[0])


@pytest.mark.parametrize("trunk", ["trained", "frozen"])
@pytest.mark.parametrize("augment", [True, False])
def test_a_batch_without_a_labelled_voxel_gives_zero_and_gradients_of_zero(trunk: str, augment: bool) -> None:
    method = built(trunk=trunk, augment=augment)
    batch = batch_of(0, 1)
    nothing = replace(batch, labels=[torch.full_like(labels, -1) for labels in batch.labels])
    found = method.loss(nothing, drawn())
    assert found.total.item() == 0 and found.terms.keys() == method.loss(batch, drawn()).terms.keys()
    found.total.backward()
    for group in method.parameter_groups():
        for parameter in group.parameters:
            assert parameter.grad is not None and not parameter.grad.any()
    assert method.held_out(nothing, drawn()) == {}


def test_a_frozen_trunk_stays_as_it_is_with_its_statistics(tmp_path: Path) -> None:
    needs = earlier(tmp_path)
    method = built(needs, start="earlier", trunk="frozen", head_rate=5.0)
    [group] = method.parameter_groups()
    assert {id(p) for p in group.parameters} == {id(p) for p in method.segmenter.head.parameters()}
    assert group.rate == 5.0
    head = method.segmenter.head.weight.detach().clone()
    method.train()
    assert method.training and not any(module.training for module in method.segmenter.encoder.modules())
    first = method.loss(batch_of(), drawn()).total.item()
    assert optimised(method, 20) < first
    taken = needs["init"].module().state_dict()
    assert all(torch.equal(taken[name], t) for name, t in method.segmenter.encoder.state_dict().items())
    assert not torch.equal(head, method.segmenter.head.weight)


def test_fine_tuning_trains_the_trunk_at_another_rate(tmp_path: Path) -> None:
    method = built(earlier(tmp_path), start="earlier", head_rate=100.0)
    trunk, head = method.parameter_groups()
    assert (trunk.rate, head.rate) == (1.0, 100.0)
    assert len(trunk.parameters) + len(head.parameters) == len(list(method.parameters()))
    before = {name: tensor.clone() for name, tensor in method.segmenter.encoder.state_dict().items()}
    optimised(method.train(), 1)
    after = method.segmenter.encoder.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"stem.conv.weight", "stem.norm.running_mean"} <= moved


def test_features_of_a_frozen_trunk_are_found_once_and_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    method = built(trunk="frozen", augment=False)
    encoded: list[int] = []
    encode = method.segmenter.encoder.encode

    def counted(points: list[Tensor]) -> Any:
        encoded.append(len(points))
        return encode(points)

    monkeypatch.setattr(method.segmenter.encoder, "encode", counted)
    first = method.loss(batch_of(0, 2), drawn()).total
    assert encoded == [1, 1]
    assert torch.equal(method.loss(batch_of(0, 2), drawn()).total, first)
    method.held_out(batch_of(2, 3), drawn())
    assert encoded == [1, 1, 1]
    monkeypatch.undo()
    method.eval()
    _, logits = method.segmenter(batch_of(0, 2).points)
    voxels = sweep_voxels(batch_of(0, 2).points, method.segmenter.encoder.grid)
    labels = torch.cat(list(batch_of(0, 2).labels))[voxels.first]
    whole = functional.cross_entropy(logits, labels, ignore_index=-1)
    torch.testing.assert_close(method.loss(batch_of(0, 2), drawn()).terms["cross_entropy"], whole.detach())


def test_where_there_is_no_room_features_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concord3d.methods.sweep_segmentation.method._KEPT_BYTES", 10)
    method = built(trunk="frozen", augment=False)
    assert torch.equal(method.loss(batch_of(), drawn()).total, method.loss(batch_of(), drawn()).total)
    assert not method._features._kept


def test_the_saved_segmenter_is_rebuilt_with_its_classes(tmp_path: Path) -> None:
    method = built()
    save_weights(method.saved()["segmenter"], tmp_path / "segmenter")
    again: Any = saved_module({"method": "sweep_segmentation", "encoder": ENCODER}, "segmenter", tmp_path / "segmenter")
    assert again.num_classes == 3
    points = batch_of(0, 1).points
    method.eval()
    again.eval()
    found = again.point_classes(points)
    assert [len(classes) for classes in found] == [len(each) for each in points]
    voxels, logits = method.segmenter(points)
    assert torch.equal(torch.cat(found), logits.argmax(1)[voxels.inverse])


def test_it_starts_where_the_earlier_training_ended(tmp_path: Path) -> None:
    needs = earlier(tmp_path)
    settings = method_settings("sweep_segmentation", {"start": "earlier"})
    assert settings.roles == ("init",) and method_settings("sweep_segmentation", {}).roles == ()
    # What norms forget by is no weight: the downstream encoder brings its own.
    downstream = {**ENCODER, "norm_momentum": 0.02}
    method = built(needs, downstream, start="earlier")
    taken = needs["init"].module().state_dict()
    assert all(torch.equal(taken[name], t) for name, t in method.segmenter.encoder.state_dict().items())
    assert method.segmenter.encoder.stem.norm.momentum == 0.02
    scratch = built()
    assert not torch.equal(scratch.segmenter.encoder.stem.conv.weight, taken["stem.conv.weight"])


def test_weights_of_other_voxels_or_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="other voxels"):
        built(earlier(tmp_path, {**ENCODER, "voxel_mm": 200}), start="earlier")
    with pytest.raises(CheckpointCorrupt, match="do not fit"):
        built(earlier(tmp_path, {"name": "pointnet"}), start="earlier")


def test_encoders_channels_classes_and_losses_must_fit() -> None:
    settings: Any = method_settings("sweep_segmentation", {})
    with pytest.raises(ConfigError, match=r"(?s)another kind of encoder.*mink_unet.*pointnet"):
        settings.encoder_modules({"name": "pointnet"})
    with pytest.raises(ConfigError, match=r"(?s)intensity alone.*in_channels"):
        built(encoder={**ENCODER, "in_channels": 2})
    with pytest.raises(ConfigError, match="may not both be 0"):
        method_settings("sweep_segmentation", {"cross_entropy_weight": 0, "lovasz_weight": 0})
    store = replace(sweeps(), class_names=("road",))
    with pytest.raises(ConfigError, match="needs classes"):
        build_method("sweep_segmentation", settings, Context(ENCODER, {}, data_of(store)))


@pytest.mark.parametrize("objective", [{"trunk": "frozen", "augment": False}, {"head_rate": 10.0}])
def test_the_loop_trains_it_and_keeps_the_segmenter(tmp_path: Path, objective: dict[str, Any]) -> None:
    training = {
        "epochs": 2,
        "batch_size": 2,
        "num_snapshots": 1,
        "threads": 1,
        "optimizer": "sgd",
        "dampening": 0.1,
        "schedule": "cosine_end_of_epoch",
        "num_held_out": 0,
    }
    run = {
        "seed": 3,
        "method": "sweep_segmentation",
        "encoder": ENCODER,
        "objective": {"start": "earlier", **objective},
        "data": {},
        "training": training,
    }
    task = TrainingTask(
        run, data_of(), tmp_path / "work", tmp_path / "out", earlier(tmp_path), device="cpu", progress=False
    )
    train(task)
    again: Any = saved_module(run, "segmenter", TrainingFolder(tmp_path / "out").weights("segmenter"))
    assert again.num_classes == 3
