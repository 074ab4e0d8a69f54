"""S3DIS as a data set: bytes of the recipe alone, annotated files, blocks that are cut from them, and bad options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.world.made import read, tree

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import ConfigError
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.datasets.s3dis import CLASSES
from concord3d.world.formats.s3dis_rooms import RoomBlocksMade, write_blocks

OPTIONS = {"points_per_m2": 100, "block_points": 64}
RECIPE = WorldRecipe("s3dis", {"train": 10, "test": 2}, None, 1, 7, OPTIONS)
RAW, BLOCKS = "Stanford3dDataset_v1.2_Aligned_Version", "indoor3d_sem_seg_hdf5_data"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("areas")
    build_dataset(RECIPE, folder)
    return folder


def annotations(room: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.loadtxt(path, ndmin=2) for path in sorted((room / "Annotations").iterdir())}


def rooms(root: Path) -> list[Path]:
    return sorted((root / RAW).glob("Area_*/*"))


def test_bytes_depend_on_the_recipe_alone(built: Path, tmp_path: Path) -> None:
    small = replace(RECIPE, splits={"test": 2})
    build_dataset(small, tmp_path / "one")
    build_dataset(small, tmp_path / "two", workers=2)
    own, among = tree(tmp_path / "one"), tree(built)
    assert own == tree(tmp_path / "two")
    raw = [name for name in own if name.startswith(RAW)]
    assert len(raw) > 20 and all(own[name] == among[name] for name in raw)
    build_dataset(replace(small, seed=8), tmp_path / "other")
    other = tree(tmp_path / "other")
    assert all(own[name] != other.get(name) for name in raw)


def test_every_area_has_rooms_and_a_room_is_the_sum_of_its_annotations(built: Path) -> None:
    found = rooms(built)
    assert [sum(f"Area_{area}" == room.parent.name for room in found) for area in range(1, 7)] == [2] * 6
    seen = set()
    for room in found:
        objects = annotations(room)
        names = [stem.rsplit("_", 1) for stem in objects]
        assert {name for name, _ in names} <= set(CLASSES)
        for name in {name for name, _ in names}:
            numbers = sorted(int(number) for other, number in names if other == name)
            assert numbers == list(range(1, len(numbers) + 1))
        seen |= {name for name, _ in names}
        whole = np.loadtxt(room / f"{room.name}.txt")
        assert whole.shape == (sum(map(len, objects.values())), 6)
        np.testing.assert_array_equal(np.sort(whole, axis=0), np.sort(np.concatenate(list(objects.values())), axis=0))
        assert (whole[:, 3:] == np.round(whole[:, 3:])).all() and 0 <= whole[:, 3:].min() <= whole[:, 3:].max() <= 255
    assert seen == set(CLASSES)


def test_parts_lie_where_their_names_say(built: Path) -> None:
    for room in rooms(built):
        objects = annotations(room)
        floor, ceiling = objects["floor_1"][:, 2].mean(), objects["ceiling_1"][:, 2].mean()
        assert 2.3 < ceiling - floor < 3
        for name, points in objects.items():
            heights = points[:, 2] - floor
            if name.startswith("wall"):
                # One wall is flat and upright.
                flat = np.linalg.svd(points[:, :2] - points[:, :2].mean(axis=0), compute_uv=False)[1]
                assert flat / np.sqrt(len(points)) < 0.02
            if name.startswith("beam"):
                assert heights.min() > 2.1
            if name.startswith(("board", "window")):
                assert heights.min() > 0.6
            if name.startswith(("chair", "table")):
                assert heights.max() < 1.6


def test_blocks_are_cut_from_the_annotated_points(built: Path) -> None:
    """Every point of a block is one of the room's, with its colour and class."""
    spec = load_catalog(Path("datasets/datasets.yaml"))["s3dis"]
    for split, areas in (("train", {1, 2, 3, 4, 6}), ("test", {5})):
        blocks = read_split(spec, built, split, "synthetic")
        assert isinstance(blocks, RoomBlocks) and blocks.class_names == CLASSES
        assert blocks.features.shape[1:] == (64, 9) and set(blocks.areas.tolist()) == areas
        for name in sorted(set(blocks.rooms)):
            area, room = name.split("_", 2)[1:]
            objects = annotations(built / RAW / f"Area_{area}" / room)
            points = np.concatenate(list(objects.values()))
            labels = np.repeat(
                [CLASSES.index(stem.rsplit("_", 1)[0]) for stem in objects], list(map(len, objects.values()))
            )
            places = points[:, :3] - points[:, :3].min(axis=0)
            known = {
                (*np.round(1000 * place).astype(int).tolist(), *color.astype(int).tolist(), int(label))
                for place, color, label in zip(places, points[:, 3:], labels, strict=True)
            }
            of_room = np.array([one == name for one in blocks.rooms])
            features, given = blocks.features[of_room].reshape(-1, 9), blocks.labels[of_room].ravel()
            where = np.round(1000 * features[:, 6:].astype(np.float64) * places.max(axis=0)).astype(int)
            colors = np.round(features[:, 3:6] * 255).astype(int)
            told = {(*a, *b, c) for a, b, c in zip(where.tolist(), colors.tolist(), given.tolist(), strict=True)}
            assert told <= known


def test_blocks_fill_files_in_order(tmp_path: Path) -> None:
    made = [
        RoomBlocksMade(f"Area_{area}_hall_1", np.full((2, 4, 9), area, np.float32), np.full((2, 4), area))
        for area in (1, 2)
    ]
    write_blocks(tmp_path, made, blocks_per_file=3)
    folder = tmp_path / BLOCKS
    assert (folder / "all_files.txt").read_text().split() == [f"{BLOCKS}/ply_data_all_{i}.h5" for i in (0, 1)]
    assert (folder / "room_filelist.txt").read_text().split() == ["Area_1_hall_1"] * 2 + ["Area_2_hall_1"] * 2
    labels = [read(folder / f"ply_data_all_{i}.h5")["label"] for i in (0, 1)]
    assert [len(one) for one in labels] == [3, 1] and labels[0].dtype == np.uint8
    assert np.concatenate(labels)[:, 0].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("option", "value"),
    [("points_per_m2", 3), ("stride", 2), ("block_points", 4), ("block_points", 64.5), ("stride", True)],
)
def test_impossible_options_are_named(tmp_path: Path, option: str, value: float) -> None:
    with pytest.raises(ConfigError, match="Impossible option of rooms") as caught:
        build_dataset(replace(RECIPE, options={**OPTIONS, option: value}), tmp_path)
    assert f"options.{option}" in str(caught.value)
