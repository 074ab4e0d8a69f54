"""One space: a shell with its objects, as it was at one visit, and how it changes until the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, inverse
from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Color, Style
from concord3d.world.rooms.furniture import FurnitureModel, FurnitureSupplier
from concord3d.world.rooms.kinds import CLUTTER, KINDS
from concord3d.world.rooms.layouts import RoomLayout, draw_layout
from concord3d.world.rooms.objects import FLOOR, WALL, PlacedObject
from concord3d.world.rooms.placing import Placer
from concord3d.world.rooms.scene_types import SCENE_TYPES, Wanted

Array = NDArray[np.float64]

_SURFACES = "table|desk|counter|cabinet|night_stand|dresser|tv_stand"
_WALLS = {
    "white": (236, 234, 228),
    "cream": (232, 222, 196),
    "light grey": (198, 200, 202),
    "pale blue": (188, 204, 216),
    "pale green": (196, 210, 188),
    "rose": (222, 196, 190),
}
_NEW = (Wanted("box", 1, 1, "corner"), Wanted("bag", 1, 1, "corner"), Wanted("chair", 1, 1, "corner"),
        Wanted("plant", 1, 1, "corner"), Wanted("stool", 1, 1, "corner"))  # fmt: skip
# What nobody carries away.
_FIXED = ("bathtub", "bed", "counter", "door", "mantel", "range_hood", "sink", "toilet", "window")
_ALONG_WALLS = ("wall", "corner")
# How often furniture of one kind has one model, and how often a thing that is moved goes far.
_SETS, _FAR = 0.5, 0.5
_MOVED_M, _MOVED_RAD = 0.15, 0.15


@dataclass(frozen=True)
class Decor:
    """Colours of the shell.

    Attributes:
        wall: RGB of the walls.
        floor: RGB of the floor.
        second: RGB of every second square of the floor.
    """

    wall: Color
    floor: Color
    second: Color


@dataclass(frozen=True, eq=False)
class Space:
    """A space at one visit.

    Attributes:
        scene_type: One of :data:`concord3d.world.rooms.scene_types.SCENE_TYPES`.
        layout: Its shell.
        decor: Colours of the shell.
        objects: What is in it, door and windows included; walls and floor have no entry.
        next_identity: Number of the next new object.
    """

    scene_type: str
    layout: RoomLayout
    decor: Decor
    objects: tuple[PlacedObject, ...]
    next_identity: int

    @property
    def annotated(self) -> tuple[PlacedObject, ...]:
        """The objects that a data set lists."""
        return tuple(one for one in self.objects if one.annotated)


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed in a space since its first visit.

    Attributes:
        moved: (4, 4) by identity: where a point of the object at the first visit is now.
        removed: Identities.
        added: Identities.
    """

    moved: dict[int, Matrix]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def furnish_space(scene_type: str, supplier: FurnitureSupplier, rng: np.random.Generator) -> Space:
    """Make a space.

    Args:
        scene_type: One of :data:`concord3d.world.rooms.scene_types.SCENE_TYPES`.
        supplier: Where its furniture comes from.
        rng: Source of randomness.
    """
    kind = SCENE_TYPES[scene_type]
    layout = draw_layout(kind, rng)
    decor = _draw_decor(scene_type, rng)
    fixed = _openings(layout, supplier, rng)
    placer = Placer(layout, rng, fixed)
    identity = FLOOR + 1 + len(fixed)
    for wanted in kind.furniture:
        # Chairs, and tables in rows, are often bought as a set.
        model = supplier.draw(wanted.kind, rng, wanted.rule == "on") if rng.random() < _SETS else None
        for _ in range(int(rng.integers(wanted.low, wanted.high + 1))):
            identity += _add(placer, identity, wanted, supplier, rng, model)
    for _ in range(int(rng.integers(0, 3))):
        clutter = Wanted(CLUTTER[int(rng.integers(len(CLUTTER)))], 1, 1, "on", _SURFACES)
        identity += _add(placer, identity, clutter, supplier, rng)
    return Space(scene_type, layout, decor, tuple(placer.objects), identity)


def revisit(space: Space, supplier: FurnitureSupplier, rng: np.random.Generator) -> tuple[Space, Changes]:
    """Return a space some time later: one to three objects moved, one removed, one added.

    Args:
        space: The space at its first visit.
        supplier: Where new furniture comes from.
        rng: Source of randomness.
    """
    bearing = {one.support for one in space.objects}
    free = [one for one in space.annotated if one.identity not in bearing and one.kind not in _FIXED]
    order = [free[i] for i in rng.permutation(len(free))]
    placer = Placer(space.layout, rng, space.objects)
    moved: dict[int, Matrix] = {}
    wanted_moves = int(rng.integers(1, 4))
    for one in order:
        if len(moved) < wanted_moves and KINDS[one.kind].movable:
            now = _moved(placer, one, rng)
            if now is not None:
                moved[one.identity] = now.pose @ inverse(one.pose)
    # What is light goes sooner than what is heavy.
    bearing = {one.support for one in placer.objects}
    left = [one for one in order if one.identity not in {*moved, *bearing}]
    left.sort(key=lambda one: not KINDS[one.kind].movable)
    removed = left[:1]
    placer.objects = [one for one in placer.objects if one not in removed]
    identity, added = space.next_identity, tuple[int, ...]()
    for number in rng.permutation(len(_NEW)):
        if _add(placer, identity, _NEW[number], supplier, rng):
            added = (identity,)
            break
    objects = tuple(sorted(placer.objects, key=lambda one: one.identity))
    later = replace(space, objects=objects, next_identity=identity + len(added))
    return later, Changes(moved, tuple(one.identity for one in removed), added)


def _moved(placer: Placer, one: PlacedObject, rng: np.random.Generator) -> PlacedObject | None:
    """Move an object a little or elsewhere; return it as it stands then, or None where it stays."""
    placer.objects.remove(one)

    def placed_by(wanted: Wanted) -> PlacedObject | None:
        return placer.place(one.identity, one.model, one.scale, wanted)

    far = [lambda: placed_by(one.wanted)]
    near = [lambda: placer.nudge(one)] if one.support == FLOOR and one.wanted.rule not in _ALONG_WALLS else []
    attempts = far + near if rng.random() < _FAR else near + far
    for attempt in (*attempts, lambda: placed_by(Wanted(one.kind, 1, 1, "wall"))):
        now = attempt()
        if now is not None and _differs(one, now):
            return now
        if now is not None:
            placer.objects.remove(now)
    placer.objects.append(one)
    return None


def _differs(before: PlacedObject, now: PlacedObject) -> bool:
    turn = abs((now.yaw - before.yaw + np.pi) % (2 * np.pi) - np.pi)
    return bool(np.linalg.norm(now.place - before.place) > _MOVED_M or turn > _MOVED_RAD)


def _add(
    placer: Placer,
    identity: int,
    wanted: Wanted,
    supplier: FurnitureSupplier,
    rng: np.random.Generator,
    model: FurnitureModel | None = None,
) -> int:
    """Place one object, if a model is given then first that one; return how many were placed."""
    for first in (model, None):
        tried = first or supplier.draw(wanted.kind, rng, wanted.rule == "on")
        if placer.place(identity, tried, _scale(placer.layout, tried, wanted, rng), wanted) is not None:
            return 1
    return 0


def _scale(layout: RoomLayout, model: FurnitureModel, wanted: Wanted, rng: np.random.Generator) -> Array:
    """Return (3,) factors: no two copies of a model are quite of one size."""
    if wanted.kind == "curtain":
        width = layout.windows[0].width if layout.windows else 1.2
        return np.array([0.14, width * 1.1, 2.2]) / model.size
    factors = np.exp(rng.normal(0, 0.03, 3)).clip(0.92, 1.08)
    if wanted.width is not None:
        factors[1] *= float(rng.uniform(*wanted.width)) / model.size[1]
    return factors


def _openings(layout: RoomLayout, supplier: FurnitureSupplier, rng: np.random.Generator) -> list[PlacedObject]:
    """Return door and windows: they stand out of the wall a little."""
    sizes = [("door", layout.door, np.array([0.07, 0.9, 2.05]), 0.0)]
    for window in layout.windows:
        model_size = np.array([0.05, min(1.5, window.width - 0.1), float(rng.uniform(0.95, 1.25))])
        sizes.append(("window", window, model_size, float(rng.uniform(0.8, 1.0))))
    placed = []
    for number, (kind, opening, size, low) in enumerate(sizes):
        model = supplier.draw(kind, rng)
        wall = layout.walls[opening.wall]
        place = np.array([*wall.at(opening.place, size[0] / 2 + 0.004), low])
        wanted = Wanted(kind, 1, 1, "hung")
        support = WALL if low else FLOOR
        placed.append(PlacedObject(FLOOR + 1 + number, model, size / model.size, wall.yaw, place, wanted, support))
    return placed


def _draw_decor(scene_type: str, rng: np.random.Generator) -> Decor:
    kind, style = SCENE_TYPES[scene_type], Style(rng)
    wall = style.color("wall_color", _WALLS)
    if scene_type == "Bathroom" and rng.random() < 0.5:
        wall = style.color("wall_color", palette.CERAMIC)
    floor = style.color("floor_color", kind.floors)
    shade = np.array(floor) * (0.84 if kind.tiled else 0.97)
    red, green, blue = shade.astype(int).tolist()
    return Decor(wall, floor, (red, green, blue))
