"""S3DIS: rooms of six areas as annotated points, and cut into blocks (MM-Point spec 1.2).

Layout below a root folder: ``Stanford3dDataset_v1.2_Aligned_Version/Area_<n>/<room>/`` with ``<room>.txt`` and
``Annotations/<class>_<number>.txt`` (lines ``x y z r g b``), and what is cut from it,
``indoor3d_sem_seg_hdf5_data/ply_data_all_<k>.h5`` (``data`` (n, P, 9) float32, ``label`` (n, P) uint8),
``all_files.txt``, ``room_filelist.txt``. What is counted are rooms; area 5 is the test split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError
from concord3d.geometry.ray_casting import RayCaster
from concord3d.geometry.room_blocks import cut_room
from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.s3dis_rooms import AnnotatedObject, RoomBlocksMade, write_annotated_room, write_blocks
from concord3d.world.rooms.building_parts import with_building_parts
from concord3d.world.rooms.frames import draw_light
from concord3d.world.rooms.furniture import WorldFurniture
from concord3d.world.rooms.meshes import room_mesh
from concord3d.world.rooms.objects import FLOOR, WALL
from concord3d.world.rooms.spaces import Space, furnish_space
from concord3d.world.rooms.surface_scan import SurfaceScan, scan_surfaces

CLASSES = (
    "ceiling", "floor", "wall", "beam", "column", "window", "door",
    "table", "chair", "sofa", "bookcase", "board", "clutter",
)  # fmt: skip
# Kinds of rooms of the world that S3DIS has too, under its names.
ROOMS: Mapping[str, str] = MappingProxyType(
    {
        "Bathroom": "WC",
        "Bookstore / Library": "storage",
        "Classroom": "auditorium",
        "Conference Room": "conferenceRoom",
        "Kitchen": "pantry",
        "Living room / Lounge": "lounge",
        "Lobby": "lobby",
        "Office": "office",
    }
)
_AREAS = {"train": (1, 2, 3, 4, 6), "test": (5,)}
# Everything else that furnishes a room is clutter.
_CLASS_OF = {
    "wall": "wall", "floor": "floor", "window": "window", "door": "door", "table": "table", "desk": "table",
    "chair": "chair", "stool": "chair", "sofa": "sofa", "bookshelf": "bookcase", "shelf": "bookcase",
    "whiteboard": "board",
}  # fmt: skip
_SQUARE, _OBJECT_VERTICES = 0.25, 8
_LIMITS = {"points_per_m2": (100, 20_000), "stride": (0.1, 1.0), "block_points": (16, 100_000)}


@dataclass(frozen=True)
class RoomPointOptions:
    """What a recipe of annotated rooms may say.

    Attributes:
        points_per_m2: Points per square metre of surface.
        stride: From one block to the next in metres; blocks are squares of 1 m.
        block_points: P, points of each block.
    """

    points_per_m2: float = 200
    stride: float = 1.0
    block_points: int = 4096

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            kinds = int if name == "block_points" else int | float
            if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(
                    "Impossible option of rooms", where=f"options.{name}", expected=f"{low} to {high}", found=value
                )


@dataclass(frozen=True)
class RoomItem:
    """One room.

    Attributes:
        split: The split that it belongs to.
        number: Its number in the split.
        scene_type: What kind of room it is in the world.
        area: Its area.
        name: ``<kind>_<number>`` in the area.
        count: It is one room.
    """

    split: str
    number: int
    scene_type: str
    area: int
    name: str
    count: int = 1


class S3DIS(DatasetFamily[RoomItem, RoomBlocksMade]):
    """Annotated rooms; the kinds of rooms and the areas of a split take turns."""

    layouts = {"s3dis": Layout(11, ("train", "test"), tuple(ROOMS), options=RoomPointOptions)}

    def items(self, recipe: WorldRecipe, split: str) -> list[RoomItem]:
        layout = self.layouts[recipe.dataset]
        types = [name for name in layout.categories if name in (recipe.categories or layout.categories)]
        order = np.random.default_rng([recipe.seed, layout.series, SPLIT_OFFSET[split]]).permutation(len(types))
        areas = _AREAS[split]
        items, numbers = [], dict[tuple[int, str], int]()
        for number in range(recipe.splits[split]):
            area, scene_type = areas[number % len(areas)], types[order[number % len(types)]]
            numbers[area, scene_type] = numbers.get((area, scene_type), 0) + 1
            name = f"{ROOMS[scene_type]}_{numbers[area, scene_type]}"
            items.append(RoomItem(split, number, scene_type, area, name))
        return items

    def make(self, recipe: WorldRecipe, out: Path, item: RoomItem) -> RoomBlocksMade:
        layout = self.layouts[recipe.dataset]
        options: RoomPointOptions = recipe.chosen_options(layout)
        # Two areas, as two splits, show different objects.
        first_index = layout.series * SERIES_OFFSET + SPLIT_OFFSET[item.split] + item.area * 1000
        supplier = WorldFurniture(first_index, recipe.seed, _OBJECT_VERTICES)
        rng = np.random.default_rng([recipe.seed, layout.series, SPLIT_OFFSET[item.split] + item.number])
        space = furnish_space(item.scene_type, supplier, rng)
        building = with_building_parts(room_mesh(space, _SQUARE), space, _SQUARE, rng)
        scan = scan_surfaces(_caster(), building.mesh, space, draw_light(rng), options.points_per_m2, rng)
        objects = _annotated(space, building.parts, scan, rng.uniform(-20, 20, 3) * np.array([1, 1, 0.05]))
        write_annotated_room(out, item.area, item.name, objects)
        cut = cut_room(
            np.concatenate([one.points for one in objects]),
            np.concatenate([one.colors for one in objects]),
            np.repeat([CLASSES.index(one.name) for one in objects], [len(one.points) for one in objects]),
            options.block_points,
            rng,
            stride=options.stride,
        )
        return RoomBlocksMade(f"Area_{item.area}_{item.name}", cut.features, cut.labels)

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[RoomItem], made: Sequence[RoomBlocksMade]) -> None:
        order = sorted(range(len(items)), key=lambda number: (items[number].area, number))
        write_blocks(out, [made[number] for number in order])


def _annotated(
    space: Space, parts: Mapping[int, str], scan: SurfaceScan, corner: NDArray[np.float64]
) -> list[AnnotatedObject]:
    """Return the objects of a room in the frame of its building; each wall is one."""
    class_of = {FLOOR: "floor", **parts} | {one.identity: _CLASS_OF.get(one.kind, "clutter") for one in space.annotated}
    points, colors = np.round(scan.points + corner, 3), scan.colors
    numbers = scan.identity.astype(np.int64)
    # Walls have one identity; what lies next to the k-th gets number -1 - k.
    on_wall = numbers == WALL
    numbers[on_wall] = -1 - _nearest_wall(space, scan.points[on_wall, :2])
    objects = [
        AnnotatedObject(
            "wall" if number < 0 else class_of.get(int(number), "clutter"),
            points[numbers == number],
            colors[numbers == number],
        )
        for number in np.unique(numbers)
    ]
    return sorted(objects, key=lambda one: CLASSES.index(one.name))


def _nearest_wall(space: Space, places: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (N,) number of the wall that each place (N, 2) lies on."""
    distances = []
    for wall in space.layout.walls:
        offset = places - wall.start
        beyond = np.abs(offset @ wall.along - wall.length / 2) - wall.length / 2
        distances.append(np.hypot(offset @ wall.inward, np.clip(beyond, 0, None)))
    return np.argmin(distances, axis=0)


@cache
def _caster() -> RayCaster:
    # Data sets are built by several processes, each with one thread.
    return RayCaster(1)


FAMILY = S3DIS()
