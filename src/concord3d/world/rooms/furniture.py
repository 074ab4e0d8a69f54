"""Models of furniture made ready to stand in a room: z up, front towards +x, in metres.

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadMesh
from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.generation import generate
from concord3d.world.objects.grammar import Shape, join, rotation, span, subdivided
from concord3d.world.rooms.kinds import KINDS

_VARIANTS = 64


@dataclass(frozen=True, eq=False)
class FurnitureModel:
    """A shape with colours, its footprint about the origin, standing on z = 0.

    Attributes:
        kind: What it is.
        name: Its identifier among all models.
        vertices: (V, 3) float64.
        faces: (F, 3) int32.
        colors: (F, 3) uint8.
    """

    kind: str
    name: str
    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]

    @property
    def size(self) -> NDArray[np.float64]:
        """(3,) depth, width and height."""
        return np.ptp(self.vertices, axis=0)


class FurnitureSupplier(Protocol):
    """Where rooms get their furniture: one model of a kind at a time."""

    def draw(self, kind: str, rng: np.random.Generator, raised: bool = False) -> FurnitureModel:
        """Return one of the supplier's models of a kind.

        Args:
            kind: One of :data:`concord3d.world.rooms.kinds.KINDS` or :data:`concord3d.world.rooms.kinds.CLUTTER`.
            rng: Source of randomness.
            raised: Whether it is to stand on another object; a supplier may then leave tall models out.
        """


@dataclass(frozen=True)
class WorldFurniture:
    """Furniture made by the world's generators.

    Attributes:
        first_index: Number of the first object of each category; rooms of two splits show different objects.
        seed: Seed of the world.
        min_vertices: Faces are split until a model has so many vertices, as a scanner's mesh has on flat parts too.
    """

    first_index: int
    seed: int
    min_vertices: int

    def draw(self, kind: str, rng: np.random.Generator, raised: bool = False) -> FurnitureModel:
        return world_model(kind, self.first_index + int(rng.integers(_VARIANTS)), self.seed, self.min_vertices)


# A data set of rooms makes each model once; a thousand take about 40 MB.
@lru_cache(maxsize=2000)
def world_model(kind: str, index: int, seed: int, min_vertices: int) -> FurnitureModel:
    """Return an object of the world, or a fixture of buildings, as it stands in a room.

    Args:
        kind: One of :data:`concord3d.world.rooms.kinds.KINDS` or :data:`concord3d.world.rooms.kinds.CLUTTER`.
        index: Number of the object within its kind.
        seed: Seed of the world.
        min_vertices: Least number of vertices.
    """
    name = f"{kind}_{index:08d}"
    if kind in _FIXTURES:
        rng = np.random.default_rng([seed, list(_FIXTURES).index(kind), index])
        made = Assembly()
        _FIXTURES[kind](Style(rng), made)
        shape = join(piece for _, _, piece in made.pieces)
        colors = np.repeat([color for _, color, _ in made.pieces], [len(s.faces) for _, _, s in made.pieces], axis=0)
    else:
        one = generate(kind, index, seed)
        if one.mesh.face_colors is None:
            raise BadMesh("A world object has no colours", where=name)
        turned = one.mesh.vertices.astype(np.float64) @ rotation("y", -float(one.style["heading_deg"])).T
        shape, colors = Shape(turned, one.mesh.faces), one.mesh.face_colors
    return furniture_model(kind, name, shape, colors, min_vertices)


def furniture_model(
    kind: str, name: str, shape: Shape, colors: NDArray[np.integer], min_vertices: int
) -> FurnitureModel:
    """Return a shape of any place and size as a model of a room.

    Args:
        kind: What it is; it tells the greatest size.
        name: Its identifier.
        shape: y up, front towards +z.
        colors: (F, 3) of its faces.
        min_vertices: Faces are split until it has so many vertices.
    """
    while len(shape.vertices) < min_vertices:
        shape, colors = subdivided(shape), np.repeat(colors, 4, axis=0)
        shape = welded(shape)
    # y is up and z in front: the cyclic change of axes keeps the hand.
    vertices = shape.vertices[:, [2, 0, 1]]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    vertices = vertices - np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    if kind in KINDS:
        vertices = vertices * min(1.0, float((np.array(KINDS[kind].largest) / (high - low)).min()))
    return FurnitureModel(kind, name, vertices, shape.faces, np.asarray(colors, np.uint8))


def welded(shape: Shape) -> Shape:
    """Return a shape whose corners at one place are one vertex."""
    places, index = np.unique(np.round(shape.vertices, 6), axis=0, return_inverse=True)
    return Shape(places, index.ravel()[shape.faces].astype(np.int32))


def _board(width: float, height: float, depth: float, low: float = 0.0) -> Shape:
    """Return an upright board whose back is the plane z = 0."""
    return span((-width / 2, width / 2), (low, low + height), (0, depth))


def _framed(made: Assembly, size: tuple[float, float], rim: float, frame: Color, inner: Color) -> None:
    """Add a flat thing with a frame that stands out."""
    width, height = size
    made.add("inside", inner, _board(width - 2 * rim, height - 2 * rim, 0.02, rim))
    for low, high in ((0.0, rim), (height - rim, height)):
        made.add("frame", frame, span((-width / 2, width / 2), (low, high), (0, 0.035)))
    for side in (-1, 1):
        edges = sorted((side * width / 2, side * (width / 2 - rim)))
        made.add("frame", frame, span(edges, (rim, height - rim), (0, 0.035)))


def _window(style: Style, made: Assembly) -> None:
    width, height = style.real("width", 0.8, 1.7), style.real("height", 0.9, 1.35)
    frame = style.color("frame_color", palette.WOOD, palette.PAINT)
    _framed(made, (width, height), 0.06, frame, style.color("sky_color", {"sky": (168, 202, 232)}))
    if width > 1.1:
        made.add("frame", frame, span((-0.025, 0.025), (0.06, height - 0.06), (0.02, 0.035)))


def _picture(style: Style, made: Assembly) -> None:
    width, height = style.real("width", 0.35, 1.0), style.real("height", 0.35, 0.8)
    _framed(made, (width, height), 0.04, style.color("frame_color", palette.WOOD, palette.METAL),
            style.color("canvas_color", palette.FABRIC))  # fmt: skip
    motif = style.color("motif_color", palette.PAINT, palette.FLOWER)
    made.add("motif", motif, _board(width * 0.4, height * 0.3, 0.024, height * style.real("motif_height", 0.25, 0.45)))


def _mirror(style: Style, made: Assembly) -> None:
    size = style.real("width", 0.45, 0.9), style.real("height", 0.55, 0.95)
    _framed(made, size, 0.03, style.color("frame_color", palette.METAL), style.color("glass", palette.GLASS))


def _whiteboard(style: Style, made: Assembly) -> None:
    size = style.real("width", 1.5, 2.6), style.real("height", 0.9, 1.2)
    _framed(made, size, 0.03, style.color("frame_color", palette.METAL), (246, 247, 248))


def _rug(style: Style, made: Assembly) -> None:
    width, depth = style.real("width", 1.2, 2.2), style.real("depth", 0.9, 1.6)
    color = style.color("color", palette.FABRIC)
    made.add("rug", color, span((-width / 2, width / 2), (0, 0.012), (-depth / 2, depth / 2)))
    inner = tinted(style.color("inner_color", palette.FABRIC), 0.95)
    made.add("rug", inner, span((-width * 0.38, width * 0.38), (0.012, 0.015), (-depth * 0.36, depth * 0.36)))


def _refrigerator(style: Style, made: Assembly) -> None:
    width, height, depth = (
        style.real("width", 0.58, 0.85),
        style.real("height", 1.45, 1.9),
        style.real("depth", 0.6, 0.7),
    )
    color = style.color("color", palette.PAINT)
    made.add("body", color, span((-width / 2, width / 2), (0.03, height), (0, depth - 0.05)))
    split = height * style.real("split", 0.3, 0.7)
    handle = style.color("handle_color", palette.METAL)
    for low, high in ((0.06, split - 0.01), (split + 0.01, height)):
        made.add("door", tinted(color, 1.05), span((-width / 2, width / 2), (low, high), (depth - 0.045, depth)))
        middle = (low + high) / 2
        made.add(
            "handle", handle, span((width * 0.36, width * 0.4), (middle - 0.14, middle + 0.14), (depth, depth + 0.04))
        )


def _counter(style: Style, made: Assembly) -> None:
    width, height, depth = (
        style.real("width", 1.2, 2.3),
        style.real("height", 0.86, 0.94),
        style.real("depth", 0.55, 0.65),
    )
    front = style.color("front_color", palette.WOOD, palette.PAINT)
    made.add("body", front, span((-width / 2, width / 2), (0, height - 0.04), (0, depth - 0.04)))
    top = style.color("top_color", palette.STONE, palette.WOOD)
    made.add("top", top, span((-width / 2, width / 2), (height - 0.04, height), (0, depth)))
    count = max(2, round(width / 0.5))
    metal = style.color("handle_color", palette.METAL)
    for number in range(count):
        left = -width / 2 + number * width / count
        made.add("door", tinted(front, 1.06), span((left + 0.01, left + width / count - 0.01), (0.1, height - 0.08),
                                                   (depth - 0.04, depth - 0.02)))  # fmt: skip
        made.add(
            "handle", metal, span((left + 0.06, left + 0.18), (height - 0.16, height - 0.13), (depth - 0.02, depth))
        )


_FIXTURES: Mapping[str, Callable[[Style, Assembly], None]] = MappingProxyType(
    {
        "window": _window,
        "picture": _picture,
        "mirror": _mirror,
        "whiteboard": _whiteboard,
        "rug": _rug,
        "refrigerator": _refrigerator,
        "counter": _counter,
    }
)
