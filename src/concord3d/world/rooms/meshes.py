"""A space as one mesh whose faces know their object: the shell in squares, the objects as they are.

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.mesh import Mesh
from concord3d.world.rooms.layouts import RoomLayout
from concord3d.world.rooms.objects import FLOOR, WALL
from concord3d.world.rooms.spaces import Space

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoomMesh:
    """A mesh with labels.

    Attributes:
        mesh: With face colours.
        face_object: (F,) int32 identity, 0 where nobody annotates it.
        vertex_object: (V,) int32 the same of vertices; no vertex belongs to two objects.
    """

    mesh: Mesh
    face_object: NDArray[np.int32]
    vertex_object: NDArray[np.int32]

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """(F, 3) unit normals of the faces."""
        return self.mesh.face_normals()

    @property
    def colors(self) -> NDArray[np.uint8]:
        """(F, 3) colours of the faces."""
        if self.mesh.face_colors is None:
            raise AssertionError("Every piece of a room has colours")
        return self.mesh.face_colors


def room_mesh(space: Space, square: float) -> RoomMesh:
    """Return a space as a mesh.

    Args:
        space: The space.
        square: Side of the squares of walls and floor in metres.
    """
    pieces = [*_shell(space, square)]
    for one in space.objects:
        identity = one.identity if one.annotated else 0
        pieces.append((one.vertices, one.model.faces, one.model.colors, identity))
    starts = np.cumsum([0] + [len(vertices) for vertices, *_ in pieces[:-1]])
    mesh = Mesh(
        np.concatenate([piece[0] for piece in pieces]).astype(np.float32),
        np.concatenate([piece[1] + start for piece, start in zip(pieces, starts, strict=True)]).astype(np.int32),
        np.concatenate([piece[2] for piece in pieces]).astype(np.uint8),
    )
    numbers = np.array([piece[3] for piece in pieces], dtype=np.int32)
    return RoomMesh(
        mesh,
        np.repeat(numbers, [len(piece[1]) for piece in pieces]),
        np.repeat(numbers, [len(piece[0]) for piece in pieces]),
    )


def _shell(space: Space, square: float) -> list[tuple[Array, NDArray[np.int32], NDArray[np.integer], int]]:
    layout, decor = space.layout, space.decor
    pieces: list[tuple[Array, NDArray[np.int32], NDArray[np.integer], int]] = []
    for wall in layout.walls:
        across, up = steps(0, wall.length, square), steps(0, layout.height, square)
        places, faces = grid(across, up)
        vertices = np.column_stack([wall.start + places[:, :1] * wall.along, places[:, 1]])
        pieces.append((vertices, faces, np.tile(decor.wall, (len(faces), 1)), WALL))
    for low, high in floor_parts(layout):
        x, y = steps(low[0], high[0], square), steps(low[1], high[1], square)
        places, faces = grid(x, y)
        # Both triangles of a square have its colour.
        odd = np.tile(np.indices((len(x) - 1, len(y) - 1)).sum(axis=0).ravel() % 2, 2)[:, None]
        colors = np.where(odd, decor.second, decor.floor)
        pieces.append((np.column_stack([places, np.zeros(len(places))]), faces, colors, FLOOR))
    return pieces


def floor_parts(layout: RoomLayout) -> list[tuple[Array, Array]]:
    """Return the floor as rectangles that do not overlap: lowest and highest corner (2,) of each."""
    zero, size = np.zeros(2), layout.size
    if layout.notch is None:
        return [(zero, size)]
    low, high = layout.notch
    # The notch reaches one end of both sides: a strip beside it, and what is left below or above.
    beside = (zero, np.array([low[0], size[1]])) if low[0] > 0 else (np.array([high[0], 0.0]), size)
    span = (np.array([low[0], 0.0]), np.array([high[0], low[1]])) if low[1] > 0 else (
        np.array([low[0], high[1]]), np.array([high[0], size[1]]))  # fmt: skip
    return [beside, span]


def steps(low: float, high: float, square: float) -> Array:
    """Return places from one limit to the other, about one square apart, three at least."""
    return np.linspace(low, high, max(2, round((high - low) / square) + 1))


def grid(x: Array, y: Array) -> tuple[Array, NDArray[np.int32]]:
    """Return (V, 2) crossings and (F, 3) triangles of a grid."""
    places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    index = np.arange(len(x) * len(y), dtype=np.int32).reshape(len(x), len(y))
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    return places, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
