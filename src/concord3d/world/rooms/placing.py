"""Where objects stand: rules per kind, and the test of whether something else is there.

Shape legend: T tries of one object, O objects and blocked boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import turn_about_z
from concord3d.world.rooms.furniture import FurnitureModel
from concord3d.world.rooms.layouts import RoomLayout, Wall
from concord3d.world.rooms.objects import FLOOR, WALL, PlacedObject, surface_heights
from concord3d.world.rooms.scene_types import Wanted

Array = NDArray[np.float64]

_TRIES = 24
_TOUCH = 0.004
_WALKWAY = 0.4
_TALL = 1.0
# Places below an object at which its support is looked for, in its depths and widths.
_FOOTPRINT = np.array([[x, y] for x in np.linspace(-0.42, 0.42, 5) for y in np.linspace(-0.42, 0.42, 5)])
_HUNG = ("hung", "above", "window")
# What surfaces may differ by below a thing that stands on them.
_EVEN_M = {"pillow": 0.12}
_FLAT = "rug"
# What stands at the back of each kind: a pillow lies at the head of a bed, but on the seat of a sofa.
_AT_THE_BACK = {"bed": ("pillow",), "desk": ("monitor",), "tv_stand": ("display",)}


class Placer:
    """Puts objects into a room, one after another.

    Args:
        layout: The shell.
        rng: Source of randomness.
        objects: What stands there already.
    """

    def __init__(self, layout: RoomLayout, rng: np.random.Generator, objects: Sequence[PlacedObject] = ()) -> None:
        self.layout, self.rng = layout, rng
        self.objects = list(objects)
        self._rules: dict[str, Callable[[Wanted, Array], Array]] = {
            "wall": self._against_wall, "corner": self._in_corner, "hung": self._against_wall,
            "window": self._at_window, "middle": self._in_the_middle, "free": self._free, "rows": self._in_rows,
            "on": self._on, "beside": self._beside, "before": self._before, "around": self._around,
            "above": self._above,
        }  # fmt: skip

    def place(self, identity: int, model: FurnitureModel, scale: Array, wanted: Wanted) -> PlacedObject | None:
        """Find a place by the rule of an object; return it as it stands there, or None where there is none.

        Args:
            identity: Its number.
            model: Its shape.
            scale: (3,) factors on the model.
            wanted: Its rule.
        """
        tries = self._rules[wanted.rule](wanted, model.size * scale)
        return self._first_free(identity, model, scale, wanted, tries)

    def nudge(self, one: PlacedObject) -> PlacedObject | None:
        """Shift and turn an object that stands on the floor and is not in the room now, as one pulls a chair.

        Args:
            one: As it stood.
        """
        shifts = self.rng.normal(0, 0.35, (_TRIES, 2)), self.rng.normal(0, 0.5, _TRIES)
        tries = _rows(
            [(*(one.place[:2] + shift), 0.0, one.yaw + turn, FLOOR) for shift, turn in zip(*shifts, strict=True)]
        )
        return self._first_free(one.identity, one.model, one.scale, Wanted(one.kind, 1, 1, "near"), tries)

    def _first_free(
        self, identity: int, model: FurnitureModel, scale: Array, wanted: Wanted, tries: Array
    ) -> PlacedObject | None:
        if not len(tries):
            return None
        lows, highs = _boxes(tries, model.size * scale)
        free = self._inside(lows, highs) & self._unblocked(wanted, lows, highs)
        for x, y, z, yaw, support in tries[free]:
            one = PlacedObject(identity, model, scale, float(yaw), np.array([x, y, z]), wanted, int(support))
            settled = one if wanted.rule != "on" else self._settled(one)
            if settled is not None:
                self.objects.append(settled)
                return settled
        return None

    def _inside(self, lows: Array, highs: Array) -> NDArray[np.bool_]:
        inside = (lows[:, :2] > 0).all(axis=1) & (highs[:, :2] < self.layout.size).all(axis=1)
        if self.layout.notch is not None:
            low, high = self.layout.notch
            inside &= ~((lows[:, :2] < high) & (highs[:, :2] > low)).all(axis=1)
        return inside & (highs[:, 2] < self.layout.height)

    def _unblocked(self, wanted: Wanted, lows: Array, highs: Array) -> NDArray[np.bool_]:
        """Return (T,) whether nothing else is in the boxes, the door can be opened and windows are not hidden."""
        zones = [] if wanted.kind == _FLAT else [self.layout.door_zone()]
        if wanted.rule != "window":
            zones += self.layout.window_zones(_TALL, 2.2)
        # A rug lies below what stands in the room; only a second one is in its way.
        others = [one for one in self.objects if (one.kind == _FLAT) == (wanted.kind == _FLAT)]
        gap = _WALKWAY if wanted.rule in ("free", "middle") and wanted.kind != _FLAT else 0.0
        blocked = np.zeros(len(lows), dtype=bool)
        for boxes, margin in ((zones, 0.0), ([one.box for one in others], gap)):
            if boxes:
                low, high = (np.stack(side) for side in zip(*boxes, strict=True))
                reach = np.array([margin, margin, 0.0]) - _TOUCH
                over = np.all((lows[:, None] < high + reach) & (highs[:, None] > low - reach), axis=2)
                blocked |= over.any(axis=1)
        return ~blocked

    def _settled(self, one: PlacedObject) -> PlacedObject | None:
        """Return an object lowered to the surface below it, or None where that is not even or does not carry it."""
        below = next(other for other in self.objects if other.identity == one.support)
        steps = _FOOTPRINT * one.size[:2]
        heights = surface_heights(below, steps @ turn_about_z(one.yaw)[:2, :2].T + one.place[:2])
        top = float(heights.max())
        if not np.isfinite(heights).all() or top - float(heights.min()) > _EVEN_M.get(one.kind, 0.03):
            return None
        place = np.array([one.place[0], one.place[1], top])
        lowered = PlacedObject(one.identity, one.model, one.scale, one.yaw, place, one.wanted, one.support)
        low, high = lowered.box
        others = [other for other in self.objects if other is not below and other.kind != _FLAT]
        clear = not any((low < q + -_TOUCH).all() and (high > p + _TOUCH).all() for p, q in (o.box for o in others))
        return lowered if clear and high[2] < self.layout.height else None

    def _parents(self, wanted: Wanted) -> list[PlacedObject]:
        """Return the objects that a rule may refer to, those with the fewest dependents of this kind first."""
        kinds = wanted.of.split("|")
        found = [one for one in self.objects if one.kind in kinds]
        near = {id(one): sum(other.kind == wanted.kind and np.linalg.norm(other.middle - one.middle) < 1.6
                             for other in self.objects) for one in found}  # fmt: skip
        order = self.rng.permutation(len(found))
        return sorted((found[i] for i in order), key=lambda one: near[id(one)])

    def _against_wall(self, wanted: Wanted, size: Array) -> Array:
        return self._along_walls(wanted, size, self.rng.random(_TRIES))

    def _in_corner(self, wanted: Wanted, size: Array) -> Array:
        near = 0.03 * self.rng.random(_TRIES)
        return self._along_walls(wanted, size, np.where(self.rng.random(_TRIES) < 0.5, near, 1 - near))

    def _along_walls(self, wanted: Wanted, size: Array, share: Array) -> Array:
        """Return tries with the back against a wall, at a share of what each wall leaves beside the object."""
        walls = self.layout.walls
        hung = wanted.rule == "hung"
        chosen = self.rng.integers(len(walls), size=len(share))
        tries = []
        for number, part in zip(chosen, share, strict=True):
            wall = walls[number]
            slack = wall.length - size[1] - 0.06
            if slack > 0:
                gap = 0.006 if hung else 0.01 + 0.02 * float(self.rng.random())
                place = wall.at(0.03 + size[1] / 2 + part * slack, size[0] / 2 + gap)
                tries.append((*place, _height(wanted, size), wall.yaw, WALL if _hangs(wanted, size) else FLOOR))
        return _rows(tries)

    def _at_window(self, wanted: Wanted, size: Array) -> Array:
        walls = self.layout.walls
        tries = []
        for opening in self.layout.windows:
            wall: Wall = walls[opening.wall]
            place = wall.at(opening.place, size[0] / 2 + 0.045)
            tries.append((*place, max(0.01, 2.3 - size[2]), wall.yaw, WALL))
        return _rows(tries)

    def _in_the_middle(self, wanted: Wanted, size: Array) -> Array:
        room = self.layout.size
        # The longer side of the object lies along the longer side of the room.
        yaw = 0.0 if (size[0] > size[1]) == (room[0] > room[1]) else np.pi / 2
        spread = np.linspace(0, 0.18, _TRIES)[:, None] * self.rng.uniform(-1, 1, (_TRIES, 2))
        places = room * (0.5 + spread)
        return _rows([(x, y, 0.0, yaw, FLOOR) for x, y in places])

    def _free(self, wanted: Wanted, size: Array) -> Array:
        half = size[:2].max() / 2
        low = np.minimum(half + (0.1 if wanted.kind == _FLAT else 0.6), self.layout.size / 2)
        places = self.rng.uniform(low, self.layout.size - low, (2 * _TRIES, 2))
        turns = np.pi / 2 * self.rng.integers(4, size=len(places)) + self.rng.normal(0, 0.02, len(places))
        return _rows([(x, y, 0.0, yaw, FLOOR) for (x, y), yaw in zip(places, turns, strict=True)])

    def _in_rows(self, wanted: Wanted, size: Array) -> Array:
        """Return the places of two columns of tables that face what hangs on the wall."""
        parents = self._parents(wanted)
        if not parents:
            return self._free(wanted, size)
        front = parents[0]
        ahead, aside = turn_about_z(front.yaw)[:2, 0], turn_about_z(front.yaw)[:2, 1]
        step = size[0] + 0.95
        spots = [(1.5 + row * step, side * (size[1] / 2 + 0.4)) for row in range(3) for side in (-1, 1)]
        middle = np.abs(aside) * self.layout.size / 2 + np.abs(ahead) * front.place[:2]
        shift = self.rng.normal(0, 0.03, (len(spots), 2))
        places = [middle + x * ahead + y * aside + d for (x, y), d in zip(spots, shift, strict=True)]
        return _rows([(*place, 0.0, front.yaw, FLOOR) for place in places])

    def _on(self, wanted: Wanted, size: Array) -> Array:
        tries = []
        for one in self._parents(wanted)[:3]:
            room = np.clip(one.size[:2] / 2 - size[:2] / 2, 0, None)
            for x, y in self.rng.uniform(-1, 1, (8, 2)):
                if wanted.kind in _AT_THE_BACK.get(one.kind, ()):
                    x = -abs(x) * 0.5 - 0.45
                local = np.array([x, y]) * room
                place = one.place[:2] + turn_about_z(one.yaw)[:2, :2] @ local
                # Its height is that of the surface, which is found later; here it only has to be above the others.
                tries.append((*place, one.box[1][2], one.yaw + float(self.rng.normal(0, 0.05)), one.identity))
        return _rows(tries)

    def _beside(self, wanted: Wanted, size: Array) -> Array:
        tries = []
        for one in self._parents(wanted):
            back = (size[0] - one.size[0]) / 2
            for gap in (0.03, 0.06, 0.12):
                for side in self.rng.permutation([-1, 1]):
                    local = np.array([back, side * (one.size[1] / 2 + size[1] / 2 + gap)])
                    tries.append((*self._seen_from(one, local), 0.0, one.yaw, FLOOR))
        return _rows(tries)

    def _before(self, wanted: Wanted, size: Array) -> Array:
        low, turn = (0.03, np.pi) if wanted.kind == "chair" else (0.3, 0.0)
        tries = []
        for one in self._parents(wanted):
            for _ in range(6):
                gap = low + 0.12 * float(self.rng.random())
                slack = 0.2 * one.size[1] * float(self.rng.uniform(-1, 1))
                local = np.array([one.size[0] / 2 + size[0] / 2 + gap, slack])
                yaw = one.yaw + turn + float(self.rng.normal(0, 0.12 if turn else 0.02))
                tries.append((*self._seen_from(one, local), 0.0, yaw, FLOOR))
        return _rows(tries)

    def _around(self, wanted: Wanted, size: Array) -> Array:
        tries = []
        for one in self._parents(wanted):
            for side in self.rng.integers(4, size=12):
                angle = side * np.pi / 2
                reach, length = (one.size[0], one.size[1])[:: 1 if side % 2 == 0 else -1]
                slack = max(0.0, length / 2 - size[1] / 2) * float(self.rng.uniform(-1, 1))
                distance = reach / 2 + size[0] / 2 + 0.02 + 0.1 * float(self.rng.random())
                local = turn_about_z(angle)[:2, :2] @ np.array([distance, slack])
                yaw = one.yaw + angle + np.pi + float(self.rng.normal(0, 0.1))
                tries.append((*self._seen_from(one, local), 0.0, yaw, FLOOR))
        return _rows(tries)

    def _above(self, wanted: Wanted, size: Array) -> Array:
        tries = []
        for one in self._parents(wanted):
            local = np.array([(size[0] - one.size[0]) / 2, 0.0])
            bottom = max(wanted.lift, float(one.box[1][2]) + 0.05)
            tries.append((*self._seen_from(one, local), bottom, one.yaw, WALL))
        return _rows(tries)

    def _seen_from(self, one: PlacedObject, local: Array) -> Array:
        place: Array = one.place[:2] + turn_about_z(one.yaw)[:2, :2] @ local
        return place


def _rows(tries: list[tuple[float, ...]]) -> Array:
    return np.array(tries, dtype=np.float64).reshape(-1, 5)


def _hangs(wanted: Wanted, size: Array) -> bool:
    return wanted.rule in _HUNG or (wanted.kind == "sink" and size[2] < 0.5)


def _height(wanted: Wanted, size: Array) -> float:
    """Return the height of the lower edge; a basin without a foot hangs on the wall with its rim at 0.85 m."""
    return 0.85 - float(size[2]) if wanted.kind == "sink" and size[2] < 0.5 else wanted.lift


def _boxes(tries: Array, size: Array) -> tuple[Array, Array]:
    """Return (T, 3) lowest and highest corners of the object's box, turned, at every try."""
    c, s = np.abs(np.cos(tries[:, 3])), np.abs(np.sin(tries[:, 3]))
    half = np.stack([c * size[0] + s * size[1], s * size[0] + c * size[1], np.full(len(c), size[2])], axis=1) / 2
    middle = tries[:, :3] + np.array([0.0, 0.0, size[2] / 2])
    return middle - half, middle + half
