"""ModelNet40 and ModelNet10 as clouds and as meshes (MM-Point spec 1.2, Cross-MoST spec 1.1).

Layouts below a root folder:

* Clouds: ``modelnet40_ply_hdf5_2048/ply_data_{train,test}<k>.h5`` (``data`` (n, P, 3) float32, ``label`` (n, 1) uint8,
  ``name`` (n,) bytes), ``{train,test}_files.txt``, ``shape_names.txt``; ModelNet10 likewise with
  ``modelnet10_hdf5_2048/{train,test}<k>.h5``.
* Clouds that stand beside the real ones at a scale: ``modelnet40_world_hdf5``, as the first.
* Meshes: ``ModelNet40/<class>/{train,test}/<name>.off``, z up as the real ones; those of ModelNet10 in ``ModelNet10``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from concord3d.files import write_text
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.world.datasets.interface import DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.labelled_h5 import SHAPES_PER_FILE, LabelledClouds, rows_of_files, write_h5
from concord3d.world.objects.generation import generate
from concord3d.world.objects.items import (
    ObjectClouds,
    ObjectItem,
    item_rng,
    labelled_splits,
    spread_evenly,
    unit_sphere,
)

MODELNET10_CLASSES = (
    "bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table", "toilet",
)  # fmt: skip
MODELNET40_CLASSES = (
    "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone", "cup", "curtain",
    "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard", "lamp", "laptop", "mantel", "monitor",
    "night_stand", "person", "piano", "plant", "radio", "range_hood", "sink", "sofa", "stairs", "stool", "table",
    "tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox",
)  # fmt: skip

_FOLDERS = {"modelnet40": "modelnet40_ply_hdf5_2048", "modelnet40_world": "modelnet40_world_hdf5"}
_MESH_FOLDERS = {"modelnet40_off": "ModelNet40", "modelnet10_off": "ModelNet10"}


class ModelNet(DatasetFamily[ObjectItem, ObjectClouds | None]):
    """Clouds of zero mean in the unit sphere, or the meshes themselves, of which nothing is kept in memory."""

    layouts = {
        "modelnet40": Layout(0, ("train", "test"), MODELNET40_CLASSES),
        "modelnet40_world": Layout(0, ("train", "test"), MODELNET40_CLASSES),
        "modelnet10": Layout(0, ("train", "test"), MODELNET10_CLASSES),
        "modelnet40_off": Layout(0, ("train", "test"), MODELNET40_CLASSES),
        "modelnet10_off": Layout(0, ("train", "test"), MODELNET10_CLASSES),
    }

    def items(self, recipe: WorldRecipe, split: str) -> list[ObjectItem]:
        return spread_evenly(recipe, self.layouts[recipe.dataset], split)

    def make(self, recipe: WorldRecipe, out: Path, item: ObjectItem) -> ObjectClouds | None:
        mesh = generate(item.category, item.index, recipe.seed).mesh
        if recipe.dataset in _MESH_FOLDERS:
            write_modelnet_off(out / _MESH_FOLDERS[recipe.dataset], item.category, item.split, item.name, mesh)
            return None
        sample = sample_surface(mesh, recipe.num_points, item_rng(recipe, item))
        return ObjectClouds(unit_sphere(sample.points)[None])

    def write(
        self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[ObjectClouds | None]
    ) -> None:
        if recipe.dataset in _MESH_FOLDERS:
            return
        categories = self.layouts[recipe.dataset].categories
        label_of = {name: number for number, name in enumerate(categories)}
        splits = labelled_splits(recipe, label_of, items, [clouds for clouds in made if clouds is not None])
        if recipe.dataset == "modelnet10":
            write_modelnet10_h5(out, splits, categories)
        else:
            write_modelnet_h5(out, splits, categories, folder=_FOLDERS[recipe.dataset])


def write_modelnet_h5(
    root: Path,
    splits: Mapping[str, LabelledClouds],
    class_names: Sequence[str],
    *,
    shapes_per_file: int = SHAPES_PER_FILE,
    folder: str = _FOLDERS["modelnet40"],
) -> None:
    """Write ModelNet40 in the layout of the official HDF5 release.

    Args:
        root: Folder that gets ``folder``.
        splits: ``train`` and ``test``.
        class_names: In label order.
        shapes_per_file: Shapes in each file.
        folder: Name of the layout's folder.
    """
    _write_modelnet(root / folder, "ply_data_", splits, class_names, shapes_per_file)


def write_modelnet10_h5(
    root: Path,
    splits: Mapping[str, LabelledClouds],
    class_names: Sequence[str],
    *,
    shapes_per_file: int = SHAPES_PER_FILE,
) -> None:
    """Write ModelNet10 as ``modelnet10_hdf5_2048/{train,test}<k>.h5``; arguments as :func:`write_modelnet_h5`."""
    _write_modelnet(root / "modelnet10_hdf5_2048", "", splits, class_names, shapes_per_file)


def _write_modelnet(
    folder: Path,
    prefix: str,
    splits: Mapping[str, LabelledClouds],
    class_names: Sequence[str],
    shapes_per_file: int,
) -> None:
    for split, clouds in splits.items():
        names = []
        for part, rows in enumerate(rows_of_files(len(clouds.points), shapes_per_file)):
            names.append(f"{prefix}{split}{part}.h5")
            identifiers = np.array([name.encode() for name in clouds.names[rows]], dtype=np.bytes_)
            write_h5(
                folder / names[-1],
                {
                    "data": clouds.points[rows].astype(np.float32),
                    "label": clouds.labels[rows, None].astype(np.uint8),
                    "name": identifiers,
                },
            )
        write_text(folder / f"{split}_files.txt", "".join(f"data/{folder.name}/{name}\n" for name in names))
    write_text(folder / "shape_names.txt", "".join(f"{name}\n" for name in class_names))


def write_modelnet_off(root: Path, category: str, split: str, name: str, mesh: Mesh) -> None:
    """Write one mesh as ``<category>/<split>/<name>.off``; not synced, for the caller renames the whole.

    Args:
        root: Folder of the classes, such as ``ModelNet40``.
        category: Class.
        split: ``train`` or ``test``.
        name: File stem.
        mesh: The mesh, y up; the file is z up, as the real ones are.
    """
    rows = [f"OFF\n{len(mesh.vertices)} {len(mesh.faces)} 0\n"]
    rows += [f"{x:.6g} {-z:.6g} {y:.6g}\n" for x, y, z in mesh.vertices.tolist()]
    rows += [f"3 {a} {b} {c}\n" for a, b, c in mesh.faces.tolist()]
    folder = root / category / split
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.off").write_text("".join(rows), encoding="utf-8")


FAMILY = ModelNet()
