"""What the synthetic world writes is read by the readers of the real data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import read_meshes, read_split
from concord3d.world.build import WorldRecipe, build_dataset

CATEGORIES = {"shapenetpart": ("airplane", "chair"), "modelnet10": ("chair", "table")}


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


@pytest.mark.parametrize(
    "dataset",
    [
        "modelnet40", "modelnet10", "modelnet40_off", "scanobjectnn_obj_bg", "scanobjectnn_obj_only",
        "scanobjectnn_pb_t50_rs", "shapenetpart", "shapenet",
    ],
)  # fmt: skip
def test_every_layout_of_the_world_is_read(tmp_path: Path, catalog, dataset: str) -> None:
    spec = catalog[dataset]
    splits = {split: 4 for split in spec.splits}
    build_dataset(WorldRecipe(dataset, splits, CATEGORIES.get(dataset, ("chair", "table")), 96, 3), tmp_path)
    for split, count in splits.items():
        clouds = read_split(spec, tmp_path, split, "synthetic")
        assert len(clouds) == count and clouds.data_kind == "synthetic"
        assert clouds.points.shape[1] == (2048 if dataset == "modelnet40_off" else 96)
        names = {clouds.class_names[label] for label in clouds.labels}
        assert names <= set(CATEGORIES.get(dataset, ("chair", "table")))
        assert (clouds.part_labels is not None) == (dataset == "shapenetpart")
        assert (clouds.foreground is not None) == dataset.startswith("scanobjectnn")


def test_meshes_of_the_world_lie_on_their_clouds(tmp_path: Path, catalog) -> None:
    build_dataset(WorldRecipe("shapenet", {"train": 4}, ("chair", "table"), 256, 3), tmp_path)
    clouds = read_split(catalog["shapenet"], tmp_path, "train", "synthetic")
    meshes = list(read_meshes(catalog["shapenet"], tmp_path))
    assert tuple(mesh.name for mesh in meshes) == clouds.names
    for cloud, named in zip(clouds.points, meshes, strict=True):
        low, high = named.mesh.vertices.min(axis=0), named.mesh.vertices.max(axis=0)
        assert (cloud >= low - 1e-5).all() and (cloud <= high + 1e-5).all()
        assert np.ptp(cloud, axis=0).max() > 0.8 * (high - low).max()
        assert named.text and named.mesh.face_colors is not None
