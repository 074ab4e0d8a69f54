"""Meshes with texts: a mixed set to learn from, and a long tail of classes to be tested on (MM-Mixing spec 1.1).

Layout below a root folder: ``<data set>/glb/<uid>.glb``, ``<data set>/index.jsonl`` with keys uid, file, name and,
where known, captions, retrieved, category, source, split, and ``<data set>/class_names.txt``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from concord3d.files import canonical_json, write_text
from concord3d.geometry.mesh import Mesh
from concord3d.world.datasets.interface import DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.glb import glb_bytes
from concord3d.world.objects.generation import COMMON_CATEGORIES
from concord3d.world.objects.items import ObjectItem, chosen_categories, first_index, item_rng, spread_evenly
from concord3d.world.objects.text_sets import Row, ensembled_shape, long_tail, long_tail_shape


class MeshesWithTexts(DatasetFamily[ObjectItem, Row]):
    """``ensembled`` stands for OpenShape's sources, ``objaverse_lvis`` for the long tail of Objaverse-LVIS."""

    layouts = {
        "ensembled": Layout(4, ("train", "test"), COMMON_CATEGORIES),
        "objaverse_lvis": Layout(5, ("test",), COMMON_CATEGORIES),
    }

    def items(self, recipe: WorldRecipe, split: str) -> list[ObjectItem]:
        layout = self.layouts[recipe.dataset]
        if recipe.dataset == "objaverse_lvis":
            return _long_tail_items(recipe, layout, split)
        return spread_evenly(recipe, layout, split)

    def make(self, recipe: WorldRecipe, out: Path, item: ObjectItem) -> Row:
        rng = item_rng(recipe, item)
        if item.paint is None:
            obj, row = ensembled_shape(item.category, item.index, recipe.seed, rng)
        else:
            obj, row = long_tail_shape(item.category, item.paint, item.index, recipe.seed, rng)
        file = write_text_mesh(out / recipe.dataset, item.name, obj.mesh.normalized())
        return {"uid": item.name, "file": file, "split": item.split, **row}

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[Row]) -> None:
        order = np.random.default_rng([recipe.seed, 2]).permutation(len(made))
        class_names = sorted({str(row["category"]) for row in made})
        write_text_index(out / recipe.dataset, [made[i] for i in order], class_names)


def _long_tail_items(recipe: WorldRecipe, layout: Layout, split: str) -> list[ObjectItem]:
    """Shapes of colour and category by Zipf's law; those of one category are numbered through."""
    categories = chosen_categories(recipe, layout)
    taken = dict.fromkeys(categories, first_index(layout, split))
    items = []
    for entry in long_tail(categories, recipe.splits[split], recipe.seed):
        numbers = range(taken[entry.category], taken[entry.category] + entry.count)
        items += [ObjectItem(split, entry.category, number, paint=entry.paint) for number in numbers]
        taken[entry.category] += entry.count
    return items


def write_text_mesh(folder: Path, uid: str, mesh: Mesh) -> str:
    """Write one mesh as ``<folder>/glb/<uid>.glb`` (not synced) and return its path below ``folder``."""
    (folder / "glb").mkdir(parents=True, exist_ok=True)
    (folder / "glb" / f"{uid}.glb").write_bytes(glb_bytes(mesh))
    return f"glb/{uid}.glb"


def write_text_index(folder: Path, rows: Iterable[Mapping[str, object]], class_names: Sequence[str]) -> None:
    """Write ``index.jsonl``, and ``class_names.txt`` in label order."""
    write_text(folder / "index.jsonl", "".join(canonical_json(dict(row)) + "\n" for row in rows))
    write_text(folder / "class_names.txt", "".join(f"{name}\n" for name in class_names))


FAMILY = MeshesWithTexts()
