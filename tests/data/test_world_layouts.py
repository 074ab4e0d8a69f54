"""What the synthetic world writes is read by the readers of the real data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_meshes, read_split
from concord3d.render.shards import store_image_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import view_spec
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

CATEGORIES = {"shapenetpart": ("airplane", "chair"), "modelnet10": ("chair", "table"), "co3d": ("chair", "couch")}
SAMPLED = {"modelnet40_off": 2048, "modelnet10_off": 2048, "ensembled": 10_000, "objaverse_lvis": 10_000}


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


@pytest.mark.parametrize(
    "dataset",
    [
        "modelnet40", "modelnet40_world", "modelnet10", "modelnet40_off", "modelnet10_off", "scanobjectnn_obj_bg",
        "scanobjectnn_obj_only", "scanobjectnn_pb_t50_rs", "shapenetpart", "shapenet", "ensembled", "objaverse_lvis",
        "redwood", "co3d",
    ],
)  # fmt: skip
def test_every_layout_of_the_world_is_read(tmp_path: Path, catalog, dataset: str) -> None:
    spec = catalog[dataset]
    splits = {split: 4 for split in spec.splits}
    build_dataset(WorldRecipe(dataset, splits, CATEGORIES.get(dataset, ("chair", "table")), 96, 3), tmp_path)
    for split, count in splits.items():
        clouds = read_split(spec, tmp_path, split, "synthetic")
        assert len(clouds) == count and clouds.data_kind == "synthetic"
        assert clouds.points.shape[1] == SAMPLED.get(dataset, 96)
        names = {clouds.class_names[label].split()[-1] for label in clouds.labels if label >= 0}
        assert names <= set(CATEGORIES.get(dataset, ("chair", "table")))
        assert (clouds.part_labels is not None) == (dataset == "shapenetpart")
        reader = find_reader(spec.reader)
        assert clouds.kind == reader.kind and (not reader.has_labels or (clouds.labels >= 0).all())
        assert clouds.colors is not None or not reader.has_colors
        assert clouds.texts is not None or not reader.has_texts
        assert (clouds.foreground is not None) == dataset.startswith("scanobjectnn")


@pytest.mark.parametrize(
    ("dataset", "categories"), [("redwood", ("sofa", "chair")), ("co3d", ("vase", "couch", "cup"))]
)
def test_filmed_objects_of_the_world_come_back_upright_with_their_frames(
    tmp_path: Path, catalog, dataset: str, categories: tuple[str, ...]
) -> None:
    spec = catalog[dataset]
    build_dataset(WorldRecipe(dataset, {"train": 6, "test": 6}, categories, 300, 3), tmp_path)
    names: set[str] = set()
    for split in ("train", "test"):
        clouds = read_split(spec, tmp_path, split, "synthetic")
        assert clouds.class_names == tuple(name for name in spec.class_names if name in categories)
        for cloud, label, name in zip(clouds.points, clouds.labels, clouds.names, strict=True):
            assert name.split("/")[0] == clouds.class_names[label]
            if clouds.class_names[label] in ("sofa", "couch"):
                assert np.ptp(cloud, axis=0).argmin() == 1 or np.ptp(cloud[:, 1]) < 1.3, "a sofa is no tower"
            if clouds.class_names[label] == "chair":
                # More of a chair is seen at the height of its seat than at that of its feet.
                height = (cloud[:, 1] - cloud[:, 1].min()) / np.ptp(cloud[:, 1])
                assert (height < 0.25).mean() < (height > 0.25).mean()
        views = view_spec("frames_10", 48)
        pictures = list(find_reader(spec.reader).read_pictures(spec, tmp_path, clouds.names, views.num_views, 48))
        assert len(pictures) == 6 and {own.shape for own in pictures} == {(10, 48, 48, 3)}
        assert all(own.std(axis=0).mean() > 5 for own in pictures), "frames differ"
        index = tmp_path / f"{split}.json"
        store_image_views(pictures, views, tmp_path / "store", index)
        kept = open_view_set(index).read(np.array([5]), np.array([[9]]))
        np.testing.assert_array_equal(kept[0, 0], pictures[5][9])
        names |= set(clouds.names)
    assert len(names) == 12


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


def test_texts_and_colours_of_the_world_are_those_of_its_meshes(tmp_path: Path, catalog) -> None:
    build_dataset(WorldRecipe("shapenet", {"train": 3}, ("chair", "night_stand"), 200, 3), tmp_path)
    clouds = read_split(catalog["shapenet"], tmp_path, "train", "synthetic")
    assert clouds.texts is not None and clouds.colors is not None
    for name, texts, colors, named in zip(
        clouds.names, clouds.texts, clouds.colors, read_meshes(catalog["shapenet"], tmp_path), strict=True
    ):
        assert texts.raw == name.split("/")[0].replace("_", " ")
        assert texts.captions == (named.text,) and texts.raw in named.text
        assert len(texts.retrieved) == 1 and texts.retrieved[0] not in (texts.raw, named.text)
        assert named.mesh.face_colors is not None
        known = {tuple(color) for color in named.mesh.face_colors.tolist()}
        assert {tuple(color) for color in colors.tolist()} <= known
