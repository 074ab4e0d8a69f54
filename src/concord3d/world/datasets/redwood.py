"""Redwood 3DScan as Cross-MoST preprocesses it (Cross-MoST spec 1.1 and 1.2).

Layout below a root folder: ``redwood/meshpreprocessed3/<scan>.npy`` (P, 3), ``redwood/videoframes/<scan>/*.jpg``,
``redwood/categories.json`` (the scans of each of the nine classes) and ``redwood/{train,test}_set80.txt``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from concord3d.files import write_json
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.objects.filmed_sets import FilmedSets, ShapesOf, filmed_layout
from concord3d.world.objects.items import ObjectItem

# What each class is made of, in label order.
SHAPES = {
    "chair": ShapesOf("chair"),
    "table": ShapesOf("table"),
    "trash container": ShapesOf("trash_container"),
    "bench": ShapesOf("bench"),
    "plant": ShapesOf("plant"),
    "sign": ShapesOf("traffic_sign"),
    "bicycle": ShapesOf("bicycle"),
    "motorcycle": ShapesOf("motorcycle"),
    "sofa": ShapesOf("sofa"),
}
FOLDER = "redwood"


class Redwood(FilmedSets):
    """Scans of household and street; a class without shapes has an empty list of scans."""

    shapes = SHAPES
    layouts = {"redwood": filmed_layout(6, SHAPES)}
    list_files = FOLDER + "/{split}_set80.txt"

    def key(self, item: ObjectItem) -> str:
        return item.name.replace(" ", "_")

    def places(self, out: Path, item: ObjectItem) -> tuple[Path, Path]:
        scan = self.key(item)
        return out / FOLDER / "meshpreprocessed3" / f"{scan}.npy", out / FOLDER / "videoframes" / scan

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[str]) -> None:
        super().write(recipe, out, items, made)
        scans: dict[str, list[str]] = {name: [] for name in SHAPES}
        for item, scan in zip(items, made, strict=True):
            scans[item.category].append(scan)
        write_json(out / FOLDER / "categories.json", scans)


FAMILY = Redwood()
