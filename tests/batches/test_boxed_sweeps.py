"""Sweeps with boxes: read in the sensor's frame, chosen by the official rule, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_boxes import CAR, PEDESTRIAN, boxed_sweeps

from concord3d.batches.boxed_sweeps import BoxedSweepData, opened
from concord3d.errors import BadCloud, ConfigError
from concord3d.methods.settings import method_settings

STORE = boxed_sweeps()


def data_of(**changes: Any) -> BoxedSweepData:
    store = replace(STORE, **changes)
    return BoxedSweepData(store, np.arange(len(store)))


def test_boxes_lie_around_their_points_in_the_frame_of_the_sensor() -> None:
    data = data_of()
    data.validated()
    batch = data.read(np.array([2, 0]), torch.Generator())
    assert [each.tolist() for each in batch.classes] == [[CAR, PEDESTRIAN]] * 2
    for points, boxes in zip(batch.points, batch.boxes, strict=True):
        assert points.shape == (140, 4) and points[:, 3].max() <= 1 and boxes.shape == (2, 9)
        for box, own in zip(boxes, (points[:40], points[40:80]), strict=True):
            # Points fill a cube of the box's width about its centre.
            assert (own[:, :2] - box[:2]).abs().max() <= box[4] / 2 + 1e-3
            assert (own[:, 2] - box[2]).abs().max() <= box[5] / 2 + 1e-3
    # An unknown velocity stays unknown; others turn with the frame and keep their length.
    assert batch.boxes[1][0, 7:].isnan().all()
    torch.testing.assert_close(batch.boxes[0][:, 7:].norm(dim=1), torch.tensor([2.0615528, 1.0]))


def test_labels_of_a_share_of_the_scenes(tmp_path: Path) -> None:
    store = boxed_sweeps(tuple(f"scene-{number:04d}" for number in range(10)))
    store.save(tmp_path / "store.npz")
    settings = method_settings("sweep_detection", {})
    data = opened({"data": {"percent": 20}}, settings, {"sweeps": [tmp_path / "store.npz"]})
    assert [store.names[row] for row in data.rows] == [f"scene-{n:04d}/{k:03d}" for n in (4, 9) for k in (0, 1)]
    assert data.identity != replace(data, rows=data.rows[:2]).identity
    moved = {**store.per_sweep, "global_from_lidar": 2 * store.per_sweep["global_from_lidar"]}
    assert data.identity != replace(data, sweeps=replace(data.sweeps, per_sweep=moved)).identity


def test_sweeps_without_boxes_are_refused() -> None:
    assert STORE.boxes is not None
    with pytest.raises(ConfigError, match=r"(?s)teach no detector.*no boxes"):
        data_of(boxes=None).validated()
    with pytest.raises(ConfigError, match="teach no detector"):
        data_of(per_sweep={}).validated()
    with pytest.raises(ConfigError, match="No box of the sweeps has a class and a point"):
        data_of(boxes=replace(STORE.boxes, classes=np.full(12, -1))).validated()
    with pytest.raises(ConfigError, match="No box"):
        data_of(boxes=replace(STORE.boxes, num_points=np.zeros(12, np.int64))).validated()
    with pytest.raises(BadCloud, match="A box has no extent"):
        data_of(boxes=replace(STORE.boxes, sizes=0 * STORE.boxes.sizes)).validated()
