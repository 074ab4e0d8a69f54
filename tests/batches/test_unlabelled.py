"""Batches of clouds and pictures whose labels are for the record alone."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import register
from tests.methods.cross_most.pairs import (
    LABELS,
    NAMES,
    NUM_OBJECTS,
    PREPROCESS,
    SIZE,
    STRENGTH,
    TOWER,
    Shown,
    data_of,
    draw,
    drawn_pictures,
    maps,
    points,
)

from concord3d.batches.unlabelled import DrawnPictures, StoredMaps, opened
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import ConfigError
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.prompts import save_class_features
from concord3d.features.strong_pictures import StrongPictures
from concord3d.features.tower import TowerMismatch
from concord3d.features.trunk_maps import normalised
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.render.shards import render_cloud_views
from concord3d.render.view_spec import cloud_view_spec

UNITS = np.array([7, 0, 43, 12])


def which(candidates: Any, pixels: torch.Tensor) -> list[int]:
    """Which candidate each picture is."""
    return [
        next(k for k, other in enumerate(row) if torch.equal(other, one))
        for row, one in zip(candidates, pixels, strict=True)
    ]


def test_a_drawn_picture_is_a_view_of_its_object_and_a_strong_version_of_the_same() -> None:
    source = drawn_pictures(PictureStrength(crop_area=(1, 1), flip=0, rand_augment=None))
    views = [[normalised(Shown().pixels[unit, view][None], PREPROCESS)[0] for view in range(3)] for unit in UNITS]
    seen = set()
    for seed in range(12):
        found = source.read(UNITS, draw(seed))
        seen |= set(which(views, found.weak))
        assert torch.equal(found.strong, found.pixels) and torch.equal(found.pixels, found.weak)
        assert found.masks.shape == (4, 4, 4) and set(found.masks.sum((1, 2)).tolist()) == {8}
    assert seen == {0, 1, 2}


def test_strong_pictures_are_drawn_anew_and_depend_on_the_generator_alone() -> None:
    source = drawn_pictures()
    first, again, other = (source.read(UNITS, draw(seed)) for seed in (1, 1, 2))
    for mine, its in zip(first, again, strict=True):
        assert torch.equal(mine, its)
    assert not torch.equal(first.pixels, other.pixels) and not torch.equal(first.masks, other.masks)
    drawn = draw(1)
    views = torch.randint(3, (4,), generator=drawn)
    seeds = torch.randint(2**31, (4,), generator=drawn).tolist()
    change = StrongPictures(SIZE, STRENGTH, PREPROCESS.mean)
    strong = np.stack([change(Shown().pixels[u, v], s) for u, v, s in zip(UNITS, views, seeds, strict=True)])
    assert torch.equal(first.pixels, normalised(strong, PREPROCESS))


def test_fewer_views_are_drawn_from_and_more_are_named() -> None:
    source = drawn_pictures(num_views=1)
    assert source.num_views == 1 and torch.equal(source.weak(UNITS, 0), drawn_pictures().weak(UNITS, 0))
    for seed in range(5):
        assert torch.equal(source.read(UNITS, draw(seed)).weak, source.weak(UNITS, 0))
    two = drawn_pictures(num_views=2)
    assert torch.equal(two.weak(UNITS, 1), drawn_pictures().weak(UNITS, 1))
    with pytest.raises(ConfigError, match=r"(?s)not so many views.*at most 3"):
        drawn_pictures(num_views=4)


def test_of_stored_maps_a_view_and_a_version_are_drawn_and_their_pixels_and_masks_belong_together() -> None:
    stored = maps(num_strong=3)
    source = StoredMaps(stored, PREPROCESS)
    assert (len(source), source.num_views) == (NUM_OBJECTS, 2)
    seen = set()
    for seed in range(20):
        found = source.read(UNITS, draw(seed))
        for row, unit in enumerate(UNITS):
            [view] = which([torch.from_numpy(stored.weak[unit]).float()], found.weak[row : row + 1])
            [version] = which([torch.from_numpy(stored.strong[unit, view]).float()], found.strong[row : row + 1])
            seen.add((view, version))
            expected = normalised(stored.pictures[unit, view, version][None], PREPROCESS)[0]
            assert torch.equal(found.pixels[row], expected)
            np.testing.assert_array_equal(found.masks[row].numpy(), stored.masks[unit, view, version])
    assert seen == {(view, version) for view in range(2) for version in range(3)}
    assert torch.equal(source.weak(UNITS, 1), torch.from_numpy(stored.weak[UNITS, 1]).float())


def test_a_batch_holds_the_clouds_of_its_units_as_stored() -> None:
    data = data_of()
    batch = data.read(UNITS, draw())
    np.testing.assert_array_equal(batch.points.numpy(), points()[UNITS])
    assert batch.units.tolist() == UNITS.tolist() and batch.labels is not None
    assert batch.labels.tolist() == LABELS[UNITS].tolist()
    batch.points.zero_()
    np.testing.assert_array_equal(data.points, points())
    assert data_of(labels=None).read(UNITS, draw()).labels is None
    assert sorted(data.order(UNITS, draw()).tolist()) == sorted(UNITS.tolist())


def test_labels_and_their_absence_draw_the_same_pictures() -> None:
    batches = [data_of(labels=labels).read(UNITS, draw(4)) for labels in (LABELS, LABELS[::-1].copy(), None)]
    assert all(torch.equal(a, b) for a, b in zip(batches[0].pictures, batches[2].pictures, strict=True))
    assert torch.equal(batches[0].points, batches[1].points)


def test_a_batch_moves_with_its_pictures() -> None:
    moved = data_of(labels=None).read(UNITS, draw()).to(torch.device("meta"))
    assert {part.device.type for part in (moved.points, *moved.pictures, moved.units)} == {"meta"}


def test_outside_a_workflow_its_files_are_unknown() -> None:
    with pytest.raises(ConfigError, match="within a workflow"):
        _ = data_of().identity


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Path]]:
    """Clouds of 40 points, views of them, and features of their class names."""
    register(monkeypatch)
    many = points(40)
    names = tuple(f"object {number}" for number in range(NUM_OBJECTS))
    CloudSplit("boxes", "train", "synthetic", many, LABELS, NAMES, names).save(tmp_path / "clouds.npz")
    render_cloud_views(many, cloud_view_spec(image_size=32), tmp_path / "views", tmp_path / "index.json")
    save_class_features(
        tmp_path / "classes.npz", (*NAMES[::-1], "other"), np.arange(80, dtype=np.float32).reshape(5, 16)
    )
    maps().write(tmp_path / "maps.npz")
    (tmp_path / "tower.json").write_text(json.dumps(TOWER))
    return {name: [tmp_path / file] for name, file in (("clouds", "clouds.npz"), ("classes", "classes.npz"))}


def run_of(folder: Path, **data: Any) -> dict[str, Any]:
    return {"tower": {"model": str(folder / "tower.json")}, "data": {"num_points": 25, **data}}


def test_files_are_opened_with_the_first_points_of_each_cloud(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    """As protocols take them: a training and its evaluation see clouds of the same size."""
    data = opened(run_of(tmp_path), CrossMoSTSettings(), {**files, "views": [tmp_path / "index.json"]})
    data.validated()
    np.testing.assert_array_equal(data.points, points(40)[:, :25])
    assert data.class_names == NAMES and data.class_features[:, 0].tolist() == [48, 32, 16, 0]
    assert data.labels is not None and data.dataset == "boxes" and isinstance(data.pictures, DrawnPictures)
    assert data.pictures.num_views == 10
    whole = opened(
        run_of(tmp_path, num_points=2048), CrossMoSTSettings(), {**files, "views": [tmp_path / "index.json"]}
    )
    assert whole.points.shape[1] == 40


def test_maps_are_opened_where_there_are_some(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    data = opened(run_of(tmp_path, num_strong=2), CrossMoSTSettings(), {**files, "maps": [tmp_path / "maps.npz"]})
    data.validated()
    assert isinstance(data.pictures, StoredMaps) and data.pictures.num_views == 2


def test_data_of_the_same_files_are_known_to_be_the_same(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    given = {**files, "maps": [tmp_path / "maps.npz"]}

    def identity(**data: Any) -> str:
        return opened(run_of(tmp_path, num_strong=2, **data), CrossMoSTSettings(), given).files_identity

    first = identity()
    assert first and identity() == first
    assert len({first, identity(num_points=24), identity(num_views=1)}) == 3
    os.utime(tmp_path / "maps.npz", ns=(1, 1))
    assert identity() != first, "a file that was written again may hold something else of the same size"


def test_strength_and_views_are_those_of_the_section(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    given = {**files, "views": [tmp_path / "index.json"]}
    told = {"strength": {"mask_ratio": 1.0}, "num_views": 3}
    data = opened(run_of(tmp_path, **told), CrossMoSTSettings(), given)
    assert data.pictures.num_views == 3 and data.pictures.read(UNITS, draw()).masks.all()
    with pytest.raises(ConfigError, match="not so many views"):
        opened(run_of(tmp_path, num_views=11), CrossMoSTSettings(), given)


def test_features_of_other_classes_are_named(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    save_class_features(tmp_path / "classes.npz", ("flat", "tall"), np.ones((2, 16), np.float32))
    with pytest.raises(TowerMismatch, match=r"(?s)other classes.*long"):
        opened(run_of(tmp_path), CrossMoSTSettings(), {**files, "views": [tmp_path / "index.json"]})


def test_pictures_of_other_objects_are_named() -> None:
    other: Any = Shown(num_objects=5)
    with pytest.raises(ConfigError, match=r"(?s)other objects.*44 objects.*5 objects"):
        replace(data_of(), pictures=DrawnPictures(other, PREPROCESS, STRENGTH, None)).validated()
