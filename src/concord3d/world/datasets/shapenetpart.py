"""ShapeNetPart: objects whose points have the official part numbers (MM-Point spec 1.2).

Layout below a root folder: ``shapenet_part_seg_hdf5_data/ply_data_{train,val,test}<k>.h5`` (``data`` (n, P, 3) float32,
``label`` (n, 1) uint8, ``pid`` (n, P) uint8, 0 to 49), ``{split}_hdf5_file_list.txt``, ``all_object_categories.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadCloud, BadMesh
from concord3d.files import write_text
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.world.datasets.interface import DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.labelled_h5 import SHAPES_PER_FILE, LabelledClouds, rows_of_files, write_h5
from concord3d.world.objects.generation import WorldObject, generate
from concord3d.world.objects.items import (
    ObjectClouds,
    ObjectItem,
    item_rng,
    labelled_splits,
    spread_evenly,
    unit_sphere,
)
from concord3d.world.objects.part_taxonomy import OFFICIAL_CLASSES, WORLD_CATEGORIES, official_parts


class ShapeNetPart(DatasetFamily[ObjectItem, ObjectClouds]):
    """Clouds of zero mean in the unit sphere, without the parts that have no official number."""

    layouts = {"shapenetpart": Layout(2, ("train", "val", "test"), WORLD_CATEGORIES)}

    def items(self, recipe: WorldRecipe, split: str) -> list[ObjectItem]:
        return spread_evenly(recipe, self.layouts[recipe.dataset], split)

    def make(self, recipe: WorldRecipe, out: Path, item: ObjectItem) -> ObjectClouds:
        obj = generate(item.category, item.index, recipe.seed)
        _, numbers = official_parts(item.category, obj.part_names)
        mesh, face_numbers = _annotated(obj, numbers)
        sample = sample_surface(mesh, recipe.num_points, item_rng(recipe, item))
        return ObjectClouds(unit_sphere(sample.points)[None], face_numbers[sample.face_index][None])

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[ObjectClouds]) -> None:
        label_of = {name: official_parts(name, ())[0] for name in WORLD_CATEGORIES}
        write_shapenetpart_h5(out, labelled_splits(recipe, label_of, items, made))


def _annotated(obj: WorldObject, numbers: NDArray[np.int64]) -> tuple[Mesh, NDArray[np.int64]]:
    """Return the mesh without faces that have no official part, and the official part number of each face left."""
    if obj.mesh.face_parts is None:
        raise BadMesh("A world object has no part labels", where=obj.category)
    face_numbers = numbers[obj.mesh.face_parts]
    keep = face_numbers >= 0
    mesh = Mesh(obj.mesh.vertices, obj.mesh.faces[keep]).validated(where=f"{obj.category} {obj.index}")
    return mesh, face_numbers[keep]


def write_shapenetpart_h5(
    root: Path, splits: Mapping[str, LabelledClouds], *, shapes_per_file: int = SHAPES_PER_FILE
) -> None:
    """Write ShapeNetPart below ``shapenet_part_seg_hdf5_data``.

    Args:
        root: Folder that gets the layout.
        splits: ``train``, ``val`` and ``test``; ``point_labels`` holds official part numbers 0 to 49.
        shapes_per_file: Shapes in each file.
    """
    folder = root / "shapenet_part_seg_hdf5_data"
    for split, clouds in splits.items():
        if clouds.point_labels is None:
            raise BadCloud("Part-annotated clouds need a part number per point", where=folder)
        names = []
        for part, rows in enumerate(rows_of_files(len(clouds.points), shapes_per_file)):
            names.append(f"ply_data_{split}{part}.h5")
            write_h5(
                folder / names[-1],
                {
                    "data": clouds.points[rows].astype(np.float32),
                    "label": clouds.labels[rows, None].astype(np.uint8),
                    "pid": clouds.point_labels[rows].astype(np.uint8),
                },
            )
        write_text(folder / f"{split}_hdf5_file_list.txt", "".join(f"{name}\n" for name in names))
    listing = "".join(f"{name}\t{offset}\n" for name, offset, _ in OFFICIAL_CLASSES)
    write_text(folder / "all_object_categories.txt", listing)


FAMILY = ShapeNetPart()
