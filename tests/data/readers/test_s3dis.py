"""Annotated rooms of S3DIS: the world's give its prepared blocks again, and defects of the release are counted."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, FileSpec, Release, load_catalog
from concord3d.data.download import FetchSettings
from concord3d.data.formats.clouds import rng_of
from concord3d.data.formats.findings import Findings
from concord3d.data.formats.s3dis_annotations import annotated_rooms, read_room
from concord3d.data.layout import split_files
from concord3d.data.reading import read_split, recognise
from concord3d.data.status import dataset_status
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.data.verify import obtain
from concord3d.errors import BadCloud, ConcordError, ConfigError, DatasetCorrupt, UnreadableFile, WrongRelease
from concord3d.geometry import room_blocks
from concord3d.world.build import build_dataset
from concord3d.world.datasets import s3dis as world
from concord3d.world.datasets.interface import WorldRecipe

RAW, BLOCKS = "Stanford3dDataset_v1.2_Aligned_Version", "indoor3d_sem_seg_hdf5_data"
ARCHIVE = f"{RAW}.zip"
OFFLINE = FetchSettings(retries=0, timeout_s=1.0)
SPLITS = ("train", "test")


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["s3dis"]


def build(folder: Path, block_points: int) -> Path:
    options = {"points_per_m2": 100, "block_points": block_points}
    build_dataset(WorldRecipe("s3dis", {"train": 5, "test": 1}, None, 1, 7, options), folder)
    return folder


def released_alone(built: Path, folder: Path) -> Path:
    shutil.copytree(built / RAW, folder / RAW)
    return folder


def read(spec: DatasetSpec, root: Path, split: str, num_points: int | None = None) -> RoomBlocks:
    blocks = read_split(spec, root, split, "synthetic", num_points)
    assert isinstance(blocks, RoomBlocks)
    return blocks


def by_room(blocks: RoomBlocks) -> Iterator[tuple[str, RoomBlocks]]:
    for room in sorted(set(blocks.rooms)):
        yield room, blocks.subset(np.flatnonzero([one == room for one in blocks.rooms]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("world"), 1024)


@pytest.fixture(scope="module")
def released(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released_alone(built, tmp_path_factory.mktemp("released"))


def test_blocks_of_annotated_rooms_are_the_prepared_ones_but_for_the_draw(
    built: Path, released: Path, spec: DatasetSpec
) -> None:
    """Grid, order, places, colours and classes agree; which points fill up a block is another draw."""
    prefix = differing = 0
    for split in SPLITS:
        prepared, own = read(spec, built, split), read(spec, released, split, 1024)
        assert own.class_names == prepared.class_names and own.features.dtype == prepared.features.dtype
        assert sorted(own.rooms) == sorted(prepared.rooms)
        for (room, given), (_, made) in zip(by_room(prepared), by_room(own), strict=True):
            assert (made.areas == given.areas).all(), room
            for block in range(len(given)):
                rows = [np.column_stack([one.features[block], one.labels[block]]) for one in (given, made)]
                distinct = len(np.unique(rows[0], axis=0))
                # Each point is taken once before any is taken twice, in the order of the files.
                whole = 1024 // distinct * distinct if distinct < 1024 else 0
                if whole:
                    np.testing.assert_array_equal(rows[0][:whole], rows[1][:whole])
                    assert {row.tobytes() for row in rows[1][whole:]} <= {row.tobytes() for row in rows[0][:whole]}
                prefix += whole
                differing += int((rows[0][whole:] != rows[1][whole:]).any())
    assert prefix > 10_000 and differing > 5


def test_with_one_source_of_randomness_they_are_equal_bit_for_bit(
    tmp_path: Path, spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 points a block, fewer than there are: all of a block depends on the draw."""
    made: list[room_blocks.CutRoom] = []

    def cut(points: np.ndarray, colors: np.ndarray, labels: np.ndarray, count: int, _: Any, stride: float) -> Any:
        made.append(room_blocks.cut_room(points, colors, labels, count, rng_of(names[len(made)]), stride=stride))
        return made[-1]

    recipe = WorldRecipe("s3dis", {"train": 5, "test": 1}, None, 1, 7, {"points_per_m2": 100, "block_points": 64})
    names = [f"Area_{item.area}_{item.name}" for split in SPLITS for item in world.FAMILY.items(recipe, split)]
    monkeypatch.setattr(world, "cut_room", cut)
    build_dataset(recipe, tmp_path / "world")
    alone = released_alone(tmp_path / "world", tmp_path / "alone")
    compared = 0
    for split in SPLITS:
        for (room, one), (_, two) in zip(
            by_room(read(spec, tmp_path / "world", split)), by_room(read(spec, alone, split, 64)), strict=True
        ):
            assert one.features.tobytes() == two.features.tobytes(), room
            assert one.labels.tobytes() == two.labels.tobytes(), room
            compared += len(one)
    assert compared == sum(len(cut.features) for cut in made) > 50


def test_the_same_files_give_the_same_blocks_and_points_are_as_many_as_asked(released: Path, spec: DatasetSpec) -> None:
    first, again = (read(spec, released, "test") for _ in range(2))
    assert first.features.shape[1:] == (4096, 9) and first.features.tobytes() == again.features.tobytes()
    assert first.names[:2] == (f"{first.rooms[0]}/00000", f"{first.rooms[0]}/00001")
    assert read(spec, released, "test", 32).features.shape[1:] == (32, 9)
    assert first.findings == ()
    closer = spec.model_copy(update={"block_stride": 0.5})
    assert len(read(closer, released, "test", 32)) > 2.5 * len(first)
    with pytest.raises(ConfigError, match="block_stride"):
        read(spec.model_copy(update={"block_stride": None}), released, "test", 32)


def test_prepared_blocks_are_read_where_both_are_there(built: Path, spec: DatasetSpec) -> None:
    assert read(spec, built, "test").features.shape[1] == 1024
    with pytest.raises(ConfigError, match="keep all their points"):
        read(spec, built, "test", 64)


# ---- defects of the release


ROWS = "".join(f"{x:.3f} {y:.3f} {0.5 + x:.3f} 10 20 30\n" for x in np.arange(0, 1, 0.1) for y in np.arange(0, 1, 0.05))


def room(root: Path, area: int, name: str, **annotations: str) -> Path:
    folder = root / RAW / f"Area_{area}" / name
    (folder / "Annotations").mkdir(parents=True)
    for stem, text in annotations.items():
        (folder / "Annotations" / f"{stem}.txt").write_bytes(text.encode("latin-1"))
    (folder / f"{name}.txt").write_text("".join(annotations.values()))
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two rooms, of the splits train and test."""
    room(tmp_path, 1, "office_1", wall_1=ROWS)
    room(tmp_path, 5, "hallway_6", ceiling_1=ROWS, floor_1=ROWS)
    return tmp_path


def annotation(root: Path, stem: str) -> Path:
    return root / RAW / "Area_5/hallway_6/Annotations" / f"{stem}.txt"


def test_a_byte_in_place_of_a_space_is_read_as_one(
    small: Path, spec: DatasetSpec, caplog: pytest.LogCaptureFixture
) -> None:
    """Line 180389 of Area_5/hallway_6/Annotations/ceiling_1.txt: ``22.350 6.692 3.048 185<byte>187 182``."""
    whole = read(spec, small, "test", 400)
    text = annotation(small, "ceiling_1").read_text()
    for byte in ("\x10", "\x00", "\xa0"):
        annotation(small, "ceiling_1").write_bytes(text.replace("10 20", f"10{byte}20", 1).encode("latin-1"))
        with caplog.at_level(logging.WARNING):
            mended = read(spec, small, "test", 400)
        np.testing.assert_array_equal(mended.features, whole.features)
        assert len(mended.findings) == 1 and mended.findings[0] in caplog.text
        assert mended.findings[0].startswith("1 rows with a byte in place of a space")
        assert "Area_5/hallway_6/Annotations/ceiling_1.txt line 1 " in mended.findings[0]
    annotation(small, "ceiling_1").write_bytes(text.replace("10 20", "10\u00a020", 1).encode("utf-8"))
    np.testing.assert_array_equal(read(spec, small, "test", 400).features, whole.features)
    annotation(small, "ceiling_1").write_text(text, encoding="utf-8-sig")
    assert read(spec, small, "test", 400).findings == ()


def test_a_row_with_a_byte_inside_a_number_is_left_out(small: Path, spec: DatasetSpec) -> None:
    """As ``19.302 -9.1<byte>0 1.785 146 137 106``: the digit is lost."""
    path = annotation(small, "ceiling_1")
    path.write_text(path.read_text().replace("0.000 0.050 0.500", "0.000 0.0\x160 0.500"))
    blocks = read(spec, small, "test", 399)
    [finding] = blocks.findings
    assert "line 2 " in finding and "left out" in finding
    # 200 points of the ceiling and 200 of the floor, less one.
    assert (blocks.labels == 0).sum() == 199 and (blocks.labels == 1).sum() == 200


def test_a_row_with_several_such_bytes_is_damage(small: Path, spec: DatasetSpec) -> None:
    path = annotation(small, "floor_1")
    path.write_text(path.read_text().replace("0.000 0.050 0.500 10", "0.000\x000.0\x000\x000.500 10"))
    with pytest.raises(UnreadableFile, match=r"floor_1\.txt: line 2(?s:.*)3 bytes that no number has"):
        read(spec, small, "test", 64)


def test_an_unknown_class_is_clutter_and_names_are_counted(small: Path, spec: DatasetSpec) -> None:
    folder = annotation(small, "x").parent
    annotation(small, "stairs_1").write_text(ROWS)
    annotation(small, "floor_1 (1)").write_text(ROWS)
    annotation(small, "wall_3 (1)").write_text(ROWS)
    for name in (".DS_Store", "Icon\r", "._floor_1.txt", "Thumbs.db"):
        (folder / name).write_bytes(b"\x00\x01")
    (folder / "notes.md").write_text("notes")
    folder.parent.joinpath("hallway_6.txt").rename(folder.parent / "hall_way_6.txt")
    (folder.parent / ".DS_Store").write_bytes(b"\x00")
    (folder.parent.parent / "Area_5_alignmentAngle.txt").write_text("## angles\n")
    blocks = read(spec, small, "test", 800)
    # A copy without its original is an annotation.
    assert np.bincount(blocks.labels.ravel(), minlength=13)[[0, 1, 2, 12]].tolist() == [200, 200, 200, 200]
    said = "\n".join(blocks.findings)
    assert "1 annotations of a class that the catalogue does not name" in said and "stairs_1.txt" in said
    assert "1 copies of annotations" in said and "floor_1 (1).txt" in said
    assert "5 files that a system left" in said and "Icon" in said
    assert "1 files beside the annotations that are none" in said and "notes.md" in said
    assert "Area_5/hallway_6/hall_way_6.txt" in said and len(blocks.findings) == 5
    assert read(spec, small, "train", 800).findings == (), "another split's rooms are not its own"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", UnreadableFile, "empty"),
        (" \n\n", UnreadableFile, "empty"),
        ("1 2 3 4 5\n", UnreadableFile, "5 columns"),
        ("1 2 3 4 5 6 7\n", UnreadableFile, "7 columns"),
        (f"{ROWS}0.1 0.2", UnreadableFile, "columns changed from 6 to 2"),
        ("1 2 3 4 5 six\n", UnreadableFile, "six"),
        ("1 2 nan 4 5 6\n", BadCloud, "row 1 "),
        (f"{ROWS}1 2 inf 4 5 6\n", BadCloud, "row 201 "),
        ("1 2 3 4 5 256\n", UnreadableFile, "0 to 255"),
        ("1 2 3 4 -1 6\n", UnreadableFile, "0 to 255"),
        ("1 2 3 4 0.5 6\n", UnreadableFile, "0 to 255"),
        ("1 2 3 4 nan 6\n", UnreadableFile, "0 to 255"),
        ("# x y z r g b\n1 2 3 4 5 6\n", UnreadableFile, "Cannot read an annotation"),
    ],
)
def test_what_is_no_annotation_is_named(
    small: Path, spec: DatasetSpec, text: str, error: type[ConcordError], message: str
) -> None:
    annotation(small, "floor_1").write_text(text)
    with pytest.raises(error, match=message) as caught:
        read(spec, small, "test", 64)
    assert "floor_1.txt" in str(caught.value)


def test_rooms_without_annotations_and_areas_without_rooms_are_named(small: Path, spec: DatasetSpec) -> None:
    (small / RAW / "Area_5/.Trash").mkdir()
    assert len(read(spec, small, "test", 64)) == 1
    (small / RAW / "Area_5/office_2/Annotations").mkdir(parents=True)
    for act in (lambda: read(spec, small, "test", 64), lambda: recognise(spec, small)):
        with pytest.raises(DatasetCorrupt, match=r"no annotations(?s:.*)office_2"):
            act()
    shutil.rmtree(small / RAW / "Area_5")
    with pytest.raises(BadCloud, match="No room of the wanted areas"):
        read(spec, small, "test", 64)
    (small / RAW / "Area_1").rename(small / RAW / "Area_1a")
    with pytest.raises(UnreadableFile, match="Area_1a"):
        read(spec, small, "train", 64)


def test_a_flat_room_is_named(small: Path, spec: DatasetSpec) -> None:
    room(small, 5, "storage_1", floor_1="1 2 3 0 0 0\n1.5 2.5 3 0 0 0\n")
    with pytest.raises(BadCloud, match=r"lie in a plane(?s:.*)storage_1"):
        read(spec, small, "test", 64)


def test_a_room_without_a_full_block_is_counted(small: Path, spec: DatasetSpec) -> None:
    room(small, 5, "storage_1", floor_1="".join(ROWS.splitlines(keepends=True)[:40]))
    blocks = read(spec, small, "test", 64)
    assert set(blocks.rooms) == {"Area_5_hallway_6"}
    assert any("Area_5_storage_1" in finding and "100 points" in finding for finding in blocks.findings)


def test_points_lie_by_class_and_in_a_class_in_natural_order(tmp_path: Path, spec: DatasetSpec) -> None:
    texts = {
        name: f"{x} {x} {x} 0 0 0\n" for x, name in enumerate(("wall_10", "wall_2", "table_1", "ceiling_1", "foo_1"))
    }
    room(tmp_path, 5, "office_1", **texts)
    rooms = annotated_rooms(split_files(spec, tmp_path, "test"))
    read_one = read_room(rooms[0], spec.class_names, Findings())
    assert read_one.points[:, 0].tolist() == [3, 1, 0, 2, 4] and read_one.labels.tolist() == [0, 2, 2, 7, 12]


# ---- obtaining


@pytest.fixture
def tiny(spec: DatasetSpec) -> DatasetSpec:
    """S3DIS as the catalogue has it, but of one room in each split and with no address."""
    prepared, annotated = spec.releases
    rooms = annotated.model_copy(update={"counts": {"train": 1, "test": 1}})
    files = [FileSpec(path="blocks.zip", archive="zip"), next(file for file in spec.files if file.alone)]
    return spec.model_copy(update={"releases": [prepared, rooms], "files": files})


def packed(root: Path, folder: Path, *extra: str) -> Path:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / ARCHIVE, "w") as store:
        for path in sorted((root / RAW).rglob("*.txt")):
            store.write(path, path.relative_to(root))
        for name in extra:
            store.writestr(f"{RAW}/{name}", "picture")
    return folder


@pytest.mark.parametrize("place", ["unpacked", "archive", "mirror", "unpacked_mirror"])
def test_a_user_with_the_release_alone_needs_nothing_else(
    small: Path, tmp_path: Path, tiny: DatasetSpec, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = annotation(small, "ceiling_1")
    path.write_text(path.read_text().replace("10 20", "10\x1020", 1))
    annotation(small, "stairs_1").write_text(ROWS)
    root, mirrors = tmp_path / "raw", []
    if place == "unpacked":
        shutil.copytree(small / RAW, root / RAW)
    elif place == "archive":
        packed(small, root / "archives", "Area_5/hallway_6/Annotations/Icon\r")
    else:
        mirrors = [str(packed(small, tmp_path / "mirror") if place == "mirror" else small)]
        [row] = dataset_status({"s3dis": tiny}, tmp_path / "none", mirrors)
        assert row.state == "missing" and "on the mirror" in row.detail
    with caplog.at_level(logging.WARNING):
        assert obtain(tiny, root, mirrors, settings=OFFLINE).name == "annotated rooms"
    manifest = json.loads((root / "manifest.json").read_text())
    assert manifest["release"] == "annotated rooms" and len(manifest["defects"]) == 2
    for word in ("ceiling_1.txt line 1 ", "stairs_1.txt"):
        assert word in "".join(manifest["defects"]) and word in caplog.text
    blocks = read_split(tiny, root, "test", "real", 64)
    assert (
        isinstance(blocks, RoomBlocks)
        and blocks.features.shape == (1, 64, 9)
        and blocks.findings == tuple(manifest["defects"])
    )


def test_the_release_is_complete_or_refused(small: Path, tiny: DatasetSpec) -> None:
    assert recognise(tiny, small).name == "annotated rooms"
    room(small, 1, "office_2", wall_1=ROWS)
    with pytest.raises(WrongRelease, match=r"train 2(?s:.*)text"):
        read_split(tiny, small, "train", "real")
    with pytest.raises(WrongRelease):
        recognise(tiny, small)


def test_the_catalogue_counts_the_rooms_of_the_specification(spec: DatasetSpec) -> None:
    rooms = (44, 40, 23, 49, 68, 48)
    counts = spec.releases[1].counts
    for split in SPLITS:
        areas = spec.splits[split].areas
        assert areas is not None and counts[split] == sum(rooms[area - 1] for area in areas)
    assert isinstance(spec.releases[1], Release) and spec.releases[1].dtype == "text"
