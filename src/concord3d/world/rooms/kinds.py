"""Kinds of furniture: their names in ScanNet, in NYU40 and in ShapeNetCore, and the sizes that a room takes.

The numbers of NYU40 are those of ``scannetv2-labels.combined.tsv`` (CrossOver spec 1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from concord3d.data.scans.nyu40 import NAMES


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        label: Its raw label in ScanNet and 3RScan.
        nyu40: Name of its class.
        synset: Category of ShapeNetCore, or None where that has no such models.
        largest: Greatest depth, width and height in metres; larger models are made smaller.
        movable: Whether somebody may have moved it before a rescan.
        symmetry: Turns about the vertical that leave it as it is, by the number of 3RScan: 0 none, 1 half a turn, 2 a
            quarter, 3 any.
    """

    label: str
    nyu40: str
    synset: str | None = None
    largest: tuple[float, float, float] = (2.5, 2.5, 2.4)
    movable: bool = True
    symmetry: int = 0

    @property
    def nyu40_index(self) -> int:
        """Number of its class, from 1."""
        return NAMES.index(self.nyu40) + 1


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "wall": Kind("wall", "wall", movable=False),
        "floor": Kind("floor", "floor", movable=False),
        "door": Kind("door", "door", movable=False),
        "window": Kind("window", "window", movable=False),
        "bathtub": Kind("bathtub", "bathtub", "02808440", (0.9, 1.8, 0.7), movable=False),
        "bed": Kind("bed", "bed", "02818832", (2.3, 2.0, 1.3), movable=False),
        "bench": Kind("bench", "otherfurniture", "02828884", (0.7, 1.8, 1.0)),
        "bookshelf": Kind("bookshelf", "bookshelf", "02871439", (0.5, 1.4, 2.2), movable=False),
        "cabinet": Kind("cabinet", "cabinet", "02933112", (0.6, 1.3, 1.2), movable=False),
        "chair": Kind("chair", "chair", "03001627", (0.65, 0.65, 1.1)),
        "counter": Kind("counter", "counter", None, movable=False),
        "curtain": Kind("curtain", "curtain", movable=False),
        "desk": Kind("desk", "desk", "04379243", (0.9, 1.7, 0.85)),
        "display": Kind("tv", "television", "03211117", (0.3, 1.0, 0.7)),
        "dresser": Kind("dresser", "dresser", "02933112", (0.6, 1.4, 1.4), movable=False),
        "flower_pot": Kind("flower pot", "otherprop", "03991062", (0.35, 0.35, 0.5), symmetry=3),
        "guitar": Kind("guitar", "otherprop", "03467517"),
        "keyboard": Kind("keyboard", "otherprop", "03085013", (0.2, 0.5, 0.1)),
        "lamp": Kind("lamp", "lamp", "03636649", (0.5, 0.5, 1.7), symmetry=3),
        "laptop": Kind("laptop", "otherprop", "03642806", (0.4, 0.4, 0.35)),
        "mantel": Kind("fireplace", "otherstructure", None, (0.6, 1.8, 1.5), movable=False),
        "mirror": Kind("mirror", "mirror", movable=False),
        "monitor": Kind("monitor", "otherprop", "03211117", (0.3, 0.6, 0.55)),
        "night_stand": Kind("nightstand", "night stand", "02933112", (0.55, 0.6, 0.65)),
        "piano": Kind("piano", "otherfurniture", "03928116", (1.2, 1.6, 1.3), movable=False),
        "picture": Kind("picture", "picture", movable=False),
        "pillow": Kind("pillow", "pillow", "03938244", (0.5, 0.6, 0.4)),
        "plant": Kind("plant", "otherprop", "03991062", (0.8, 0.8, 1.6), symmetry=3),
        "range_hood": Kind("range hood", "otherfurniture", None, (0.5, 0.9, 0.8), movable=False),
        "refrigerator": Kind("refrigerator", "refridgerator", movable=False),
        "rug": Kind("rug", "floor mat", symmetry=1),
        "shelf": Kind("shelf", "shelves", "02871439", (0.5, 1.4, 1.9)),
        "sink": Kind("sink", "sink", None, (0.6, 1.1, 0.9), movable=False),
        "sofa": Kind("couch", "sofa", "04256520", (1.0, 2.2, 1.0)),
        "stool": Kind("stool", "otherfurniture", "03001627", (0.45, 0.45, 0.6), symmetry=3),
        "table": Kind("table", "table", "04379243", (1.2, 1.6, 0.8), symmetry=1),
        "toilet": Kind("toilet", "toilet", None, (0.75, 0.5, 0.9), movable=False),
        "tv_stand": Kind("tv stand", "otherfurniture", "02933112", (0.55, 1.5, 0.65)),
        "vase": Kind("vase", "otherprop", "03593526", (0.3, 0.3, 0.45), symmetry=3),
        "wardrobe": Kind("wardrobe", "otherfurniture", "02933112", (0.7, 1.6, 2.2), movable=False),
        "whiteboard": Kind("whiteboard", "whiteboard", movable=False),
        "bag": Kind("bag", "bag", "02773838", (0.4, 0.5, 0.5)),
        "bin": Kind("trash can", "otherfurniture", "02747177", (0.4, 0.4, 0.6), symmetry=3),
        "box": Kind("box", "box", None, (0.5, 0.6, 0.5), symmetry=1),
    }
)

# Small things that nobody annotates.
CLUTTER = ("bottle", "bowl", "cup", "radio")
