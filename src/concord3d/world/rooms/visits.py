"""Visits to spaces as items of a data set: which there are, and what a scanner brings home from each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.errors import ConfigError, nearest
from concord3d.geometry.ray_casting import RayCaster
from concord3d.geometry.rigid import Matrix, rigid, turn_about_z
from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, Layout, WorldRecipe
from concord3d.world.rooms.camera_path import camera_path
from concord3d.world.rooms.foreign import OWN, foreign_meshes, supplier_module, suppliers
from concord3d.world.rooms.frames import Frames, draw_light, take_frames
from concord3d.world.rooms.furniture import FurnitureSupplier, WorldFurniture
from concord3d.world.rooms.meshes import room_mesh
from concord3d.world.rooms.reconstruction import Reconstruction, reconstruct
from concord3d.world.rooms.referrals import Referral, draw_referrals
from concord3d.world.rooms.spaces import Changes, Space, furnish_space, revisit

_LIMITS = {"frames": (1, 2000), "height": (8, 1200), "width": (8, 1920), "object_vertices": (8, 20_000)}
_MAX_RESCANS = 20


@dataclass(frozen=True)
class RoomOptions:
    """What a recipe of rooms may say.

    Attributes:
        frames: Frames of each scan.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        rescans: Further visits to each space, for all splits or by split.
        square: Side in metres of the squares that walls and floor are cut into.
        object_vertices: Least number of vertices of an object, before the scanner loses some.
        furniture: ``world``, or the data set whose meshes rooms are furnished with as far as it has the kind, one of
            :func:`concord3d.world.rooms.foreign.suppliers`.
    """

    frames: int = 8
    height: int = 48
    width: int = 64
    rescans: int | Mapping[str, int] = 1
    square: float = 0.25
    object_vertices: int = 250
    furniture: str = OWN

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value: Any = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise _impossible(name, f"{low} to {high}", value)
        if not isinstance(self.square, int | float) or not 0.02 <= self.square <= 2:
            raise _impossible("square", "0.02 to 2", self.square)
        for value in self.rescans.values() if isinstance(self.rescans, Mapping) else (self.rescans,):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_RESCANS:
                raise _impossible("rescans", f"0 to {_MAX_RESCANS}", value)
        if self.furniture not in suppliers():
            raise ConfigError(
                f"Nothing furnishes rooms under the name '{self.furniture}'{nearest(str(self.furniture), suppliers())}",
                where="options.furniture", expected=", ".join(suppliers()), found=self.furniture,
            )  # fmt: skip

    @property
    def foreign(self) -> tuple[str, ...]:
        """Other data sets that rooms are made of."""
        return () if self.furniture == OWN else (self.furniture,)

    def visits(self, split: str) -> int:
        """Return how often each space of a split is scanned."""
        return 1 + (self.rescans.get(split, 0) if isinstance(self.rescans, Mapping) else self.rescans)


def _impossible(name: str, expected: str, found: object) -> ConfigError:
    return ConfigError("Impossible option of rooms", where=f"options.{name}", expected=expected, found=found)


@dataclass(frozen=True)
class SpaceItem:
    """One space.

    Attributes:
        split: The split that it belongs to.
        number: Its number in the split.
        scene_type: What kind of room it is.
        count: Scans of it.
    """

    split: str
    number: int
    scene_type: str
    count: int


@dataclass(frozen=True, eq=False)
class Visit:
    """One scan.

    Attributes:
        number: 0 for the first of a space.
        space: What was there.
        changes: What changed since the first, or None at the first.
        frames: What the camera saw.
        mesh: What the scanner made of it.
        raw_from_room: (4, 4) into the frame in which the scanner started.
        referrals: What is said of the objects.
        rng: Source of what else is drawn for the files of the scan.
    """

    number: int
    space: Space
    changes: Changes | None
    frames: Frames
    mesh: Reconstruction
    raw_from_room: Matrix
    referrals: tuple[Referral, ...]
    rng: np.random.Generator


def space_items(recipe: WorldRecipe, layout: Layout, split: str) -> list[SpaceItem]:
    """Return the spaces of a split; its shapes are scans, and the kinds of rooms take turns."""
    options: RoomOptions = recipe.chosen_options(layout)
    if isinstance(options.rescans, Mapping) and not set(options.rescans) <= set(layout.splits):
        raise _impossible("rescans", f"splits of {', '.join(layout.splits)}", ", ".join(options.rescans))
    types = [name for name in layout.categories if name in (recipe.categories or layout.categories)]
    order = np.random.default_rng([recipe.seed, layout.series, SPLIT_OFFSET[split]]).permutation(len(types))
    wanted, visits = recipe.splits[split], options.visits(split)
    starts = range(0, wanted, visits)
    return [
        SpaceItem(split, number, types[order[number % len(types)]], min(visits, wanted - start))
        for number, start in enumerate(starts)
    ]


def foreign_modules(recipe: WorldRecipe, layout: Layout) -> Mapping[str, str]:
    """Return the other data sets that rooms are made of, each with the module that knows its files."""
    options: RoomOptions = recipe.chosen_options(layout)
    return {name: supplier_module(name) for name in options.foreign}


def record_visits(
    recipe: WorldRecipe, layout: Layout, item: SpaceItem, folders: Mapping[str, Path], sideways: bool = False
) -> list[Visit]:
    """Scan a space as often as its item says.

    Args:
        recipe: What is built.
        layout: The data set.
        item: The space.
        folders: Where the other data sets lie that the recipe names.
        sideways: Whether the camera is held upright while its pictures are stored lying on the left side.
    """
    options: RoomOptions = recipe.chosen_options(layout)
    supplier = _supplier(recipe, layout, item.split, folders)
    rng = _rng(recipe, layout, item, 0)
    first = space = furnish_space(item.scene_type, supplier, rng)
    changes: Changes | None = None
    visits = []
    for number in range(item.count):
        rng = _rng(recipe, layout, item, 1 + number)
        if number:
            space, changes = revisit(first, supplier, rng)
        visits.append(_scan(options, number, space, changes, rng, sideways))
    return visits


def _supplier(recipe: WorldRecipe, layout: Layout, split: str, folders: Mapping[str, Path]) -> FurnitureSupplier:
    """Return where the rooms of a split get their furniture; no two splits share a model."""
    options: RoomOptions = recipe.chosen_options(layout)
    least = options.object_vertices
    supplier: FurnitureSupplier = WorldFurniture(
        layout.series * SERIES_OFFSET + SPLIT_OFFSET[split], recipe.seed, least
    )
    for name in options.foreign:
        supplier = foreign_meshes(name).supplier(folders[name], split, supplier, least)
    return supplier


def _rng(recipe: WorldRecipe, layout: Layout, item: SpaceItem, purpose: int) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, layout.series, SPLIT_OFFSET[item.split] + item.number, purpose])


def _scan(
    options: RoomOptions,
    number: int,
    space: Space,
    changes: Changes | None,
    rng: np.random.Generator,
    sideways: bool,
) -> Visit:
    room, light = room_mesh(space, options.square), draw_light(rng)
    poses = camera_path(space, options.frames, rng)
    if sideways:
        right, down = poses[:, :, 0].copy(), poses[:, :, 1].copy()
        poses[:, :, 0], poses[:, :, 1] = down, -right
    frames = take_frames(_caster(), room, light, poses, options.height, options.width, rng)
    mesh = reconstruct(room, frames, light, rng)
    middle = np.array([*(space.layout.size / 2), 0.0])
    turn = turn_about_z(float(rng.uniform(-np.pi, np.pi)))
    raw = rigid(turn, -turn @ middle + np.array([*rng.uniform(1, 4, 2), rng.uniform(-0.1, 0.1)]))
    return Visit(number, space, changes, frames, mesh, raw, draw_referrals(space, rng), rng)


@cache
def _caster() -> RayCaster:
    # Data sets are built by several processes, each with one thread.
    return RayCaster(1)
