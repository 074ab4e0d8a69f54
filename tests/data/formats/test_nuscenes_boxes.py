"""Boxes are what the tables of nuScenes say, and every damage of these tables has a name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.nuscenes_boxes import ATTRIBUTES
from concord3d.data.formats.nuscenes_tables import VERSION
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConcordError, UnreadableFile, WrongRelease
from concord3d.geometry.box_frames import moved_boxes
from concord3d.geometry.rigid import inverse
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"keyframes": 3, "beams": 32, "azimuth_steps": 240, "height": 6, "width": 8}


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes_boxes"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nuscenes_boxes")
    build_dataset(WorldRecipe("nuscenes_boxes", {"train": 2, "val": 1}, None, 1, 4, OPTIONS), folder)
    return folder


@pytest.fixture
def copy(world: Path, tmp_path: Path) -> Path:
    shutil.copytree(world, tmp_path / "copy")
    return tmp_path / "copy"


def read(spec: DatasetSpec, root: Path) -> SweepSplit:
    store = read_split(spec, root, "train", "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def tables_of(root: Path) -> Path:
    return next(root.rglob(VERSION))


def rows(root: Path, table: str) -> list[dict[str, Any]]:
    return json.loads((tables_of(root) / f"{table}.json").read_text())


def change(root: Path, table: str, alter: Callable[[list[dict[str, Any]]], Any]) -> None:
    content = rows(root, table)
    alter(content)
    (tables_of(root) / f"{table}.json").write_text(json.dumps(content))


def test_every_annotation_is_a_box_of_its_keyframe(spec: DatasetSpec, world: Path) -> None:
    store, annotations = read(spec, world), rows(world, "sample_annotation")
    assert store.boxes is not None and len(store) == 6
    order = [row["token"] for row in rows(world, "sample")]
    instances = {row["token"]: row["category_token"] for row in rows(world, "instance")}
    categories = {row["token"]: row["index"] for row in rows(world, "category")}
    attributes = {row["token"]: row["name"] for row in rows(world, "attribute")}
    for number, token in enumerate(order[:6]):
        own = [row for row in annotations if row["sample_token"] == token]
        found = slice(*store.boxes.offsets[number : number + 2])
        assert len(own) > 10
        np.testing.assert_array_equal(store.boxes.centres[found], [row["translation"] for row in own])
        wlh = np.array([row["size"] for row in own])
        np.testing.assert_array_equal(store.boxes.sizes[found], wlh[:, [1, 0, 2]])
        assert store.boxes.categories[found].tolist() == [categories[instances[row["instance_token"]]] for row in own]
        assert store.boxes.num_points[found].tolist() == [row["num_lidar_pts"] for row in own]
        assert store.boxes.visibilities[found].tolist() == [int(row["visibility_token"]) for row in own]
        told = [[attributes[each] for each in row["attribute_tokens"]] for row in own]
        numbers = store.boxes.attributes[found]
        assert [[ATTRIBUTES[k]] if k >= 0 else [] for k in numbers] == told and len(set(numbers.tolist())) > 3
    cars = store.boxes.categories == 17
    assert cars.any() and {store.class_names[k] for k in store.boxes.classes[cars]} == {"car"}
    assert (store.boxes.classes[store.boxes.categories == 11] == -1).all()


def test_boxes_hold_the_points_of_their_objects(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.boxes is not None
    held = counted = 0
    for number in range(len(store)):
        sweep, boxes = store.sweep(number), store.boxes.of(np.array([number]))
        whole = np.column_stack([boxes.centres, boxes.sizes, boxes.yaws, boxes.velocities])
        moved = moved_boxes(whole, inverse(store.per_sweep["global_from_lidar"][number]))
        for box, kind, count in zip(moved, boxes.classes, boxes.num_points, strict=True):
            if kind < 0:
                continue
            offset = sweep.points[:, :3] - box[:3]
            cosine, sine = np.cos(box[6]), np.sin(box[6])
            along = offset[:, 0] * cosine + offset[:, 1] * sine
            across = offset[:, 1] * cosine - offset[:, 0] * sine
            inside = np.abs(np.stack([along, across, offset[:, 2]], axis=1)) <= 0.55 * box[3:6]
            held += min(int((inside.all(axis=1) & (sweep.labels == kind)).sum()), count)
            counted += count
    assert counted > 300 and held > 0.98 * counted


def test_velocities_are_differences_of_keyframes(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.boxes is not None
    boxes = store.boxes
    per_scene = boxes.centres[: boxes.offsets[3]].reshape(3, -1, 3)[..., :2]
    found = boxes.velocities[: boxes.offsets[3]].reshape(3, -1, 2)
    np.testing.assert_allclose(found[0], (per_scene[1] - per_scene[0]) / 0.5, atol=1e-6)
    np.testing.assert_allclose(found[1], (per_scene[2] - per_scene[0]) / 1.0, atol=1e-6)
    np.testing.assert_allclose(found[2], (per_scene[2] - per_scene[1]) / 0.5, atol=1e-6)
    assert np.linalg.norm(found, axis=2).max() > 1


def test_keyframes_far_apart_or_alone_tell_no_velocity(spec: DatasetSpec, copy: Path) -> None:
    def later(samples: list[dict[str, Any]]) -> None:
        for number, row in enumerate(samples[:3]):
            row["timestamp"] += number * 1_200_000

    change(copy, "sample", later)
    boxes = read(spec, copy).boxes
    assert boxes is not None
    unknown = np.isnan(boxes.velocities[: boxes.offsets[3]]).all(axis=1).reshape(3, -1)
    # 1.7 s from one to the next are too many, and 3.4 s from before to after too.
    assert unknown.all() and not np.isnan(boxes.velocities[boxes.offsets[3] :]).any()

    def alone(annotations: list[dict[str, Any]]) -> None:
        for row in annotations:
            row["prev"] = row["next"] = ""

    change(copy, "sample_annotation", alone)
    boxes = read(spec, copy).boxes
    assert boxes is not None and np.isnan(boxes.velocities).all()


def test_without_annotations_there_are_no_boxes(spec: DatasetSpec, copy: Path) -> None:
    (tables_of(copy) / "sample_annotation.json").unlink()
    store = read(spec, copy)
    assert store.boxes is None and "global_from_lidar" in store.per_sweep


def test_a_keyframe_may_have_none(spec: DatasetSpec, copy: Path) -> None:
    first = rows(copy, "sample")[0]["token"]

    def without(annotations: list[dict[str, Any]]) -> None:
        kept = [row for row in annotations if row["sample_token"] != first]
        gone = {row["token"] for row in annotations} - {row["token"] for row in kept}
        for row in kept:
            row["prev"] = "" if row["prev"] in gone else row["prev"]
        annotations[:] = kept

    change(copy, "sample_annotation", without)
    boxes = read(spec, copy).boxes
    assert boxes is not None and boxes.offsets[1] == 0 and boxes.offsets[2] > 0


def first_row(key: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda table: table[0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("table", "alter", "error", "words"),
    [
        ("sample_annotation", first_row("instance_token", "nobody"), UnreadableFile, "instance.json"),
        ("sample_annotation", first_row("next", "nowhere"), UnreadableFile, "sample_annotation.json"),
        ("sample_annotation", first_row("attribute_tokens", ["none"]), UnreadableFile, "attribute.json"),
        ("instance", first_row("category_token", "none"), UnreadableFile, "category.json"),
        ("sample_annotation", lambda table: table[0].pop("size"), UnreadableFile, "size"),
        ("sample_annotation", first_row("rotation", [0, 0, 0]), UnreadableFile, "no quaternion"),
        ("sample_annotation", first_row("translation", ["a", 0, 0]), UnreadableFile, "sample_annotation"),
        ("sample_annotation", first_row("size", [1.0, 0.0, 1.0]), BadCloud, "no extent"),
        ("attribute", first_row("name", "vehicle.flying"), WrongRelease, "vehicle.flying"),
    ],
)
def test_damage_is_named(
    spec: DatasetSpec, copy: Path, table: str, alter: Callable[[Any], Any], error: type[ConcordError], words: str
) -> None:
    change(copy, table, alter)
    with pytest.raises(error, match=words):
        read(spec, copy).validated()


def test_several_attributes_are_refused(spec: DatasetSpec, copy: Path) -> None:
    tokens = [row["token"] for row in rows(copy, "attribute")[:2]]
    change(copy, "sample_annotation", first_row("attribute_tokens", tokens))
    with pytest.raises(WrongRelease, match=r"at most one of(.|\n)*vehicle.moving, vehicle.stopped"):
        read(spec, copy)
