"""Objects as they stand in a room.

Frame: that of the room, z up. Shape legend: V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, rigid, turn_about_z
from concord3d.world.rooms.furniture import FurnitureModel
from concord3d.world.rooms.kinds import CLUTTER
from concord3d.world.rooms.scene_types import Wanted

Array = NDArray[np.float64]

WALL, FLOOR = 1, 2


@dataclass(frozen=True, eq=False)
class PlacedObject:
    """One object.

    Attributes:
        identity: Its number in the space, kept in rescans.
        model: Its shape.
        scale: (3,) factors on depth, width and height of the model.
        yaw: Direction of its front in radians from x towards y.
        place: (3,) middle of its footprint.
        wanted: The rule by which it was placed.
        support: Identity of what it stands on; that of the floor or the wall where it stands or hangs there.
    """

    identity: int
    model: FurnitureModel
    scale: Array
    yaw: float
    place: Array
    wanted: Wanted
    support: int = FLOOR

    @property
    def kind(self) -> str:
        """What it is."""
        return self.model.kind

    @property
    def annotated(self) -> bool:
        """Whether it is one of the objects that a data set lists."""
        return self.kind not in CLUTTER

    @property
    def size(self) -> Array:
        """(3,) depth, width and height."""
        return self.model.size * self.scale

    @property
    def pose(self) -> Matrix:
        """(4, 4) from the scaled model to the room."""
        return rigid(turn_about_z(self.yaw), self.place)

    @cached_property
    def vertices(self) -> Array:
        """(V, 3) in the room."""
        turned: Array = (self.model.vertices * self.scale) @ turn_about_z(self.yaw).T + self.place
        return turned

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """Lowest and highest corner (3,) of its box along the axes."""
        return self.vertices.min(axis=0), self.vertices.max(axis=0)

    @property
    def middle(self) -> Array:
        """(3,) middle of that box."""
        low, high = self.box
        return (low + high) / 2


def surface_heights(one: PlacedObject, points: Array) -> Array:
    """Return (N,) the height of the highest surface of an object above points (N, 2), minus infinity beside it."""
    a, b, c = (one.vertices[one.model.faces[:, i]] for i in range(3))
    edge_b, edge_c = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    area = edge_b[:, 0] * edge_c[:, 1] - edge_b[:, 1] * edge_c[:, 0]
    flat = np.abs(area) > 1e-9
    a, b, c, edge_b, edge_c, area = (part[flat] for part in (a, b, c, edge_b, edge_c, area))
    offset = points[:, None] - a[None, :, :2]
    v = (offset[..., 0] * edge_c[:, 1] - offset[..., 1] * edge_c[:, 0]) / area
    w = (edge_b[:, 0] * offset[..., 1] - edge_b[:, 1] * offset[..., 0]) / area
    inside = (v >= 0) & (w >= 0) & (v + w <= 1)
    height = a[:, 2] + v * (b[:, 2] - a[:, 2]) + w * (c[:, 2] - a[:, 2])
    heights: Array = np.where(inside, height, -np.inf).max(axis=1)
    return heights
