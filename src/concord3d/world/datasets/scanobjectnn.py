"""ScanObjectNN: objects as a depth sensor saw them in a room, in three crops of the same scan (MM-Point spec 1.2).

Layout below a root folder:
``h5_files/{main_split,main_split_nobg}/{training,test}_objectdataset[_augmentedrot_scale75].h5`` (``data`` (n, P, 3)
float32, ``label`` (n,) int32, ``mask`` (n, P) int32, -1 on background).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from concord3d.errors import BadCloud
from concord3d.world.datasets.interface import SERIES_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.labelled_h5 import LabelledClouds, write_h5
from concord3d.world.objects.generation import generate
from concord3d.world.objects.items import ObjectClouds, ObjectItem, item_rng, labelled_splits, spread_evenly
from concord3d.world.objects.scan import object_in_box, object_only, perturbed_box, scan_scene

SCANOBJECTNN_CLASSES = (
    "bag", "bin", "box", "cabinet", "chair", "desk", "display", "door", "shelf", "table", "bed", "pillow", "sink",
    "sofa", "toilet",
)  # fmt: skip
SCANOBJECTNN_FILES: dict[str, tuple[str, str]] = {
    "scanobjectnn_obj_bg": ("main_split", "objectdataset.h5"),
    "scanobjectnn_obj_only": ("main_split_nobg", "objectdataset.h5"),
    "scanobjectnn_pb_t50_rs": ("main_split", "objectdataset_augmentedrot_scale75.h5"),
}
# The place of a variant decides its source of randomness.
_CROPS = {
    "scanobjectnn_obj_bg": object_in_box,
    "scanobjectnn_obj_only": object_only,
    "scanobjectnn_pb_t50_rs": perturbed_box,
}
_PERTURBATIONS_PER_OBJECT = 5


class ScanObjectNN(DatasetFamily[ObjectItem, ObjectClouds]):
    """Scans in metres with a mask of the background; five perturbed crops of each object in the hardest variant."""

    layouts = {name: Layout(1, ("train", "test"), SCANOBJECTNN_CLASSES) for name in SCANOBJECTNN_FILES}

    def items(self, recipe: WorldRecipe, split: str) -> list[ObjectItem]:
        crops = _PERTURBATIONS_PER_OBJECT if recipe.dataset == "scanobjectnn_pb_t50_rs" else 1
        return spread_evenly(recipe, self.layouts[recipe.dataset], split, crops)

    def make(self, recipe: WorldRecipe, out: Path, item: ObjectItem) -> ObjectClouds:
        rng = item_rng(recipe, item)
        obj = generate(item.category, item.index, recipe.seed)
        others = recipe.categories or SCANOBJECTNN_CLASSES
        neighbour = generate(others[int(rng.integers(len(others)))], item.index + SERIES_OFFSET // 2, recipe.seed)
        scene = scan_scene(obj, recipe.num_points, rng, [neighbour.mesh])
        crop = _CROPS[recipe.dataset]
        crop_rng = item_rng(recipe, item, 1 + tuple(_CROPS).index(recipe.dataset))
        clouds = [crop(scene, recipe.num_points, crop_rng) for _ in range(item.count)]
        foreground = np.stack([mask for _, mask in clouds])
        return ObjectClouds(np.stack([points for points, _ in clouds]), np.where(foreground, 1, -1).astype(np.int64))

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[ObjectClouds]) -> None:
        label_of = {name: number for number, name in enumerate(SCANOBJECTNN_CLASSES)}
        write_scanobjectnn(out, recipe.dataset, labelled_splits(recipe, label_of, items, made))


def write_scanobjectnn(root: Path, dataset: str, splits: Mapping[str, LabelledClouds]) -> None:
    """Write one ScanObjectNN variant below ``h5_files``.

    Args:
        root: Folder that gets ``h5_files``.
        dataset: A key of ``SCANOBJECTNN_FILES``.
        splits: ``train`` and ``test``; ``point_labels`` is the mask, -1 on background points.
    """
    folder, name = SCANOBJECTNN_FILES[dataset]
    for split, clouds in splits.items():
        if clouds.point_labels is None:
            raise BadCloud("Scanned clouds need a mask of background points", where=dataset)
        write_h5(
            root / "h5_files" / folder / f"{'training' if split == 'train' else split}_{name}",
            {
                "data": clouds.points.astype(np.float32),
                "label": clouds.labels.astype(np.int32),
                "mask": clouds.point_labels.astype(np.int32),
            },
        )


FAMILY = ScanObjectNN()
