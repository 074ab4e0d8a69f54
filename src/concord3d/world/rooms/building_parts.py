"""What a building has above and between its rooms' furniture: ceiling, beams and columns.

A camera that is led through a room does not look up, so that data sets of frames have none of these.
Frame: that of the room, z up. Shape legend: F faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.mesh import Mesh
from concord3d.world.objects.grammar import Shape, join, span
from concord3d.world.rooms.layouts import RoomLayout
from concord3d.world.rooms.meshes import RoomMesh, floor_parts, grid, steps
from concord3d.world.rooms.spaces import Space

Array = NDArray[np.float64]

_TRIES = 30
_MAX_BEAMS, _MAX_COLUMNS = 2, 2
_BEAM_WIDTH, _BEAM_DROP, _COLUMN_SIDE = (0.2, 0.4), (0.12, 0.35), (0.25, 0.45)
# Nothing in a room reaches higher.
_HEADROOM = 2.25
_CEILINGS = np.array([(238, 238, 234), (222, 222, 218), (214, 206, 190), (196, 198, 200)])


@dataclass(frozen=True, eq=False)
class Building:
    """A room with the parts of its building.

    Attributes:
        mesh: Furniture, shell and parts.
        parts: ``ceiling``, ``beam`` or ``column`` by identity.
    """

    mesh: RoomMesh
    parts: Mapping[int, str]


def with_building_parts(room: RoomMesh, space: Space, square: float, rng: np.random.Generator) -> Building:
    """Add a ceiling, and in some rooms beams and columns.

    Args:
        room: The mesh of the space.
        space: The space; a column stands at a wall where nothing else does.
        square: Side of the squares of the ceiling in metres.
        rng: Source of randomness.
    """
    layout = space.layout
    paint = np.array(space.decor.wall)
    shapes = [("ceiling", _ceiling(layout, square), _CEILINGS[rng.integers(len(_CEILINGS))])]
    for _ in range(int(rng.integers(_MAX_BEAMS + 1))):
        shapes.append(("beam", _beam(layout, rng), paint * rng.uniform(0.8, 1.0)))
    taken: list[tuple[Array, Array]] = [layout.door_zone(), *(one.box for one in space.objects)]
    for _ in range(int(rng.integers(_MAX_COLUMNS + 1))):
        column = _column(layout, taken, rng)
        if column is not None:
            shapes.append(("column", column, paint * rng.uniform(0.75, 1.0)))
            taken.append((column.vertices.min(axis=0), column.vertices.max(axis=0)))
    mesh, first = room.mesh, space.next_identity
    sizes = [len(room.mesh.vertices), *(len(shape.vertices) for _, shape, _ in shapes)]
    starts = np.cumsum(sizes)[:-1]
    whole = Mesh(
        np.concatenate([mesh.vertices, *(shape.vertices for _, shape, _ in shapes)]).astype(np.float32),
        np.concatenate([mesh.faces, *(one[1].faces + start for one, start in zip(shapes, starts, strict=True))]).astype(
            np.int32
        ),
        np.concatenate([room.colors, *(np.tile(color, (len(shape.faces), 1)) for _, shape, color in shapes)]).astype(
            np.uint8
        ),
    )
    identities = np.arange(first, first + len(shapes), dtype=np.int32)
    return Building(
        RoomMesh(
            whole,
            np.concatenate([room.face_object, np.repeat(identities, [len(shape.faces) for _, shape, _ in shapes])]),
            np.concatenate([room.vertex_object, np.repeat(identities, sizes[1:])]),
        ),
        {int(identity): name for identity, (name, _, _) in zip(identities, shapes, strict=True)},
    )


def _ceiling(layout: RoomLayout, square: float) -> Shape:
    pieces = []
    for low, high in floor_parts(layout):
        places, faces = grid(steps(low[0], high[0], square), steps(low[1], high[1], square))
        pieces.append(Shape(np.column_stack([places, np.full(len(places), layout.height)]), faces))
    return join(pieces)


def _beam(layout: RoomLayout, rng: np.random.Generator) -> Shape:
    """Return a beam below the ceiling, from wall to wall along one axis."""
    across = int(rng.integers(2))
    along = 1 - across
    width = float(rng.uniform(*_BEAM_WIDTH))
    place = float(rng.uniform(width, layout.size[across] - width))
    sides = (place - width / 2, place + width / 2)
    ends = [0.0, float(layout.size[along])]
    if layout.notch is not None and sides[0] < layout.notch[1][across] and sides[1] > layout.notch[0][across]:
        # What is cut out of the room reaches one end of the axis.
        low, high = float(layout.notch[0][along]), float(layout.notch[1][along])
        ends = [0.0, low] if low > 0 else [high, ends[1]]
    drop = min(float(rng.uniform(*_BEAM_DROP)), layout.height - _HEADROOM)
    limits = {across: sides, along: ends}
    return span(limits[0], limits[1], (layout.height - drop, layout.height))


def _column(layout: RoomLayout, taken: list[tuple[Array, Array]], rng: np.random.Generator) -> Shape | None:
    """Return a column at a wall, or None where there is no free place."""
    for _ in range(_TRIES):
        wall = layout.walls[int(rng.integers(len(layout.walls)))]
        side, depth = rng.uniform(*_COLUMN_SIDE, 2)
        middle = wall.at(float(rng.uniform(side / 2, wall.length - side / 2)), depth / 2)
        half = np.abs(np.array([*(wall.along * side + wall.inward * depth), 0.0])) / 2
        low, high = np.array([*middle, 0.0]) - half, np.array([*middle, layout.height]) + half
        if all((low >= other[1]).any() or (high <= other[0]).any() for other in taken):
            return span((low[0], high[0]), (low[1], high[1]), (0.0, layout.height))
    return None
