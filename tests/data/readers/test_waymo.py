"""Waymo Open Dataset: the points of its range images, its labelled frames, and what every damage is called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.parity.literal_waymo import point

from concord3d.data.catalog import DatasetSpec, load_catalog
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
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

SEGMENT = "1000000000001000000_000_000_020_000"
NAMES = (f"{SEGMENT}/1570000000000000", f"{SEGMENT}/1570000001000000")
RETURNS = ("range_image_return1", "range_image_return2")
TIME, LASER = "key.frame_timestamp_micros", "key.laser_name"


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["waymo"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segment to train with one labelled frame, and one to test with two and one without labels between them."""
    folder = tmp_path_factory.mktemp("waymo")
    build_dataset(WorldRecipe("waymo", {"train": 1, "val": 2}, None, 1, 4, {"beams": 16, "azimuth_steps": 60}), folder)
    return folder


def read(spec: DatasetSpec, root: Path, split: str = "val") -> SweepSplit:
    store = read_split(spec, root, split, "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def file(root: Path, component: str) -> Path:
    [path] = (root / "waymo/validation" / component).glob("*.parquet")
    return path


def rows(root: Path, component: str) -> list[dict[str, Any]]:
    """Return the rows of a component, without the class's name in those of the columns."""
    table = pq.read_table(file(root, component), partitioning=None)
    return [{name.rpartition("].")[2]: cell for name, cell in row.items()} for row in table.to_pylist()]


def image(row: dict[str, Any], which: str) -> np.ndarray[Any, Any]:
    return np.array(row[f"{which}.values"]).reshape(row[f"{which}.shape"])


def test_points_are_those_of_the_formulas_pixel_by_pixel(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.names == NAMES and store.class_names == spec.class_names and len(store.class_names) == 22
    [calibration] = rows(world, "lidar_calibration")
    extrinsic = np.array(calibration["extrinsic.transform"]).reshape(4, 4)
    assert abs(np.arctan2(extrinsic[1, 0], extrinsic[0, 0])) > 0.1 and abs(extrinsic[2, 0]) > 1e-4
    tables = [{row[TIME]: row for row in rows(world, name)} for name in ("lidar", "lidar_pose", "vehicle_pose")]
    for number, told in enumerate(rows(world, "lidar_segmentation")):
        lidar, pose, vehicle = (table[told[TIME]] for table in tables)
        pixels, frame = image(pose, RETURNS[0]), np.array(vehicle["world_from_vehicle.transform"]).reshape(4, 4)
        moved = np.linalg.norm(pixels[0, -1, 3:] - pixels[0, 0, 3:])
        assert np.abs(pixels[..., :2]).min() > 1e-4 and np.ptp(pixels[0, :, 0]) > 1e-4, "the body sways"
        points, labels = [], []
        for which in RETURNS:
            own, classes = image(lidar, which), image(told, which)
            for row, column in zip(*np.nonzero(own[..., 0] > 0), strict=True):
                beams = calibration["beam_inclination.values"]
                place = (row, column, own[row, column, 0], own.shape[:2], beams)
                xyz = point(*place, extrinsic, pixels[row, column].tolist(), frame)
                points.append([*xyz, np.tanh(own[row, column, 1])])
                labels.append(classes[row, column])
        sweep = store.sweep(number)
        assert len(points) > 500 and moved < 2
        np.testing.assert_allclose(sweep.points, points, rtol=0, atol=2e-5)
        np.testing.assert_array_equal(np.asarray(sweep.labels), np.array(labels)[:, 1] - 1)
        np.testing.assert_array_equal(sweep.extra["instance"], np.array(labels)[:, 0])


def test_both_returns_are_read_and_intensities_are_bounded(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    second = [(image(row, RETURNS[1])[..., 0] > 0).sum() for row in rows(world, "lidar")]
    first = [(image(row, RETURNS[0])[..., 0] > 0).sum() for row in rows(world, "lidar")]
    assert min(second) > 5
    assert np.diff(store.offsets).tolist() == [first[0] + second[0], first[2] + second[2]]
    assert 0.2 < store.network_points(0)[:, 3].max() < 1


def test_frames_without_labels_are_left_out_and_counts_are_those_of_the_files(spec: DatasetSpec, world: Path) -> None:
    assert len(rows(world, "lidar")) == 3 and len(rows(world, "lidar_segmentation")) == 2
    reader = find_reader("waymo")
    assert [reader.census(spec, world, split).num_items for split in ("train", "val")] == [1, 2]
    with pytest.raises(WrongRelease, match=r"train 23691(.|\n)*train 1"):
        recognise(spec, world)
    with pytest.raises(ConfigError, match="does not say what labels mean"):
        reader.read(spec.model_copy(update={"scan_labels": None}), world, "val", "synthetic")


def rewritten(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Write a file anew with other rows, of the same schema."""
    table = pq.read_table(path, partitioning=None)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), path)


def test_rows_whose_images_are_null_have_no_labels(spec: DatasetSpec, copy: Path) -> None:
    def emptied(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: cell if name.startswith("key") else None for name, cell in found[0].items()}, *found[1:]]

    rewritten(file(copy, "lidar_segmentation"), emptied)
    assert read(spec, copy).names == NAMES[1:] and find_reader("waymo").census(spec, copy, "val").num_items == 1


def test_rows_of_other_lidars_are_passed_over(spec: DatasetSpec, world: Path, copy: Path) -> None:
    for component in ("lidar", "lidar_segmentation", "lidar_calibration", "lidar_pose"):
        rewritten(file(copy, component), lambda found: [{**row, LASER: n} for row in found for n in (2, row[LASER])])
    front = [name for name in pq.read_table(file(copy, "lidar"), partitioning=None).column(LASER).to_pylist()]
    assert set(front) == {1, 2}
    np.testing.assert_array_equal(read(spec, copy).points, read(spec, world).points)


def test_frames_come_in_the_order_of_their_times(spec: DatasetSpec, world: Path, copy: Path) -> None:
    for component in ("lidar", "lidar_segmentation", "vehicle_pose"):
        rewritten(file(copy, component), lambda found: found[::-1])
    store = read(spec, copy)
    assert store.names == NAMES
    np.testing.assert_array_equal(store.points, read(spec, world).points)


def test_a_lidar_without_a_list_of_beams_has_them_evenly(spec: DatasetSpec, world: Path, copy: Path) -> None:
    beams = "[LiDARCalibrationComponent].beam_inclination"
    ends = np.radians([-16.0, 16.0]).tolist()
    # The beams of the world's smallest LiDAR are 2 degrees apart: the middles of 16 equal parts of 32 degrees.
    rewritten(
        file(copy, "lidar_calibration"),
        lambda found: [
            {**row, f"{beams}.values": None, f"{beams}.min": ends[0], f"{beams}.max": ends[1]} for row in found
        ],
    )
    np.testing.assert_allclose(read(spec, copy).points, read(spec, world).points, atol=2e-5)


def test_a_pose_in_single_precision_is_read(spec: DatasetSpec, world: Path, copy: Path) -> None:
    path = file(copy, "vehicle_pose")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.cast(table.schema.set(2, pa.field(table.schema.names[2], pa.list_(pa.float32(), 16)))), path)
    np.testing.assert_allclose(read(spec, copy).points[:, :3], read(spec, world).points[:, :3], atol=1e-3)


def cut(component: str, share: float) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = file(root, component)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return damage


def without(component: str) -> Callable[[Path], None]:
    return lambda root: file(root, component).unlink()


def other(component: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], None]:
    """Change the first row, where keys are the ends of columns' names."""

    def damage(root: Path) -> None:
        def changed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
            short = {name: name.rpartition("].")[2] for name in found[0]}
            new = change({short[name]: cell for name, cell in found[0].items()})
            return [{name: new[short[name]] for name in short}, *found[1:]]

        rewritten(file(root, component), changed)

    return damage


def rows_of(component: str, kept: slice) -> Callable[[Path], None]:
    return lambda root: rewritten(file(root, component), lambda found: found[kept])


def other_shape(which: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The image loses its last column."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        own = image(row, which)[:, :-1]
        return {**row, f"{which}.values": own.ravel().tolist(), f"{which}.shape": list(own.shape)}

    return change


def label(number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(row: dict[str, Any]) -> dict[str, Any]:
        own = image(row, RETURNS[0])
        own[..., 1] = number
        return {**row, f"{RETURNS[0]}.values": own.ravel().tolist()}

    return change


def fewer_values(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, f"{RETURNS[0]}.values": row[f"{RETURNS[0]}.values"][:-1]}


def nothing_met(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{f"{which}.values": [-1.0] * len(row[f"{which}.values"]) for which in RETURNS}}


def beams(values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    gone = {"beam_inclination.values": values, "beam_inclination.min": None}
    return lambda row: {**row, **gone}


def lacks_a_column(root: Path) -> None:
    path = file(root, "lidar")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.drop_columns([name for name in table.column_names if name.endswith("return2.values")]), path)


def words_for_numbers(root: Path) -> None:
    path = file(root, "lidar_pose")
    table = pq.read_table(path, partitioning=None)
    place = table.schema.get_field_index("[LiDARPoseComponent].range_image_return1.values")
    words = pa.array([["a"]] * len(table), pa.list_(pa.string()))
    pq.write_table(table.set_column(place, table.column_names[place], words), path)


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (cut("lidar", 0.6), UnreadableFile, r"(?s)truncated.*lidar/.*\.parquet.*next"),
        (cut("lidar_segmentation", 0), UnreadableFile, r"(?s)truncated.*lidar_segmentation/"),
        (cut("lidar_calibration", 0.9), UnreadableFile, r"(?s)truncated.*lidar_calibration/"),
        *((without(name), DatasetMissing, rf"(?s)lacks its component '{name}'.*{name}/.*obtain the folder {name}")
          for name in ("lidar", "lidar_pose", "lidar_calibration", "vehicle_pose")),
        (without("lidar_segmentation"), DatasetMissing, "No files"),
        (other("lidar_segmentation", other_shape(RETURNS[0])), DatasetCorrupt,
         r"(?s)'lidar_segmentation' differ in shape.*16 x 60.*16 x 59"),
        (other("lidar_segmentation", other_shape(RETURNS[1])), DatasetCorrupt, r"(?s)16 x 60.*16 x 59"),
        (other("lidar_segmentation", lambda row: {**row, f"{RETURNS[1]}.values": None, f"{RETURNS[1]}.shape": None}),
         DatasetCorrupt, r"(?s)'lidar_segmentation' differ in shape.*no image"),
        (other("lidar_pose", other_shape(RETURNS[0])), DatasetCorrupt, r"(?s)'lidar_pose' differ in shape.*16 x 59"),
        (other("lidar_pose", fewer_values), DatasetCorrupt, r"(?s)'lidar_pose' has another shape.*5759 values"),
        (other("lidar_segmentation", label(23)), WrongRelease, r"(?s)none of this data set.*21, 22.*found: 23\b"),
        (other("lidar_segmentation", label(-1)), WrongRelease, r"(?s)none of this data set.*found: -1\b"),
        (rows_of("lidar_calibration", slice(0)), DatasetCorrupt, r"(?s)no calibration.*laser_name is 1"),
        (other("lidar_calibration", beams(None)), DatasetCorrupt, r"(?s)no inclinations.*min None"),
        (other("lidar_calibration", beams([0.0] * 15)), DatasetCorrupt, r"(?s)another number of rows.*15.*16"),
        (other("vehicle_pose", lambda row: {**row, "world_from_vehicle.transform": None}), DatasetCorrupt,
         r"(?s)pose is no matrix.*16 finite numbers"),
        (rows_of("lidar", slice(1)), DatasetCorrupt, r"(?s)absent from the component 'lidar'.*first: 1570000001000000"),
        (rows_of("vehicle_pose", slice(1, None)), DatasetCorrupt, r"(?s)'vehicle_pose'.*first: 1570000000000000"),
        (rows_of("lidar_segmentation", slice(0)), DatasetMissing, r"(?s)No frame of waymo/val has labels.*obtain"),
        (other("lidar", nothing_met), BadCloud, r"(?s)no points.*1570000000000000"),
        (lacks_a_column, UnreadableFile, r"(?s)lacks a column.*return2\.values"),
        (words_for_numbers, UnreadableFile, r"(?s)holds something else.*a list of numbers"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    spec: DatasetSpec, copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(spec, copy)


def test_the_census_names_a_split_without_labels(spec: DatasetSpec, copy: Path) -> None:
    rewritten(file(copy, "lidar_segmentation"), lambda found: found[:0])
    with pytest.raises(DatasetMissing, match=r"No frame of waymo/val has labels"):
        find_reader("waymo").census(spec, copy, "val")
    shutil.rmtree(copy / "waymo/training")
    with pytest.raises(DatasetMissing, match=r"(?s)No files of waymo/train.*training/lidar_segmentation"):
        read(spec, copy, "train")
