"""Batches of sweeps with pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.batches.streets import SIZE, street_data, street_superpixels, streets

from concord3d.batches.sweeps import SweepData, opened
from concord3d.errors import BadCloud, ConfigError, UnreadableFile
from concord3d.features.superpixels import write_superpixels
from concord3d.geometry.picture_crops import CropRanges
from concord3d.geometry.projection import PointPixels, project_points


def projected(data: SweepData, row: int) -> PointPixels:
    """The pairs of a stored sweep, with pixels as they are stored."""
    cameras = data.split.per_sweep
    height, width = cameras["pictures"].shape[2:4]
    told = cameras["camera_from_lidar"][row], cameras["intrinsics"][row]
    return project_points(data.split.sweep(row).points, *told, height, width)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_batch_holds_the_sweeps_their_pictures_and_their_pairs() -> None:
    data = street_data()
    batch = data.read(np.array([2, 0]), draw())
    stored = data.split.sweep(2).points
    np.testing.assert_allclose(batch.points[0].numpy()[:, :3], stored[:, :3])
    assert batch.points[0][:, 3].min() >= 0 and batch.points[0][:, 3].max() <= 1
    assert batch.pictures.shape == (12, 3, *SIZE) and batch.queries is None
    assert batch.pictures.min() >= 0 and batch.pictures.max() <= 1
    pairs = batch.pairs
    assert set(pairs.sweeps.tolist()) == {0, 1} and torch.equal(pairs.pixels[:, 0] // 6, pairs.sweeps)
    assert (pairs.pixels[:, 1] < SIZE[0]).all() and (pairs.pixels[:, 2] < SIZE[1]).all() and pairs.pixels.min() >= 0
    # As many pairs as the projection finds, each of a point of its sweep.
    assert len(pairs.points) == len(projected(data, 2)) + len(projected(data, 0))
    for number, unit in enumerate((2, 0)):
        assert pairs.points[pairs.sweeps == number].max() < len(data.split.sweep(unit).points)


def test_pairs_follow_the_crop() -> None:
    """A picture whose pixels name their own place says where a pair came from."""
    data = street_data()
    height, width = data.split.per_sweep["pictures"].shape[2:4]
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    named = np.broadcast_to(np.stack([rows, columns, 0 * rows], 2).astype(np.uint8), (4, 6, height, width, 3))
    split = replace(data.split, per_sweep={**data.split.per_sweep, "pictures": named})
    cropped = replace(data, split=split, crops=CropRanges(min_pairs=1), size=(height, width))
    batch, found = cropped.read(np.array([1]), draw(3)), projected(cropped, 1)
    own = {
        (int(p), int(c)): (r, q) for p, c, r, q in zip(found.point, found.camera, found.row, found.column, strict=True)
    }
    picture, row, column = batch.pairs.pixels.unbind(1)
    said = 255 * batch.pictures[picture, :2, row, column]
    true = torch.tensor([own[int(p), int(c)] for p, c in zip(batch.pairs.points, picture, strict=True)])
    assert 0 < len(true) < len(found) and (said - true).abs().max() < 1.5


@pytest.mark.parametrize("axis", [0, 1])
def test_superpixels_follow_the_crop(axis: int) -> None:
    """A superpixel that is a row, or a column, of the stored picture holds the pixels of the pairs that were there."""
    data = street_data()
    height, width = data.split.per_sweep["pictures"].shape[2:4]
    named = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")[axis].astype(np.uint8)
    superpixels = np.broadcast_to(named, (4, 6, height, width))
    crops = CropRanges(min_pairs=1)
    cropped = replace(data, crops=crops, size=(height, width), superpixels=superpixels)
    batch, found = cropped.read(np.array([1]), draw(3)), projected(cropped, 1)
    places = zip(found.point, found.camera, np.stack([found.row, found.column], 1)[:, axis], strict=True)
    own = {(int(point), int(camera)): int(place) for point, camera, place in places}
    picture, row, column = batch.pairs.pixels.unbind(1)
    assert batch.superpixels is not None and batch.superpixels.dtype == torch.int64
    true = [own[int(point), int(camera)] for point, camera in zip(batch.pairs.points, picture, strict=True)]
    assert len(true) and batch.superpixels[picture, row, column].tolist() == true
    mirrored = batch.superpixels[:, 0, 0] > batch.superpixels[:, 0, -1]
    assert not axis or 0 < mirrored.sum() < 6


def test_superpixels_are_as_large_as_the_pictures_and_change_nothing_else() -> None:
    told = {"num_queries": 30, "crops": CropRanges(min_pairs=10)}
    data, without = street_data(**told, with_superpixels=True), street_data(**told)
    batch, other = (each.read(np.array([2, 0]), draw()) for each in (data, without))
    assert other.superpixels is None and batch.superpixels is not None
    assert batch.superpixels.shape == (12, *SIZE) and batch.superpixels.amax((1, 2)).min() > 5
    assert torch.equal(batch.pictures, other.pictures) and torch.equal(batch.pairs.pixels, other.pairs.pixels)
    assert torch.equal(batch.queries.ways, other.queries.ways)
    assert batch.to(torch.device("meta")).superpixels.is_meta
    # Whole pictures at their own size: those of the row of the store.
    own = replace(data, size=(48, 80), crops=None, rows=np.array([3, 1])).read(np.array([1]), draw())
    np.testing.assert_array_equal(own.superpixels, street_superpixels()[1])


def test_superpixels_of_another_size_than_the_pictures_are_refused() -> None:
    data = street_data(with_superpixels=True)
    data.validated()
    for wrong in (data.superpixels[:, :, :-1], data.superpixels[:3], data.superpixels[:, :5]):
        with pytest.raises(BadCloud, match=r"(?s)another size than the pictures.*nuscenes/train.*\(4, 6, 48, 80\)"):
            replace(data, superpixels=wrong).validated()


def test_superpixels_are_opened_where_they_are_among_the_files(tmp_path: Path) -> None:
    streets().save(tmp_path / "s.npz")
    write_superpixels(tmp_path / "p.npz", street_superpixels())
    run = {"data": {"picture_size": SIZE, "crops": None, "verifying_scenes": True}}

    class Told:
        num_queries = 0

    assert opened(run, Told, {"sweeps": [tmp_path / "s.npz"]}).superpixels is None
    found = opened(run, Told, {"sweeps": [tmp_path / "s.npz"], "superpixels": [tmp_path / "p.npz"]})
    np.testing.assert_array_equal(found.superpixels, street_superpixels())
    with pytest.raises(UnreadableFile, match="Not the superpixels"):
        opened(run, Told, {"sweeps": [tmp_path / "s.npz"], "superpixels": [tmp_path / "s.npz"]})


def test_queries_lie_near_their_points() -> None:
    batch = street_data(num_queries=90).read(np.array([0, 3]), draw())
    queries = batch.queries
    assert queries is not None and set(queries.sweeps.tolist()) == {0, 1}
    assert queries.ways.norm(dim=1).max() <= 1 and queries.occupied.any() and not queries.occupied.all()
    for sweep, points in enumerate(batch.points):
        assert queries.points[queries.sweeps == sweep].max() < len(points)
    known = queries.intensity[queries.intensity >= 0]
    assert known.max() <= 1 and (queries.intensity < 0).any()


def test_equal_draws_give_equal_batches_and_batches_move_between_devices() -> None:
    data = street_data(num_queries=30, crops=CropRanges(min_pairs=10))
    one, other, third = (data.read(np.array([0, 1]), draw(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.pictures, other.pictures) and torch.equal(one.pairs.pixels, other.pairs.pixels)
    assert not torch.equal(one.pictures, third.pictures)
    moved = one.to(torch.device("meta"))
    assert moved.pairs.pixels.is_meta and all(points.is_meta for points in moved.points) and moved.queries.ways.is_meta


def test_a_camera_that_sees_no_point_has_a_picture_and_no_pair() -> None:
    data = street_data()
    # The first camera looks up.
    matrices = data.split.per_sweep["camera_from_lidar"].copy()
    matrices[:, 0] = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1e4], [0, 0, 0, 1]]) @ np.diag([1, 1, 0, 1])
    matrices[:, 0, :2, 3] = 1e9
    away = replace(data, split=replace(data.split, per_sweep={**data.split.per_sweep, "camera_from_lidar": matrices}))
    batch = replace(away, crops=CropRanges()).read(np.array([0]), draw())
    assert batch.pictures.shape[0] == 6 and 0 not in batch.pairs.pixels[:, 0] and len(batch.pairs.points)


def test_scenes_that_are_kept_for_choices_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    store = streets()
    renamed = replace(store, names=("scene-0001/0", "scene-0008/0", "scene-0009/0", "scene-0010/0"))
    renamed.save(tmp_path / "s.npz")
    run = {"data": {"picture_size": SIZE, "crops": None, "verifying_scenes": False}}

    class Told:
        num_queries = 0

    found: SweepData = opened(run, Told, {"sweeps": [tmp_path / "s.npz"]})
    assert found.rows.tolist() == [0, 3]
    run["data"]["verifying_scenes"] = True
    assert len(opened(run, Told, {"sweeps": [tmp_path / "s.npz"]})) == 4
    replace(renamed, names=("scene-0008/0",) * 4).save(tmp_path / "none.npz")
    run["data"]["verifying_scenes"] = False
    with pytest.raises(ConfigError, match="No sweep is left"):
        opened(run, Told, {"sweeps": [tmp_path / "none.npz"]})


def test_sweeps_without_pictures_or_intensities_are_refused() -> None:
    data = street_data()
    with pytest.raises(ConfigError, match="without pictures"):
        replace(data, split=replace(data.split, per_sweep={})).validated()
    with pytest.raises(BadCloud, match="no intensity"):
        replace(data, split=replace(data.split, points=data.split.points[:, :3])).validated()
