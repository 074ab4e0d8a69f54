"""ShapeNet-55 in ULIP's layout, and what may be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.readers.filmed import write_cloud

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split, recognise
from concord3d.errors import BadCloud, DatasetMissing, UnreadableFile, WrongRelease

LISTS = {"train": ["03001627-b2", "02691156-a1", "03001627-b10"], "test": ["02691156-a2"]}


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["shapenet55"]


def write_shapenet55(root: Path, num_points: int = 8192) -> Path:
    folder = root / "shapenet-55"
    for number, shape in enumerate(shape for shapes in LISTS.values() for shape in shapes):
        write_cloud(folder / "shapenet_pc" / f"{shape}.npy", num_points, number)
        (folder / "rendered_images" / shape).mkdir(parents=True)
        for view in range(30):
            stem = folder / "rendered_images" / shape / f"{shape}_r_{12 * view:03d}"
            Image.fromarray(np.full((8, 8, 3), view + 1, np.uint8)).save(f"{stem}.png")
            Image.fromarray(np.full((8, 8), (view + 101) * 257, np.uint16)).save(f"{stem}_depth0001.png")
    for split, shapes in LISTS.items():
        (folder / f"{split}.txt").write_text("".join(f"{shape}.npy\n" for shape in shapes))
    synsets = {"03001627": "chair", "02691156": "airplane, aeroplane,plane", "99999999": "chair,other"}
    rows = [{"synsetId": synset, "name": name, "children": []} for synset, name in synsets.items()]
    (folder / "taxonomy.json").write_text(json.dumps(rows))
    return folder


def test_clouds_texts_and_classes(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_shapenet55(tmp_path)
    train, test = (read_split(spec, tmp_path, split, "real") for split in ("train", "test"))
    assert train.class_names == test.class_names == ("airplane", "chair")
    assert train.names == ("02691156-a1", "03001627-b2", "03001627-b10") and train.labels.tolist() == [0, 1, 1]
    assert [texts.all for texts in train.texts] == [("airplane",), ("chair",), ("chair",)]
    assert test.names == ("02691156-a2",) and test.labels.tolist() == [0]
    for cloud, name in zip(train.points, train.names, strict=True):
        np.testing.assert_array_equal(cloud, np.load(folder / "shapenet_pc" / f"{name}.npy"))
    few = read_split(spec, tmp_path, "train", "real", 64).points
    assert few.shape == (3, 64, 3)
    assert {tuple(point) for point in few[0].tolist()} <= {tuple(point) for point in train.points[0].tolist()}
    assert recognise(spec, tmp_path).name == "ulip"


def test_colour_comes_first_and_depth_second(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_shapenet55(tmp_path)
    reader = find_reader(spec.reader)
    [views] = reader.read_pictures(spec, tmp_path, ["03001627-b10"], 60, 16)
    assert views.shape == (60, 16, 16, 3)
    assert views.mean(axis=(1, 2, 3)).tolist() == [*range(1, 31), *range(101, 131)]
    shape = folder / "rendered_images" / "03001627-b10"
    (shape / "03001627-b10_r_348_depth0001.png").rename(shape / "03001627-b2_r_348_depth0001.png")
    with pytest.raises(DatasetMissing, match=r"absent: 03001627-b10_r_348_depth0001\.png"):
        list(reader.read_pictures(spec, tmp_path, ["03001627-b10"], 60, 16))
    with pytest.raises(DatasetMissing, match="60 files, of which 30 are asked"):
        list(reader.read_pictures(spec, tmp_path, ["03001627-b2"], 30, 16))


def test_lists_are_needed_and_name_what_is_there(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_shapenet55(tmp_path)
    (folder / "shapenet_pc" / "02691156-a2.npy").unlink()
    with pytest.raises(DatasetMissing, match=r"test\.txt(.|\n)*found: 02691156-a2\.npy"):
        read_split(spec, tmp_path, "train", "real")
    (folder / "train.txt").unlink()
    with pytest.raises(DatasetMissing, match=r"absent: train\.txt"):
        read_split(spec, tmp_path, "train", "real")
    with pytest.raises(DatasetMissing, match="No shapes of shapenet55"):
        recognise(spec, tmp_path / "elsewhere")


def test_clouds_that_do_not_fit_are_named(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_shapenet55(tmp_path)
    write_cloud(folder / "shapenet_pc" / "03001627-b2.npy", 8191)
    with pytest.raises(BadCloud, match=r"03001627-b2\.npy(.|\n)*found: 8191"):
        read_split(spec, tmp_path, "train", "real")
    with pytest.raises(WrongRelease, match="4096 points"):
        read_split(spec, write_shapenet55(tmp_path / "other", 4096).parent, "train", "real")


def test_a_taxonomy_that_does_not_fit_is_named(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_shapenet55(tmp_path)
    path = folder / "taxonomy.json"
    rows = json.loads(path.read_text())
    for content, kind, message in (
        (rows[:1], UnreadableFile, "02691156"),
        ([{"synsetId": "03001627"}], UnreadableFile, "'name'"),
        ({"a": 1}, UnreadableFile, "taxonomy"),
        ([rows[0], {**rows[1], "name": "chair, seat"}], WrongRelease, "same first name"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(kind, match=message):
            read_split(spec, tmp_path, "train", "real")
