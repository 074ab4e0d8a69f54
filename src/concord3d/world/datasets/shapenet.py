"""ShapeNet: coloured clouds beside their meshes, with captions (MM-Point spec 1.1).

Layout below a root folder: ``ShapeNet/<category>/<model>.ply`` (coloured cloud) and ``.glb`` (mesh with vertex colours,
same frame), ``captions.jsonl`` with keys category, model, name, descriptive, noisy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadMesh
from concord3d.files import canonical_json, write_text
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.world.datasets.interface import DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.glb import glb_bytes
from concord3d.world.formats.ply import colored_columns, ply_bytes
from concord3d.world.objects.generation import COMMON_CATEGORIES, generate
from concord3d.world.objects.items import ObjectItem, item_rng, spread_evenly

Caption = dict[str, str]


class ShapeNet(DatasetFamily[ObjectItem, Caption]):
    """Meshes centred in the unit sphere and the clouds sampled from them; captions are gathered in one file."""

    layouts = {"shapenet": Layout(3, ("train",), COMMON_CATEGORIES)}

    def items(self, recipe: WorldRecipe, split: str) -> list[ObjectItem]:
        return spread_evenly(recipe, self.layouts[recipe.dataset], split)

    def make(self, recipe: WorldRecipe, out: Path, item: ObjectItem) -> Caption:
        obj = generate(item.category, item.index, recipe.seed)
        mesh = obj.mesh.normalized()
        if mesh.face_colors is None:
            raise BadMesh("A world object has no colours", where=item.name)
        sample = sample_surface(mesh, recipe.num_points, item_rng(recipe, item))
        colors = mesh.face_colors[sample.face_index]
        write_shapenet_model(out, item.category, item.name, sample.points, colors, mesh)
        texts = {kind: getattr(obj.captions, kind) for kind in ("name", "descriptive", "noisy")}
        return {"category": item.category, "model": item.name, **texts}

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[Caption]) -> None:
        write_captions(out, made)


def write_shapenet_model(
    root: Path, category: str, model: str, points: NDArray[np.float32], colors: NDArray[np.uint8], mesh: Mesh
) -> None:
    """Write one model's coloured cloud and mesh below ``ShapeNet/<category>``.

    The files are not synced one by one: the caller builds the whole layout aside and renames it.

    Args:
        root: Folder that gets ``ShapeNet``.
        category: Stands in the place of the real set's synset.
        model: File stem.
        points: (P, 3) float32 in the mesh's frame.
        colors: (P, 3) uint8 RGB.
        mesh: Face colours become vertex colours; vertices are shared between faces of one colour only.
    """
    folder = root / "ShapeNet" / category
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{model}.ply").write_bytes(ply_bytes(colored_columns(points, colors)))
    (folder / f"{model}.glb").write_bytes(glb_bytes(mesh))


def write_captions(root: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write ``captions.jsonl``: one object per model with keys category, model, name, descriptive, noisy."""
    write_text(root / "captions.jsonl", "".join(canonical_json(dict(row)) + "\n" for row in rows))


FAMILY = ShapeNet()
