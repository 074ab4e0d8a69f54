"""Shape grammar of the synthetic world: primitives, sweeps, arrays and small deformations on plain arrays.

Solids stand on y = 0, centred in x and z; balls, rings and extrusions are centred at the origin.
Right-handed axes, y up, front towards +z.

Shape legend: V vertices, F faces, R rings of a loft, K points of a ring or path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Shape:
    """Triangles without part or colour.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int32 indices into ``vertices``.
    """

    vertices: Array
    faces: NDArray[np.int32]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Shape:
        """Return the shape translated."""
        return Shape(self.vertices + np.array([x, y, z]), self.faces)

    def scaled(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Shape:
        """Return the shape scaled about the origin; an odd number of negative factors keeps faces outward."""
        faces = self.faces[:, ::-1] if x * y * z < 0 else self.faces
        return Shape(self.vertices * np.array([x, y, z]), faces)

    def turned(self, axis: str, degrees: float) -> Shape:
        """Return the shape rotated about a coordinate axis through the origin (right-hand rule)."""
        return Shape(self.vertices @ rotation(axis, degrees).T, self.faces)


def rotation(axis: str, degrees: float) -> Array:
    """Return the (3, 3) rotation about axis ``"x" | "y" | "z"`` by the right-hand rule."""
    first = _AXES[axis]
    j, k = (first + 1) % 3, (first + 2) % 3
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    matrix[j, j], matrix[j, k], matrix[k, j], matrix[k, k] = cosine, -sine, sine, cosine
    return matrix


def join(shapes: Iterable[Shape]) -> Shape:
    """Return one shape holding all triangles of ``shapes`` (at least one)."""
    parts = list(shapes)
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)])
    return Shape(np.concatenate([part.vertices for part in parts]), faces.astype(np.int32))


def mirror(shape: Shape, axis: str = "x") -> Shape:
    """Return the shape together with its reflection through the plane where ``axis`` is zero."""
    factors = np.ones(3)
    factors[_AXES[axis]] = -1
    return join([shape, Shape(shape.vertices * factors, shape.faces[:, ::-1])])


def linear_array(shape: Shape, count: int, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Shape:
    """Return ``count`` copies, each one step (x, y, z) beyond the former."""
    return join([shape.moved(i * x, i * y, i * z) for i in range(count)])


def radial_array(shape: Shape, count: int, start: float = 0.0, sweep: float = 360.0) -> Shape:
    """Return ``count`` copies turned about the y axis, spread over ``sweep`` degrees from ``start``."""
    return join([shape.turned("y", start + sweep * i / count) for i in range(count)])


def polygon(sides: int, radius_x: float = 1.0, radius_y: float | None = None, power: float = 2.0) -> Array:
    """Return (sides, 2) points, counter-clockwise, of a superellipse (power 2: ellipse; large: rectangle)."""
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    cosine, sine = np.cos(angle), np.sin(angle)
    points = np.stack([_signed_power(cosine, 2 / power), _signed_power(sine, 2 / power)], axis=1)
    return points * np.array([radius_x, radius_x if radius_y is None else radius_y])


def _signed_power(value: Array, exponent: float) -> Array:
    return np.sign(value) * np.abs(value) ** exponent


def loft(rings: ArrayLike, caps: bool = True, closed: bool = True) -> Shape:
    """Skin a sequence of rings.

    Args:
        rings: (R, K, 3) points; ring i is joined to ring i + 1.
        caps: Close the first and the last ring with a fan round its centre.
        closed: Join the last point of every ring to its first.
    """
    grid = np.asarray(rings, dtype=np.float64)
    num_rings, num_points = grid.shape[:2]
    index = np.arange(num_rings * num_points).reshape(num_rings, num_points)
    following = np.roll(index, -1, axis=1)
    if not closed:
        index, following = index[:, :-1], following[:, :-1]
    a, b, c, d = (part.ravel() for part in (index[:-1], following[:-1], following[1:], index[1:]))
    faces = [np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)]
    vertices = [grid.reshape(-1, 3)]
    if caps:
        vertices.append(grid[[0, -1]].mean(axis=1))
        middle = num_rings * num_points
        first, second = index[0], following[0]
        faces.append(np.stack([first, second, np.full_like(first, middle)], axis=1))
        first, second = index[-1], following[-1]
        faces.append(np.stack([second, first, np.full_like(first, middle + 1)], axis=1))
    return _without_slivers(Shape(np.concatenate(vertices), np.concatenate(faces).astype(np.int32)))


def _without_slivers(shape: Shape) -> Shape:
    """Drop triangles without area, such as those at the pole of a lathe."""
    a, b, c = (shape.vertices[shape.faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    keep = area > 1e-12
    return shape if keep.all() else Shape(shape.vertices, shape.faces[keep])


def sheet(grid: ArrayLike) -> Shape:
    """Return the open surface through a (rows, columns, 3) grid of points."""
    return loft(grid, caps=False, closed=False)


_BOX_FACES = np.array(
    [[0, 1, 5], [0, 5, 4], [1, 3, 7], [1, 7, 5], [3, 2, 6], [3, 6, 7], [2, 0, 4], [2, 4, 6], [0, 2, 3], [0, 3, 1],
     [4, 5, 7], [4, 7, 6]], dtype=np.int32,
)[:, ::-1]  # fmt: skip


def span(x: Sequence[float], y: Sequence[float], z: Sequence[float]) -> Shape:
    """Return the axis-aligned box between two limits on every axis."""
    corners = np.array([[x[i], y[j], z[k]] for j in (0, 1) for k in (0, 1) for i in (0, 1)], dtype=np.float64)
    return Shape(corners, _BOX_FACES)


def box(width: float, height: float, depth: float, bevel: float = 0.0) -> Shape:
    """Return a box standing on y = 0, its edges chamfered by ``bevel``."""
    if bevel <= 0:
        return span((-width / 2, width / 2), (0, height), (-depth / 2, depth / 2))
    cut = min(bevel, 0.49 * min(width, height, depth))
    a, b = width / 2, depth / 2
    ring = np.array(
        [[a, b - cut], [a - cut, b], [cut - a, b], [-a, b - cut], [-a, cut - b], [cut - a, -b], [a - cut, -b],
         [a, cut - b]]
    )  # fmt: skip
    inner = ring * np.array([(a - cut) / a, (b - cut) / b])
    return stack_rings([inner, ring, ring, inner], [0, cut, height - cut, height])


def stack_rings(rings: Sequence[Array], heights: Sequence[float], caps: bool = True) -> Shape:
    """Loft (K, 2) outlines, given as (x, z) counter-clockwise from above with z down the page, at rising heights."""
    layers = [
        np.stack([ring[:, 0], np.full(len(ring), height), ring[:, 1]], axis=1)
        for ring, height in zip(rings, heights, strict=True)
    ]
    return loft(np.stack(layers), caps)


def rim_ring(outer: Array, inner: Array, low: float, high: float) -> Shape:
    """Return the closed band between two (K, 2) outlines, from height ``low`` to ``high``, open in the middle."""
    return stack_rings([outer, outer, inner, inner, outer], [low, high, high, low, low], caps=False)


def frustum(bottom: float, top: float, height: float, sides: int = 20) -> Shape:
    """Return a truncated cone with radii ``bottom`` and ``top``."""
    unit = polygon(sides)
    return stack_rings([unit * bottom, unit * top], [0, height])


def cylinder(radius: float, height: float, sides: int = 20) -> Shape:
    """Return an upright cylinder."""
    return frustum(radius, radius, height, sides)


def cone(radius: float, height: float, sides: int = 20) -> Shape:
    """Return an upright cone."""
    return frustum(radius, 0.0, height, sides)


def wedge(bottom: Sequence[float], top: Sequence[float], height: float, shift: Sequence[float] = (0, 0)) -> Shape:
    """Return a box whose (width, depth) changes from ``bottom`` to ``top``, the top moved by (x, z) ``shift``."""
    unit = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
    return stack_rings([unit * np.asarray(bottom), unit * np.asarray(top) + np.asarray(shift)], [0, height])


def lathe(profile: ArrayLike, sides: int = 24) -> Shape:
    """Revolve a (K, 2) profile of (radius, height), walked upwards on the outside, about the y axis."""
    outline = np.asarray(profile, dtype=np.float64)
    unit = polygon(sides)
    return stack_rings([unit * radius for radius in outline[:, 0]], list(outline[:, 1]), caps=False)


def smooth(points: ArrayLike, count: int) -> Array:
    """Return ``count`` points of the Catmull-Rom curve through (K, D) control points, ends included."""
    control = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]])
    position = np.linspace(0, len(control) - 1, count)
    segment = np.minimum(position.astype(int), len(control) - 2)
    t = (position - segment)[:, None]
    p, q, r, s = (padded[segment + i] for i in range(4))
    return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)


def ellipsoid(
    radius_x: float, radius_y: float, radius_z: float, rings: int = 9, sides: int = 16, power: float = 2.0
) -> Shape:
    """Return a superellipsoid about the origin; ``power`` above 2 makes it cushion-like, then box-like."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, rings)
    radius, height = np.abs(_signed_power(np.cos(angle).clip(0), 2 / power)), _signed_power(np.sin(angle), 2 / power)
    unit = polygon(sides, radius_x, radius_z, power)
    return stack_rings([unit * value for value in radius], list(height * radius_y), caps=False)


def cushion(width: float, height: float, depth: float, power: float = 4.0, sides: int = 20) -> Shape:
    """Return a rounded block standing on y = 0."""
    return ellipsoid(width / 2, height / 2, depth / 2, 7, sides, power).moved(y=height / 2)


def fuselage(stations: ArrayLike, power: float = 2.6, sides: int = 12) -> Shape:
    """Skin superelliptic sections along z.

    Args:
        stations: (K, 4) rows of z, lowest y, highest y and half width, at rising z.
        power: Of the sections: 2 gives ellipses, more makes them box-like.
        sides: Corners of a section.
    """
    table = np.asarray(stations, dtype=np.float64)
    unit = polygon(sides, power=power)[::-1]
    x = unit[:, 0] * table[:, 3:]
    y = (table[:, 1:2] + table[:, 2:3]) / 2 + unit[:, 1] * (table[:, 2:3] - table[:, 1:2]) / 2
    return loft(np.stack([x, y, np.broadcast_to(table[:, :1], x.shape)], axis=2))


def tube(path: ArrayLike, radius: float | ArrayLike, sides: int = 8, caps: bool = True) -> Shape:
    """Sweep a circle along a path.

    Args:
        path: (K, 3) points.
        radius: One radius, or (K,) radii.
        sides: Corners of the section; 4 gives a square bar.
        caps: Close both ends.
    """
    points = np.asarray(path, dtype=np.float64)
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True).clip(1e-12)
    normal = np.zeros_like(points)
    guess = np.array([0.0, 0.0, 1.0]) if abs(tangent[0, 2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    # Carry the first normal along the path; a fresh frame at every point would twist the skin.
    for i, direction in enumerate(tangent):
        guess = guess - direction * (guess @ direction)
        guess = guess / max(float(np.linalg.norm(guess)), 1e-12)
        normal[i] = guess
    binormal = np.cross(tangent, normal)
    section = polygon(sides) * (np.sqrt(2) if sides == 4 else 1.0)
    width = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(points))[:, None, None]
    rings = points[:, None] + width * (section[:, :1] * binormal[:, None] + section[:, 1:] * normal[:, None])
    return loft(rings, caps)


def bar(
    start: Sequence[float] | Array,
    end: Sequence[float] | Array,
    radius: float,
    end_radius: float | None = None,
    sides: int = 8,
) -> Shape:
    """Return a straight rod between two points, tapering to ``end_radius``; four sides give a square rod."""
    return tube(np.array([start, end], dtype=np.float64), [radius, radius if end_radius is None else end_radius], sides)


def torus(radius: float, thickness: float, sweep: float = 360.0, segments: int = 24, sides: int = 8) -> Shape:
    """Return a ring in the xz plane, or the part of it over ``sweep`` degrees starting at +x."""
    angle = np.radians(np.linspace(0, sweep, segments + 1))
    path = np.stack([radius * np.cos(angle), np.zeros_like(angle), radius * np.sin(angle)], axis=1)
    if sweep < 360:
        return tube(path, thickness, sides)
    section = polygon(sides) * thickness
    outward = path / radius
    rings = path[:, None] + section[:, :1] * outward[:, None] + section[:, 1:] * np.array([0.0, 1.0, 0.0])
    return loft(rings[:, ::-1], caps=False)


def triangulate(outline: Array) -> NDArray[np.int32]:
    """Return (K - 2, 3) triangles of a simple counter-clockwise (K, 2) polygon, by clipping ears."""
    left = list(range(len(outline)))
    faces: list[tuple[int, int, int]] = []
    while len(left) > 3:
        a, b, c = outline[np.roll(left, 1)], outline[left], outline[np.roll(left, -1)]
        turn = _cross(b - a, c - b)
        for i in np.argsort(-turn, kind="stable"):
            others = np.delete(outline[left], [(i - 1) % len(left), i, (i + 1) % len(left)], axis=0)
            if turn[i] <= 0 or not _any_inside(others, a[i], b[i], c[i]):
                faces.append((left[i - 1], left[i], left[(i + 1) % len(left)]))
                del left[i]
                break
    faces.append((left[0], left[1], left[2]))
    return np.array(faces, dtype=np.int32)


def _cross(first: Array, second: Array) -> Array:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _any_inside(points: Array, a: Array, b: Array, c: Array) -> bool:
    inside = (_cross(b - a, points - a) >= 0) & (_cross(c - b, points - b) >= 0) & (_cross(a - c, points - c) >= 0)
    return bool(inside.any())


def extrude(outline: ArrayLike, depth: float) -> Shape:
    """Return the prism over a simple (K, 2) polygon in the xy plane, from z = -depth/2 to depth/2."""
    flat = np.asarray(outline, dtype=np.float64)
    if _cross(flat, np.roll(flat, -1, axis=0)).sum() < 0:
        flat = flat[::-1]
    front = np.column_stack([flat, np.full(len(flat), depth / 2)])
    back = front * np.array([1, 1, -1])
    side = loft(np.stack([front, back]), caps=False)
    cap = triangulate(flat)
    count = len(flat)
    return Shape(side.vertices, np.concatenate([side.faces, cap, cap[:, ::-1] + count]).astype(np.int32))


def subdivided(shape: Shape) -> Shape:
    """Return the shape with every triangle split into four at the middles of its edges."""
    a, b, c = (shape.vertices[shape.faces[:, i]] for i in range(3))
    d, e, f = (a + b) / 2, (b + c) / 2, (c + a) / 2
    count = len(shape.faces)
    vertices = np.concatenate([a, b, c, d, e, f])
    order = np.array([[0, 3, 5], [3, 1, 4], [5, 4, 2], [3, 4, 5]])
    faces = (order[None] * count + np.arange(count)[:, None, None]).reshape(-1, 3)
    return Shape(vertices, faces.astype(np.int32))


def deformed(vertices: Array, *, stretch: Sequence[float], taper: float, bend: float, twist: float) -> Array:
    """Deform (V, 3) vertices smoothly.

    Args:
        vertices: Any size and place.
        stretch: Factors on x, y and z.
        taper: Change of width from the middle to the top, as a fraction (0.1: the top is 10 % wider).
        bend: Sideways shift (along x) of the top relative to the height, quadratic in height.
        twist: Degrees by which the top is turned about y against the bottom.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    middle, size = (low + high) / 2, (high - low).clip(1e-9)
    result = (vertices - middle) * np.asarray(stretch)
    level = (vertices[:, 1] - middle[1]) / size[1]
    result[:, [0, 2]] *= (1 + 2 * taper * level)[:, None]
    result[:, 0] += bend * size[1] * (level + 0.5) ** 2
    angle = np.radians(twist) * level
    x, z = result[:, 0].copy(), result[:, 2].copy()
    result[:, 0] = x * np.cos(angle) + z * np.sin(angle)
    result[:, 2] = z * np.cos(angle) - x * np.sin(angle)
    return result + middle
