"""Batches of labelled sweeps: which sweeps a training reads, how, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_sweeps import sweeps

from concord3d.batches.labelled_sweeps import LabelledSweepData, opened
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError
from concord3d.methods.settings import MethodSettings

MANY = SCENES["train"][:24]


def open_with(folder: Path, store: SweepSplit, **data: Any) -> LabelledSweepData:
    store.save(folder / "train.npz")
    return opened({"data": data}, MethodSettings(), {"sweeps": [folder / "train.npz"]})


def test_everything_is_read_by_default(tmp_path: Path) -> None:
    store = sweeps()
    data = open_with(tmp_path, store, percent=None, num_sweeps=None)
    assert (len(data), data.num_classes, data.unit) == (4, 3, "sweeps")
    data.validated()
    batch = data.read(np.array([2, 0]), torch.Generator())
    assert batch.rows == (2, 0)
    for row, points, labels in zip(batch.rows, batch.points, batch.labels, strict=True):
        np.testing.assert_array_equal(points[:, :3], store.sweep(row).points[:, :3])
        np.testing.assert_allclose(points[:, 3], store.sweep(row).points[:, 3] / 255)
        assert labels.dtype == torch.int64 and labels.tolist() == np.asarray(store.sweep(row).labels).tolist()
    assert len(batch.points[0]) != len(batch.points[1])


def test_a_share_of_the_labels_is_every_so_many_th_scene_counted_from_one(tmp_path: Path) -> None:
    data = open_with(tmp_path, sweeps(MANY), percent=10)
    assert [data.sweeps.names[row] for row in data.rows] == [f"{MANY[k]}/{n:03d}" for k in (9, 19) for n in (0, 1)]
    assert len(open_with(tmp_path, sweeps(MANY), percent=100)) == 48


def test_a_number_of_sweeps_lies_evenly_and_more_hold_fewer(tmp_path: Path) -> None:
    chosen = [open_with(tmp_path, sweeps(MANY), num_sweeps=count).rows.tolist() for count in (1, 2, 4, 8)]
    assert chosen[2] == [0, 12, 24, 36]
    for fewer, more in pairwise(chosen):
        assert set(fewer) < set(more)


def test_an_epoch_of_a_given_length_reads_the_chosen_sweeps_again_and_again(tmp_path: Path) -> None:
    store = sweeps(MANY)
    assert open_with(tmp_path, store, num_sweeps=2, sweeps_per_epoch=4).rows.tolist() == [0, 24, 0, 24]
    data = open_with(tmp_path, store, num_sweeps=3, sweeps_per_epoch=4)
    assert len(data) == 4 and data.rows.tolist() == [0, 12, 24, 0]
    assert data.identity != open_with(tmp_path, store, num_sweeps=3).identity
    with pytest.raises(ConfigError, match=r"(?s)fewer sweeps than were chosen.*sweeps_per_epoch.*at least 3.*2"):
        open_with(tmp_path, store, num_sweeps=3, sweeps_per_epoch=2)


def test_a_share_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)leave no scene.*at least 100 scenes.*24"):
        open_with(tmp_path, sweeps(MANY), percent=1)
    with pytest.raises(ConfigError, match=r"(?s)fewer sweeps.*data\.num_sweeps.*49"):
        open_with(tmp_path, sweeps(MANY), num_sweeps=49)
    with pytest.raises(ConfigError, match=r"(?s)No such fraction of scans.*1, 5, 10, 20, 50, 100.*25"):
        open_with(tmp_path, sweeps(("08", "09")), percent=25)


def test_a_share_of_the_labels_of_other_data_sets_is_every_so_many_th_scan_from_the_first(tmp_path: Path) -> None:
    names = tuple(f"{number:02d}" for number in range(15))
    chosen = {percent: open_with(tmp_path, sweeps(names), percent=percent).rows.tolist() for percent in (1, 10, 20, 50)}
    assert chosen == {1: [0], 10: [0, 10, 20], 20: [0, 5, 10, 15, 20, 25], 50: list(range(0, 30, 2))}
    with pytest.raises(ConfigError, match=r"(?s)No such fraction.*1, 5, 10, 20, 25, 100.*50"):
        open_with(tmp_path, sweeps(MANY), percent=50)


@pytest.mark.parametrize("label", [3, -2])
def test_labels_without_a_class_are_refused(tmp_path: Path, label: int) -> None:
    store = sweeps()
    labels = np.array(store.labels)
    labels[-1] = label
    with pytest.raises(ConfigError, match=r"(?s)labels without a class.*nuscenes/train.*-1 to 2"):
        open_with(tmp_path, replace(store, labels=labels)).validated()
    # The sweep with that label is not read.
    open_with(tmp_path, replace(store, labels=labels), num_sweeps=2).validated()


def test_sweeps_without_labels_or_intensity_are_refused(tmp_path: Path) -> None:
    store = sweeps()
    for labels in (None, np.full(len(store.points), -1)):
        with pytest.raises(ConfigError, match="No point of the sweeps has a label"):
            open_with(tmp_path, replace(store, labels=labels)).validated()
    for other in (replace(store, intensity_range=None), replace(store, points=store.points[:, :3])):
        with pytest.raises(BadCloud, match="no intensity"):
            open_with(tmp_path, other).validated()
    points = store.points.copy()
    points[3, 3] = np.nan
    with pytest.raises(BadCloud, match="not finite"):
        open_with(tmp_path, replace(store, points=points)).validated()


def test_identity_is_of_points_labels_range_and_choice() -> None:
    store = sweeps()
    labels = np.array(store.labels)
    labels[0] = (labels[0] + 1) % 3
    rows = np.arange(4)
    data = [
        LabelledSweepData(store, rows),
        LabelledSweepData(store, rows[:3]),
        LabelledSweepData(replace(store, labels=labels), rows),
        LabelledSweepData(replace(store, intensity_range=1.0), rows),
        LabelledSweepData(sweeps(seed=1), rows),
    ]
    assert len({each.identity for each in data}) == 5
    assert LabelledSweepData(sweeps(), rows).identity == data[0].identity
