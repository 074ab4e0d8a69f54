"""The readers on real files of the development data mirror."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.mesh_files import read_mesh
from concord3d.data.readers.mesh_text import read_index, rows_of_split
from concord3d.data.reading import read_meshes, read_split, recognise
from concord3d.errors import WrongRelease


@pytest.fixture(scope="module")
def modelnet40(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["modelnet40"]


@pytest.mark.slow
def test_the_complete_modelnet40_is_read(mirror: Path, modelnet40: DatasetSpec) -> None:
    train, test = (read_split(modelnet40, mirror, split, "real") for split in ("train", "test"))
    assert train.points.shape == (9843, 1024, 3) and test.points.shape == (2468, 1024, 3)
    assert train.class_names == modelnet40.class_names and len(set(train.labels)) == len(set(test.labels)) == 40
    # Test shapes per class of the official split: a hundred, fewer in the small classes.
    per_class = dict(zip(test.class_names, np.bincount(test.labels).tolist(), strict=True))
    assert (
        per_class["airplane"] == per_class["chair"] == 100
        and per_class["bowl"] == 20
        and per_class["night_stand"] == 86
    )
    assert not set(train.names) & set(test.names)
    radius = np.linalg.norm(test.points, axis=2).max(axis=1)
    assert radius.max() <= 1.001 and radius.min() > 0.9


def test_the_mirror_is_the_reencoded_release(mirror: Path, modelnet40: DatasetSpec) -> None:
    assert recognise(modelnet40, mirror).name == "reencoded_1024"
    official_only = modelnet40.model_copy(update={"releases": modelnet40.releases[:1]})
    with pytest.raises(WrongRelease, match="train 9843, test 2468; 1024 points; float16"):
        recognise(official_only, mirror)


def test_real_coloured_meshes_are_read(mirror: Path) -> None:
    folder = mirror / "named_meshes"
    rows = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    colored = 0
    for row in rows[::120]:
        mesh = read_mesh(folder / row["file"])
        assert len(mesh.faces) == row["num_faces"], row["uid"]
        colored += mesh.face_colors is not None and len(np.unique(mesh.face_colors, axis=0)) > 1
    assert colored >= 6


@pytest.fixture(scope="module")
def named_meshes(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["named_meshes"]


def test_a_fifth_of_the_real_names_is_held_out(mirror: Path, named_meshes: DatasetSpec) -> None:
    assert recognise(named_meshes, mirror).name == "quaternius_1228"
    folder = mirror / "named_meshes"
    rows = read_index(named_meshes, folder)
    train, test = (rows_of_split(named_meshes, folder, rows, split) for split in ("train", "test"))
    names = [{row.name for row in part} for part in (train, test)]
    assert not names[0] & names[1] and len(names[0] | names[1]) == 737
    assert 0.18 < len(names[1]) / 737 < 0.22 and {row.uid for row in train} | {row.uid for row in test} == {
        row.uid for row in rows
    }


@pytest.mark.slow
def test_real_meshes_with_names_become_coloured_clouds(mirror: Path, named_meshes: DatasetSpec) -> None:
    clouds = read_split(named_meshes, mirror, "test", "real", num_points=2000)
    assert clouds.points.shape == (len(clouds), 2000, 3) and (clouds.labels == -1).all() and clouds.texts is not None
    assert all(texts.raw and not texts.captions for texts in clouds.texts)
    assert clouds.colors is not None
    distinct = [len(np.unique(colors, axis=0)) for colors in clouds.colors]
    assert np.mean([count > 1 for count in distinct]) > 0.7
    np.testing.assert_allclose(np.linalg.norm(clouds.points, axis=2).max(axis=1), 1, atol=1e-4)
    meshes = read_meshes(named_meshes, mirror, "test")
    for name, points, texts in list(zip(clouds.names, clouds.points, clouds.texts, strict=True))[:5]:
        mesh = next(meshes)
        assert (mesh.name, mesh.text) == (name, texts.raw)
        size, drawn = (np.ptp(array, axis=0) for array in (mesh.mesh.vertices, points))
        np.testing.assert_allclose(drawn / drawn.max(), size / size.max(), atol=0.1)
