"""Rooms furnished with ``named_meshes``, 1,228 low-poly meshes that artists made and published as CC0.

Their shapes and colours are foreign; the layout of rooms and what a scanner makes of them are the world's. Of a kind
with one mesh alone (bathtub, fireplace, refrigerator, stool), and of kinds without any (desk, wardrobe, counter,
screens, pictures, pillows, instruments, things on tables), the world makes its own. No mesh stands in rooms of two
splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from concord3d.world.rooms.foreign import folder_of
from concord3d.world.rooms.foreign.meshes import ForeignFurniture, Heights
from concord3d.world.rooms.furniture import FurnitureSupplier


def _meshes(pack: str, **heights: float) -> Heights:
    return {f"{pack}__{name}": height for name, height in heights.items()}


def _house(**heights: float) -> Heights:
    return _meshes("house_interior_pack", **heights)


# By kind and split: the height in metres of every mesh.
MESHES: Mapping[str, Mapping[str, Heights]] = {
    "bag": {
        "train": {**_meshes("rpg_items_pack", Backpack=0.42), **_meshes("modular_dungeon_1", Bag_Standing=0.4)},
        "val": {**_meshes("survival_pack", Backpack=0.42), **_meshes("rpg_items_pack", Bag=0.32)},
    },
    "bed": {"train": _house(Bed_King=0.62, Bed_Bunk=1.3), "val": _house(Bed_Single=0.68)},
    "bench": {
        "train": _meshes("medieval_village_pack", Bench_1=0.8),
        "val": _meshes("medieval_village_pack", Bench_2=0.45),
    },
    "bin": {
        "train": {**_house(Trashcan_Cylindric=0.5, Trashcan_Small1=0.38), **_meshes("modular_dungeon_1", Bucket=0.45)},
        "val": _house(Trashcan_Large=0.55, Trashcan_Small2=0.36),
    },
    "bookshelf": {"train": _house(Bookshelf=2.0, Shelf_Large=2.0), "val": _house(Shelf_2=1.9)},
    "box": {
        "train": {
            **_meshes("medieval_village_pack", Package_1=0.3),
            **_meshes("modular_dungeon_1", Crate=0.42),
            **_meshes("platformer_game_pack", Cube_Crate=0.35),
        },
        "val": {
            **_meshes("medieval_village_pack", Package_2=0.35, Crate=0.38),
            **_meshes("modular_sci_fi", Props_Crate=0.45),
        },
    },
    "cabinet": {
        "train": _house(Kitchen_Cabinet1=0.88, Kitchen_Cabinet2=0.88, Kitchen_1Drawers=0.88),
        "val": _house(Kitchen_CabinetSmall=0.6, Kitchen_2Drawers=0.88),
    },
    "chair": {
        "train": {**_house(Chair_1=0.95, Chair_4=0.95), **_meshes("modular_dungeon_1", Chair=1.05)},
        "val": _house(Chair_2=0.92, Chair_3=0.92),
    },
    "curtain": {"train": _house(Curtains_Double=2.2), "val": _house(Curtains_Single=2.2)},
    "door": {
        "train": _house(Door_1=2.05, Door_2=2.05, Door_4=2.05, Door_5=2.05, Door_6=2.05, Door_8=2.05),
        "val": _house(Door_3=2.05, Door_7=2.05, Door_9=2.05),
    },
    "dresser": {"train": _house(Drawer_4=0.95, Kitchen_3Drawers=0.9), "val": _house(Drawer_1=0.85)},
    "flower_pot": {"train": _house(Houseplant_1=0.33, Houseplant_2=0.35), "val": _house(Houseplant_5=0.28)},
    "lamp": {
        "train": _house(Light_Floor1=1.55, Light_Floor2=0.5, Light_Floor4=0.55, Light_Stand1=1.5),
        "val": _house(Light_Desk=0.5, Light_Floor3=0.52, Light_Stand2=1.5),
    },
    "mirror": {"train": _house(Bathroom_Mirror1=0.8), "val": _house(Bathroom_Mirror2=0.8)},
    "night_stand": {"train": _house(NightStand_1=0.48, NightStand_2=0.5), "val": _house(NightStand_3=0.48)},
    "plant": {
        "train": _house(Houseplant_3=0.75, Houseplant_6=0.7, Houseplant_8=1.3),
        "val": _house(Houseplant_4=0.95, Houseplant_7=0.6),
    },
    "rug": {"train": _house(Carpet_1=0.02, Carpet_Round=0.012), "val": _house(Carpet_2=0.02)},
    "shelf": {
        "train": {**_house(Shelf_1=1.6), **_meshes("modular_sci_fi", Props_Shelf_Tall=1.7)},
        "val": _meshes("modular_sci_fi", Props_Shelf=1.5),
    },
    "sink": {"train": _house(Bathroom_Sink=0.48), "val": _house(Kitchen_Sink=0.9)},
    "sofa": {
        "train": _house(Couch_Large1=0.82, Couch_Medium2=0.82, Couch_Small2=0.62),
        "val": _house(Couch_Large2=0.82, Couch_Medium1=0.82, Couch_Small1=0.82),
    },
    "table": {
        "train": {
            **_house(Table_RoundLarge=0.75, Table_RoundSmall=0.75),
            **_meshes("modular_dungeon_1", Table_Big=0.75),
        },
        "val": {**_house(Table_RoundSmall2=0.75), **_meshes("modular_dungeon_1", Table_Small=0.75)},
    },
    "toilet": {"train": _house(Bathroom_Toilet=0.78), "val": _house(Bathroom_Toilet2=0.42)},
    "tv_stand": {"train": _house(Drawer_2=0.5, Drawer_5=0.5), "val": _house(Drawer_3=0.55)},
    "window": {
        "train": _house(Window_Large1=1.1, Window_Small1=1.1, Window_Small3=1.1, Window_Round1=1.1, Window_Round3=1.1),
        "val": _house(Window_Large2=1.1, Window_Small2=1.1, Window_Round2=1.1),
    },
}  # fmt: skip


def supplier(folder: Path, split: str, others: FurnitureSupplier, min_vertices: int) -> FurnitureSupplier:
    """Return the furniture of the rooms of a split.

    Args:
        folder: Folder of the data set.
        split: The split.
        others: Where kinds come from that the data set does not show.
        min_vertices: Faces are split until a model has so many vertices.
    """
    heights = {kind: by_split[split] for kind, by_split in MESHES.items()}
    return ForeignFurniture(folder_of("named_meshes", folder) / "glb", heights, others, min_vertices)
