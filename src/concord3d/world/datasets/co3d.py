"""Common Objects in 3D as Cross-MoST preprocesses it (Cross-MoST spec 1.1, 1.2 and 1.4).

Layout below a root folder: ``co3d/data_preprocessed/<category>/<sequence>/pointcloud1.npy`` (P, 3), ``images/*.jpg``
beside it, and ``co3d/{train,test}_set_80.txt``. In the files x is up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.world.objects.filmed_sets import FilmedSets, ShapesOf, filmed_layout
from concord3d.world.objects.items import ObjectItem

# The 42 classes in label order.
CO3D_CLASSES = (
    "bench", "skateboard", "backpack", "laptop", "cup", "umbrella", "teddybear", "bowl", "cake", "toyplane", "remote",
    "orange", "toaster", "couch", "apple", "bottle", "donut", "hairdryer", "hydrant", "toytrain", "pizza", "motorcycle",
    "suitcase", "banana", "toilet", "sandwich", "keyboard", "mouse", "toytruck", "handbag", "broccoli", "wineglass",
    "microwave", "baseballglove", "book", "carrot", "ball", "bicycle", "chair", "stopsign", "vase", "plant",
)  # fmt: skip
# What classes are made of whose name is no category of the world, or is only a part of one.
_OTHERS = {
    "backpack": ShapesOf("bag", ("backpack",)),
    "couch": ShapesOf("sofa"),
    "cup": ShapesOf("cup", ("mug", "tumbler", "teacup", "paper")),
    "handbag": ShapesOf("bag", ("handbag", "tote")),
    "stopsign": ShapesOf("stop_sign"),
    "suitcase": ShapesOf("bag", ("suitcase",)),
    "teddybear": ShapesOf("teddy_bear"),
    "toyplane": ShapesOf("airplane"),
    "wineglass": ShapesOf("cup", ("goblet",)),
}
SHAPES = {name: _OTHERS.get(name, ShapesOf(name)) for name in CO3D_CLASSES}
FOLDER = "co3d"


class Co3d(FilmedSets):
    """Sequences of the classes that the world has shapes for."""

    shapes = SHAPES
    layouts = {"co3d": filmed_layout(7, SHAPES)}
    list_files = FOLDER + "/{split}_set_80.txt"

    def key(self, item: ObjectItem) -> str:
        return f"{item.category}/{item.name}"

    def places(self, out: Path, item: ObjectItem) -> tuple[Path, Path]:
        sequence = out / FOLDER / "data_preprocessed" / item.category / item.name
        return sequence / "pointcloud1.npy", sequence / "images"

    def points(self, cloud: NDArray[np.float32]) -> NDArray[np.float32]:
        return cloud[:, [1, 0, 2]]


FAMILY = Co3d()
