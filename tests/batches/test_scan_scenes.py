"""Batches of whole scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.encoded_scans import encoded, written
from tests.data.scan_examples import scan, scans

from concord3d.batches.scan_masks import ScanMasks
from concord3d.batches.scan_objects import ScanObjectData
from concord3d.batches.scan_scenes import ScanSceneBatch, ScanSceneData, SceneView, opened, shown_scans
from concord3d.data.stores.scans import palette_colors
from concord3d.errors import ConfigError

ALL = SceneView(num_pictures=4)


def data_of(view: SceneView = ALL, masks: ScanMasks | None = None) -> ScanSceneData:
    return ScanSceneData(ScanObjectData((encoded(scans()),), masks or ScanMasks.none(3)), view)


def read(data: ScanSceneData, *units: int, seed: int = 0) -> ScanSceneBatch:
    return data.read(np.array(units), torch.Generator().manual_seed(seed))


def test_a_batch_has_what_is_known_of_each_scan() -> None:
    split, batch = scans(), read(data_of(), 2, 0)
    assert batch.pictures.shape == (2, 4, 4) and batch.has_pictures.tolist() == [
        [False] * 4,
        [True, True, False, False],
    ]
    assert batch.pictures[1, :, 0].tolist() == [500, 501, 0, 0]
    assert batch.floorplan[:, 0].tolist() == [0, 600] and batch.has_floorplan.tolist() == [False, True]
    assert batch.referral[:, 0].tolist() == [0, 700] and batch.has_referral.tolist() == [False, True]
    assert batch.objects.valid.sum(dim=1).tolist() == [0, 3] and batch.has_points.tolist() == [True, True]
    np.testing.assert_array_equal(batch.points[1], split.scan(0).points)
    np.testing.assert_allclose(batch.colors[1], split.scan(0).colors / 255, rtol=1e-6)
    assert [len(cloud) for cloud in batch.points] == [len(split.scan(row).points) for row in (2, 0)]


def test_points_are_drawn_with_their_colours() -> None:
    split, data = scans(), data_of(SceneView(4, num_points=7))
    batch = read(data, 0)
    assert batch.points[0].shape == batch.colors[0].shape == (7, 3)
    first = split.scan(0)
    rows = [int(np.flatnonzero((first.points == point).all(axis=1))[0]) for point in batch.points[0].numpy()]
    assert len(set(rows)) == 7
    np.testing.assert_allclose(batch.colors[0], first.colors[rows] / 255, rtol=1e-6)
    assert torch.equal(read(data, 0).points[0], batch.points[0])
    assert not torch.equal(read(data, 0, seed=1).points[0], batch.points[0])


def test_pictures_are_spread_over_the_key_frames_in_their_order() -> None:
    members = scan("scene0000_00", num_frames=4), scan("scene0001_00", num_frames=4)
    own = ScanObjectData((encoded(scans(*members)),), ScanMasks.none(2))
    for count, places in ((1, [0]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])):
        batch = read(ScanSceneData(own, SceneView(count)), 1)
        assert (batch.pictures[0, :, 0] - 504).tolist() == places and batch.has_pictures.all()


def test_a_scan_with_few_key_frames_shows_all_of_them() -> None:
    # Two and three of four key frames are there.
    batch = read(data_of(SceneView(3)), 0, 1)
    assert batch.has_pictures.tolist() == [[True, True, False], [True, True, True]]
    assert batch.pictures[:, :, 0].tolist() == [[500, 501, 0], [504, 505, 506]]


def test_colours_of_classes_and_annotated_vertices_alone() -> None:
    split = scans()
    batch = read(data_of(SceneView(4, colors="labels")), 0)
    np.testing.assert_allclose(batch.colors[0], palette_colors(split, 0) / 255, rtol=1e-6)
    alone = read(data_of(SceneView(4, annotated_only=True)), 0, 2)
    annotated = split.scan(0).instance > 0
    np.testing.assert_array_equal(alone.points[0], split.scan(0).points[annotated])
    # The last scan has no object, so nothing of it is left.
    assert alone.has_points.tolist() == [True, False] and alone.points[1].tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("modality", "name"),
    [("image", "pictures"), ("floorplan", "floorplan"), ("referral", "referral"), ("point", "points")],
)
def test_what_is_hidden_of_a_scan_is_hidden_of_its_objects_too(modality: str, name: str) -> None:
    masks = ScanMasks((frozenset({modality}), frozenset(), frozenset()), {})
    batch = read(data_of(masks=masks), 0, 1)
    assert not getattr(batch, f"has_{name}")[0].any() and getattr(batch, f"has_{name}")[1].any()
    assert not torch.as_tensor(getattr(batch, name)[0]).any() and getattr(batch, name)[1].any()
    for own, present in batch.objects.present.items():
        assert bool(present[0].any()) == (own != modality)
    others = {"pictures", "floorplan", "referral", "points"} - {name}
    assert all(getattr(batch, f"has_{other}")[0].any() for other in others)


def test_a_batch_moves_to_a_device_whole() -> None:
    moved = read(data_of(), 0, 1).to(torch.device("meta"))
    assert moved.points[0].is_meta and moved.objects.features["cad"].is_meta and moved.has_points.is_meta


def test_trainings_and_evaluations_open_their_files(tmp_path: Path) -> None:
    store, files = written(scans(), tmp_path)
    asked = {"scans": [store], **{kind: [path] for kind, path in files._asdict().items()}}
    settings: dict[str, Any] = {"num_pictures": 2, "scene_points": 5, "dropped": {"point": 1.0}}
    data = opened({"data": settings}, None, asked)
    data.validated()
    assert len(data) == 3 and data.unit == "scans" and data.view == SceneView(2, 5)
    assert not read(data, 0).has_points.any()
    shown = shown_scans(scans(), files, data.view)
    assert read(shown, 0).has_points.all() and len(read(shown, 0).points[0]) == 5


@pytest.mark.parametrize("count", [0, 5])
def test_more_pictures_than_key_frames_are_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=r"(?s)so many key frames.*num_pictures.*1 to 4"):
        data_of(replace(ALL, num_pictures=count)).validated()
