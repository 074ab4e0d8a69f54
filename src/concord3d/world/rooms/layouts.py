"""The shell of a room: its outline, its walls, its door and its windows.

Frame: z up, floor on z = 0, the lowest corner of the outline at the origin. Shape legend: K corners, N points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from concord3d.world.rooms.scene_types import SceneType

Array = NDArray[np.float64]

DOOR_CLEARANCE = 0.9
_MARGIN = 0.15


@dataclass(frozen=True)
class Wall:
    """One straight wall.

    Attributes:
        start: (2,) its end that is on the left when one stands in the room and looks at it.
        along: (2,) unit vector towards the other end.
        length: In metres.
    """

    start: Array
    along: Array
    length: float

    @property
    def inward(self) -> Array:
        """(2,) unit vector into the room."""
        return np.array([self.along[1], -self.along[0]])

    @property
    def yaw(self) -> float:
        """Direction in radians of what stands with its back against the wall."""
        return float(np.arctan2(self.inward[1], self.inward[0]))

    def at(self, place: float, distance: float) -> Array:
        """Return (2,) the point so far along the wall and so far in front of it."""
        return self.start + place * self.along + distance * self.inward


@dataclass(frozen=True)
class Opening:
    """A door or a window.

    Attributes:
        wall: Number of its wall.
        place: Its middle along the wall.
        width: Along the wall.
    """

    wall: int
    place: float
    width: float


@dataclass(frozen=True)
class RoomLayout:
    """A shell.

    Attributes:
        outline: (K, 2) corners, clockwise from above, along the axes.
        notch: (2, 2) lowest and highest corner of what is cut out of the rectangle, or None.
        height: Of the walls.
        door: The door.
        windows: The windows.
    """

    outline: Array
    notch: Array | None
    height: float
    door: Opening
    windows: tuple[Opening, ...]

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls, in the order of the corners that they start from."""
        ends = np.roll(self.outline, -1, axis=0)
        lengths = np.linalg.norm(ends - self.outline, axis=1)
        return tuple(
            Wall(start, (end - start) / length, float(length))
            for start, end, length in zip(self.outline, ends, lengths, strict=True)
        )

    @property
    def size(self) -> Array:
        """(2,) lengths of the rectangle that holds it."""
        return np.ptp(self.outline, axis=0)

    def clearance(self, points: Array) -> Array:
        """Return (N,) distances of points (N, 2) to the nearest wall, negative outside."""
        free = np.minimum(points, self.size - points).min(axis=1)
        if self.notch is None:
            return free
        gaps = np.maximum(self.notch[0] - points, points - self.notch[1])
        outside = np.linalg.norm(np.clip(gaps, 0, None), axis=1)
        return np.minimum(free, np.where((gaps < 0).all(axis=1), gaps.max(axis=1), outside))

    def door_zone(self) -> tuple[Array, Array]:
        """Return lowest and highest corner (3,) of the box in front of the door that stays free."""
        wall = self.walls[self.door.wall]
        return _box(wall, self.door, DOOR_CLEARANCE, 0.0, 2.0)

    def window_zones(self, sill: float, top: float) -> list[tuple[Array, Array]]:
        """Return the boxes in front of the windows that nothing tall stands in."""
        return [_box(self.walls[window.wall], window, 0.3, sill, top) for window in self.windows]


def _box(wall: Wall, opening: Opening, depth: float, low: float, high: float) -> tuple[Array, Array]:
    ends = np.stack([
        wall.at(opening.place - opening.width / 2, 0.0), wall.at(opening.place + opening.width / 2, depth)
    ])  # fmt: skip
    return np.array([*ends.min(axis=0), low]), np.array([*ends.max(axis=0), high])


def draw_layout(kind: SceneType, rng: np.random.Generator) -> RoomLayout:
    """Draw a shell.

    Args:
        kind: Kind of room.
        rng: Source of randomness.
    """
    width, depth = rng.uniform(*kind.width), rng.uniform(*kind.depth)
    if rng.random() < 0.5:
        width, depth = depth, width
    corners, notch = np.array([[0, 0], [0, depth], [width, depth], [width, 0]]), None
    if rng.random() < kind.notched:
        corners, notch = _notched(width, depth, rng)
    bare = RoomLayout(corners, notch, float(rng.uniform(2.4, 2.9)), Opening(0, 0, 0), ())
    taken: list[Opening] = []
    door = _opening(bare, 0.95, taken, rng)
    if door is None:
        raise AssertionError("Every room has a wall that is long enough for a door")
    taken.append(door)
    for _ in range(int(rng.integers(kind.windows[0], kind.windows[1] + 1))):
        window = _opening(bare, 1.7, taken, rng)
        if window is not None:
            taken.append(window)
    return replace(bare, door=door, windows=tuple(taken[1:]))


def _notched(width: float, depth: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return outline and missing part of a room without one corner, as a shaft or a neighbour takes it."""
    x, y = width * (1 - rng.uniform(0.18, 0.38)), depth * (1 - rng.uniform(0.18, 0.38))
    corners = np.array([[0, 0], [0, depth], [x, depth], [x, y], [width, y], [width, 0]])
    missing = np.array([[x, y], [width, depth]])
    mirrored = rng.random(2) < 0.5
    size = np.array([width, depth])
    corners, missing = (np.where(mirrored, size - points, points) for points in (corners, missing))
    # One reflection turns the order of the corners round, a second one back.
    return corners[::-1] if mirrored.sum() == 1 else corners, np.sort(missing, axis=0)


def _opening(layout: RoomLayout, width: float, taken: list[Opening], rng: np.random.Generator) -> Opening | None:
    """Return an opening that keeps away from corners and from those there are."""
    walls = layout.walls
    for _ in range(30):
        number = int(rng.integers(len(walls)))
        slack = walls[number].length - width - 2 * _MARGIN
        if slack < 0:
            continue
        place = _MARGIN + width / 2 + slack * float(rng.random())
        if all(one.wall != number or abs(one.place - place) > (one.width + width) / 2 + 0.1 for one in taken):
            return Opening(number, place, width)
    return None
