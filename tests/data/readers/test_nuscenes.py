"""Streets as nuScenes files: what is read, and what every damage is called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.nuscenes_tables import CAMERAS, VERSION
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import (
    BadCloud,
    ConcordError,
    ConfigError,
    DatasetCorrupt,
    DatasetMissing,
    UnreadableFile,
    WrongRelease,
)
from concord3d.geometry.rigid import from_quaternion
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"keyframes": 2, "beams": 16, "azimuth_steps": 90, "height": 24, "width": 40}


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes to train and one to test with, two keyframes each."""
    folder = tmp_path_factory.mktemp("nuscenes")
    build_dataset(WorldRecipe("nuscenes", {"train": 2, "val": 1}, None, 1, 4, OPTIONS), folder)
    return folder


def read(spec: DatasetSpec, root: Path, split: str = "train") -> SweepSplit:
    store = read_split(spec, root, split, "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def rows(root: Path, table: str) -> list[dict[str, Any]]:
    return json.loads((root / "nuscenes" / VERSION / f"{table}.json").read_text())


def change(root: Path, table: str, alter: Callable[[list[dict[str, Any]]], Any]) -> None:
    content = rows(root, table)
    alter(content)
    (root / "nuscenes" / VERSION / f"{table}.json").write_text(json.dumps(content))


def first_file(root: Path, pattern: str) -> Path:
    return min((root / "nuscenes").glob(pattern))


def test_sweeps_are_what_the_files_hold(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.kind == "sweeps" and store.points.shape[1] == 4 and store.points.dtype == np.float32
    assert store.intensity_range == 255 and 0 < store.network_points(0)[:, 3].max() <= 1
    assert store.names == tuple(f"{scene}/{number:03d}" for scene in SCENES["train"][:2] for number in (0, 1))
    assert read(spec, world, "val").names == ("scene-0003/000", "scene-0003/001")
    assert store.class_names == spec.class_names
    by_sample = {row["sample_token"]: row for row in rows(world, "sample_data") if "LIDAR" in row["filename"]}
    first = by_sample[rows(world, "scene")[0]["first_sample_token"]]
    raw = np.fromfile(world / "nuscenes" / first["filename"], "<f4").reshape(-1, 5)
    sweep = store.sweep(0)
    np.testing.assert_array_equal(sweep.points, raw[:, :4])
    assert raw[:, 3].min() >= 0 and 10 < raw[:, 3].max() <= 255
    category = np.fromfile(world / f"nuscenes/lidarseg/{VERSION}/{first['token']}_lidarseg.bin", np.uint8)
    with np.load(world / f"nuscenes/panoptic/{VERSION}/{first['token']}_panoptic.npz") as stored:
        np.testing.assert_array_equal(sweep.extra["panoptic"], stored["data"])
        np.testing.assert_array_equal(category, stored["data"] // 1000)
    names = {row["index"]: row["name"] for row in rows(world, "category")}
    assert sweep.labels is not None
    for label in np.unique(sweep.labels):
        found = {names[index] for index in np.unique(category[sweep.labels == label]).tolist()}
        if label >= 0:
            word = spec.class_names[label].removesuffix("_vehicle").removeprefix("other_").removesuffix("_flat")
            word = {"pedestrian": "pedestrian", "traffic_cone": "trafficcone", "flat": "other"}.get(word, word)
            assert all(word in name for name in found), (label, found)
        else:
            assert found <= {"movable_object.pushable_pullable"}
    # Things have instances, ground and walls have none.
    things = (sweep.labels >= 0) & (sweep.labels < 10)
    instance = sweep.extra["panoptic"] % 1000
    assert (instance[things] > 0).all() and not instance[sweep.labels >= 10].any()


def test_pictures_and_cameras(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    pictures, intrinsics = store.per_sweep["pictures"], store.per_sweep["intrinsics"]
    assert pictures.shape == (4, 6, 24, 40, 3) and pictures.dtype == np.uint8
    assert store.per_sweep["camera_from_lidar"].shape == (4, 6, 4, 4) and intrinsics.shape == (4, 6, 3, 3)
    data = {row["token"]: row for row in rows(world, "sample_data")}
    own = [row for row in data.values() if row["sample_token"] == rows(world, "scene")[1]["first_sample_token"]]
    channel = {row["filename"].split("/")[1]: row for row in own}
    poses = {row["token"]: from_quaternion(row["rotation"], row["translation"]) for row in rows(world, "ego_pose")}
    sensors = {row["token"]: row for row in rows(world, "calibrated_sensor")}

    def place(row: dict[str, Any]) -> np.ndarray:
        sensor = sensors[row["calibrated_sensor_token"]]
        return poses[row["ego_pose_token"]] @ from_quaternion(sensor["rotation"], sensor["translation"])

    for camera, name in enumerate(CAMERAS):
        row = channel[name]
        assert "CAM" in row["filename"] and data[row["token"]]["width"] == 40
        with Image.open(world / "nuscenes" / row["filename"]) as image:
            np.testing.assert_array_equal(pictures[2, camera], np.asarray(image))
        chain = np.linalg.inv(place(row)) @ place(channel["LIDAR_TOP"])
        np.testing.assert_allclose(store.per_sweep["camera_from_lidar"][2, camera], chain, atol=1e-9)
        np.testing.assert_allclose(
            intrinsics[2, camera], sensors[row["calibrated_sensor_token"]]["camera_intrinsic"], atol=1e-12
        )
    directions = store.per_sweep["camera_from_lidar"][0, :, 2, :3]
    # In the LiDAR's frame y is in front and x to the right.
    assert (directions.round(1)[[0, 3], 1] == [1, -1]).all()
    assert (np.sign(directions[[1, 2, 4, 5], 0]) == [1, 1, -1, -1]).all()


def test_large_pictures_are_resized_with_their_intrinsics(spec: DatasetSpec, world: Path) -> None:
    small = read(spec.model_copy(update={"picture_size": (12, 10)}), world)
    whole = read(spec, world)
    assert small.per_sweep["pictures"].shape == (4, 6, 12, 10, 3)
    mean = whole.per_sweep["pictures"].reshape(4, 6, 12, 2, 10, 4, 3).mean(axis=(3, 5))
    assert np.abs(mean - small.per_sweep["pictures"]).mean() < 12
    # A ray that meets the middle of a block of pixels meets the pixel that the block becomes.
    for k_whole, k_small in zip(whole.per_sweep["intrinsics"][0], small.per_sweep["intrinsics"][0], strict=True):
        ray = np.linalg.inv(k_whole) @ np.array([4 * 7 + 1.5, 2 * 5 + 0.5, 1])
        np.testing.assert_allclose(k_small @ ray, [7, 5, 1], atol=1e-9)


def test_without_the_panoptic_extension_nothing_has_an_instance(spec: DatasetSpec, copy: Path) -> None:
    (copy / "nuscenes" / VERSION / "panoptic.json").unlink()
    assert not read(spec, copy).extra["panoptic"].any()


def test_counts_are_those_of_the_tables(spec: DatasetSpec, world: Path) -> None:
    reader = find_reader("nuscenes")
    assert [reader.census(spec, world, split).num_items for split in ("train", "val")] == [4, 2]
    with pytest.raises(WrongRelease, match=r"train 28130(.|\n)*train 4"):
        recognise(spec, world)
    with pytest.raises(WrongRelease, match="no release"):
        read_split(spec, world, "train", "real")
    with pytest.raises(ConfigError, match="no split 'test'"):
        read(spec, world, "test")


def truncate(root: Path) -> None:
    path = first_file(root, "samples/LIDAR_TOP/*")
    path.write_bytes(path.read_bytes()[:-7])


def empty(root: Path) -> None:
    first_file(root, "samples/LIDAR_TOP/*").write_bytes(b"")


def one_label_less(root: Path) -> None:
    for path in (root / "nuscenes" / "lidarseg").rglob("*.bin"):
        path.write_bytes(path.read_bytes()[:-1])


def one_instance_more(root: Path) -> None:
    for path in (root / "nuscenes" / "panoptic").rglob("*.npz"):
        with np.load(path) as stored:
            data = stored["data"]
        np.savez(path, data=np.append(data, data[-1:]))


def unknown_label(root: Path) -> None:
    for path in (root / "nuscenes" / "lidarseg").rglob("*.bin"):
        path.write_bytes(b"\x20" + path.read_bytes()[1:])


def half_a_picture(root: Path) -> None:
    path = first_file(root, "samples/CAM_BACK/*")
    path.write_bytes(path.read_bytes()[:100])


def other_picture(root: Path) -> None:
    Image.new("RGB", (41, 24)).save(first_file(root, "samples/CAM_BACK/*"))


def gone(pattern: str) -> Callable[[Path], None]:
    return lambda root: first_file(root, pattern).unlink()


def no_labels(root: Path) -> None:
    shutil.rmtree(root / "nuscenes" / "lidarseg" / VERSION)


def altered(table: str, alter: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Path], None]:
    return lambda root: change(root, table, alter)


def without_camera(data: list[dict[str, Any]]) -> None:
    data[:] = [row for row in data if "CAM_BACK_LEFT" not in row["filename"]]


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (truncate, UnreadableFile, r"truncated(.|\n)*pcd\.bin(.|\n)*multiple of 20"),
        (empty, BadCloud, "no points"),
        (one_label_less, DatasetCorrupt, "not as many as points"),
        (one_instance_more, DatasetCorrupt, "not as many as points"),
        (unknown_label, WrongRelease, r"no general category(.|\n)*0 to 31(.|\n)*32"),
        (half_a_picture, UnreadableFile, r"image(.|\n)*CAM_BACK"),
        (other_picture, UnreadableFile, "24 x 41 pixels where 24 x 40"),
        (gone("samples/LIDAR_TOP/*"), DatasetMissing, "A sweep of a keyframe is missing"),
        (gone("samples/CAM_FRONT/*"), DatasetMissing, r"A picture(.|\n)*CAM_FRONT"),
        (no_labels, DatasetMissing, "A file of labels"),
        (gone(f"{VERSION}/lidarseg.json"), DatasetMissing, "has no labels"),
        (gone(f"{VERSION}/scene.json"), DatasetMissing, r"scene\.json"),
        (gone(f"{VERSION}/ego_pose.json"), UnreadableFile, r"ego_pose\.json"),
        (altered("sample", lambda t: t[0].update(next="gone")), UnreadableFile, r"chain(.|\n)*sample.json(.|\n)*gone"),
        (altered("sample", lambda t: t[1].update(next=t[0]["token"])), UnreadableFile, r"chain(.|\n)*again"),
        (altered("sample", lambda t: t[0].update(next=t[2]["token"])), UnreadableFile, r"chain(.|\n)*another scene"),
        (altered("calibrated_sensor", lambda t: t.pop(3)), UnreadableFile, r"chain(.|\n)*calibrated_sensor"),
        (altered("ego_pose", lambda t: t.pop(0)), UnreadableFile, r"chain(.|\n)*ego_pose"),
        (altered("ego_pose", lambda t: t[0].update(rotation=[0, 0, 0, 0])), UnreadableFile, "another form"),
        (altered("ego_pose", lambda t: t[0].pop("translation")), UnreadableFile, "another form"),
        (altered("calibrated_sensor", lambda t: t[1].update(camera_intrinsic=[])), UnreadableFile, "another form"),
        (altered("sample_data", without_camera), DatasetMissing, r"lacks a sensor(.|\n)*CAM_BACK_LEFT"),
        (altered("sample_data", lambda t: t[1].update(height=12)), WrongRelease, "different sizes"),
        (altered("sample", lambda t: t[0].pop("next")), UnreadableFile, "another form"),
        (altered("scene", lambda t: t[1].pop("name")), UnreadableFile, "another form"),
        (altered("scene", lambda t: t.clear()), DatasetMissing, "No scene"),
        (altered("scene", lambda t: t[0].pop("token")), UnreadableFile, "Not a table"),
        (altered("sample_data", lambda t: t[0].pop("is_key_frame")), UnreadableFile, "another form"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    spec: DatasetSpec, copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(spec, copy)


def test_sweeps_between_keyframes_are_passed_over(spec: DatasetSpec, copy: Path) -> None:
    before = read(spec, copy)

    def add_sweeps(data: list[dict[str, Any]]) -> None:
        for row in data[:7]:
            data.append({**row, "token": f"x{row['token']}", "is_key_frame": False, "filename": "sweeps/absent"})

    change(copy, "sample_data", add_sweeps)
    after = read(spec, copy)
    assert after.names == before.names and after.points.tobytes() == before.points.tobytes()
