"""Detection by centres: what is learnt, where it starts, what is refused, and that its pre-training takes VoxelNet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_boxes import DETECTOR, ENCODER, boxed_sweeps
from tests.batches.streets import street_data

from concord3d.batches.boxed_sweeps import BoxedSweepBatch, BoxedSweepData
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import ConfigError
from concord3d.geometry.centre_targets import encoded_boxes, heat_maps
from concord3d.geometry.sweep_turns import draw_turn, turned, turned_boxes
from concord3d.losses.centre_heat import box_distance, heat_loss
from concord3d.methods.interface import Context, EarlierTraining, build_method, saved_module
from concord3d.methods.settings import method_settings
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data_of(store: SweepSplit | None = None) -> BoxedSweepData:
    store = store or boxed_sweeps()
    return BoxedSweepData(store, np.arange(len(store)))


def built(needs: dict[str, EarlierTraining] | None = None, encoder: dict[str, Any] = ENCODER, **objective: Any) -> Any:
    torch.manual_seed(0)
    settings = method_settings("sweep_detection", {**DETECTOR, **objective})
    return build_method("sweep_detection", settings, Context(encoder, {}, data_of(), needs=needs or {}))


def batch_of(*units: int) -> BoxedSweepBatch:
    return data_of().read(np.array(units or range(4)), drawn())


def earlier(folder: Path, encoder: dict[str, Any] = ENCODER) -> dict[str, EarlierTraining]:
    torch.manual_seed(7)
    save_weights(build_point_encoder(encoder), folder / "point")
    return {"init": EarlierTraining({"method": "random_init", "encoder": encoder}, {"point": folder / "point"})}


def optimised(method: Any, steps: int, rate: float = 5e-3) -> float:
    optimizer = torch.optim.AdamW(method.parameters(), lr=rate)
    for step in range(steps):
        loss = method.loss(batch_of(), drawn(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_the_loss_is_that_of_turned_boxes_on_the_maps_of_their_groups() -> None:
    method = built(heat_weight=2.0, box_weight=0.5).eval()
    batch = batch_of(0, 1)
    with torch.no_grad():
        found = method.loss(batch, drawn(3))
        draw = drawn(3)
        turns = [draw_turn(draw) for _ in range(2)]
        maps = method.detector([turned(each, turn) for each, turn in zip(batch.points, turns, strict=True)])
    boxes = [turned_boxes(each, turn) for each, turn in zip(batch.boxes, turns, strict=True)]
    heat, box, weights = 0.0, 0.0, [1.0] * 8 + [0.2] * 2
    # The first box of a sweep is a car, class 0 of the first group, the second a pedestrian, class 0 of the second.
    for group, count in enumerate((1, 2)):
        targets, named, codes = [], [], []
        for sweep in range(2):
            own = boxes[sweep][group : group + 1]
            targets.append(heat_maps(own, torch.tensor([0]), count, method.detector.frame, 0.1, 2))
            [[row, column]], code = encoded_boxes(own, method.detector.frame)
            named.append(maps[group].code[sweep, :, row, column])
            codes.append(code[0])
        heat += float(heat_loss(maps[group].heat, torch.stack(targets)))
        box += float(box_distance(torch.stack(named), torch.stack(codes), weights))
    assert found.terms["heat"].item() == pytest.approx(heat, rel=1e-5)
    assert found.terms["box"].item() == pytest.approx(box, rel=1e-5)
    assert found.total.item() == pytest.approx(2 * heat + 0.5 * box, rel=1e-5)


def test_it_learns_where_cars_are() -> None:
    method = built(augment=False)
    optimised(method.train(), 120)
    method.eval()
    batch = batch_of()
    with torch.no_grad():
        of_sweeps = method.detector.found(batch.points, 10, 0.1)
    for groups, boxes in zip(of_sweeps, batch.boxes, strict=True):
        best = groups[0].boxes[0]
        assert (best[:2] - boxes[0, :2]).norm() < 0.7 and (best[3:6] - boxes[0, 3:6]).abs().max() < 0.6
        assert (groups[0].classes == 0).all() and (groups[1].classes >= 1).all()
        assert (groups[0].scores[:-1] >= groups[0].scores[1:]).all() and groups[0].scores.min() > 0.1


def test_best_boxes_are_read_from_their_cells() -> None:
    method = built().eval()
    with torch.no_grad():
        [maps, _], [[found, _]] = method.detector(batch_of(0).points), method.detector.found(batch_of(0).points, 5, 0.0)
    scores = maps.heat[0, 0].sigmoid()
    assert found.scores.tolist() == scores.flatten().sort(descending=True).values[:5].tolist()
    place = int(scores.argmax())
    row, column = place // scores.shape[1], place % scores.shape[1]
    code, frame = maps.code[0, :, row, column], method.detector.frame
    expected = frame.low[0] + (row + float(code[0])) * frame.cell, frame.low[1] + (column + float(code[1])) * frame.cell
    assert found.boxes[0, :2].tolist() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(found.boxes[0, 3:6], code[3:6].exp())
    assert len(method.detector.found(batch_of(0).points, 5, 0.999)[0][0].scores) == 0


def test_a_batch_without_a_box_teaches_that_there_is_none() -> None:
    method = built().train()
    batch = batch_of(0, 1)
    nothing = replace(batch, boxes=[each[:0] for each in batch.boxes], classes=[each[:0] for each in batch.classes])
    found = method.loss(nothing, drawn())
    found.total.backward()
    assert found.terms["box"] == 0 and found.terms["heat"] > 0
    assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all() for parameter in method.parameters())


def test_classes_that_no_group_names_and_boxes_beyond_the_map_teach_nothing() -> None:
    batch = batch_of(0, 1)
    method = built(groups=[["barrier"]], augment=False).eval()
    assert method.loss(batch, drawn()).terms["box"] == 0
    far = replace(batch, boxes=[each + 50 * torch.eye(9)[0] for each in batch.boxes])
    assert built(augment=False).eval().loss(far, drawn()).terms["box"] == 0


def test_it_starts_where_the_earlier_training_ended(tmp_path: Path) -> None:
    needs = earlier(tmp_path)
    method = built(needs, start="earlier")
    taken = needs["init"].module().state_dict()
    assert all(torch.equal(taken[name], t) for name, t in method.detector.encoder.state_dict().items())
    assert not torch.equal(built().detector.encoder.last.conv.weight, taken["last.conv.weight"])
    with pytest.raises(ConfigError, match="another grid"):
        built(earlier(tmp_path, {**ENCODER, "cell_mm": [400, 200]}), start="earlier")


def test_the_loop_trains_it_and_keeps_the_detector(tmp_path: Path) -> None:
    training = {"epochs": 2, "batch_size": 2, "num_snapshots": 1, "threads": 1, "num_held_out": 1}
    run = {
        "seed": 3, "method": "sweep_detection", "encoder": ENCODER, "objective": {"start": "earlier", **DETECTOR},
        "data": {}, "training": training,
    }  # fmt: skip
    task = TrainingTask(
        run, data_of(), tmp_path / "work", tmp_path / "out", earlier(tmp_path), device="cpu", progress=False
    )
    train(task)
    again: Any = saved_module(run, "detector", TrainingFolder(tmp_path / "out").weights("detector"))
    assert again.class_names == ("car", "pedestrian", "barrier")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)class of the data.*cra"):
        built(groups=[["cra"]])
    with pytest.raises(ConfigError, match="twice"):
        method_settings("sweep_detection", {"groups": [["car"], ["truck", "car"]]})
    with pytest.raises(ConfigError, match=r"(?s)another kind of encoder.*voxel_net"):
        method_settings("sweep_detection", {}).encoder_modules({"name": "mink_unet"})
    with pytest.raises(ConfigError, match="cannot be halved"):
        built(encoder={**ENCODER, "reach_mm": 4000})


@pytest.mark.parametrize("whole", [False, True])
def test_distillation_trains_voxel_net_too(whole: bool) -> None:
    parts = ("occupancy", "masked_pictures", "decoupled", "codebook", "geometry")
    told = {name: whole for name in parts} | {"feature_width": 8, "num_pairs": 32, "num_codes": 16, "patch": 8}
    settings: Any = method_settings("cmcr", {**told, "queries_per_sweep": 32})
    data = street_data(settings.num_queries)
    encoder = {**ENCODER, "reach_mm": 25600, "cell_mm": [400, 200]}
    pictures = {"picture_encoder": "random", "picture_stride": 16}
    torch.manual_seed(0)
    method: Any = build_method("cmcr", settings, Context(encoder, pictures, data))
    method.train()
    loss = method.loss(data.read(np.arange(2), drawn()), drawn())
    loss.total.backward()
    assert torch.isfinite(loss.total) and loss.terms["pairs"] > 10
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in method.network.point.parameters())
