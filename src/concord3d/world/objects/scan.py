"""The scanned variant of a world object: what a depth sensor would have kept of it in a room.

A surface sample of the object and its surroundings is seen from one to three viewpoints through a coarse
depth buffer, so parts are occluded and surfaces at grazing angles are lost; noise grows with distance; patches are
missing; the floor, a wall and pieces of neighbours stay as background. Units are metres, y is up.

Shape legend: N scene points, P points kept, E viewpoints, M points seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadCloud
from concord3d.geometry.mesh import Mesh, sample_surface

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_OBJECT_SAMPLES_PER_POINT = 6
_BOX_TRIANGLES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], dtype=np.int32,
)  # fmt: skip


class Shape(Protocol):
    """What a scan needs to know of an object: its mesh, in metres."""

    @property
    def mesh(self) -> Mesh: ...


@dataclass(frozen=True)
class ScannedScene:
    """A noisy partial cloud of an object and its surroundings.

    Attributes:
        points: (N, 3) float32 metres, y up, origin in the middle of the object's bounding box.
        foreground: (N,) bool, True on the object.
        size_m: (3,) float64 extent of the object's bounding box.
    """

    points: NDArray[np.float32]
    foreground: Bools
    size_m: Floats


def scan_cloud(
    obj: Shape, num_points: int, rng: np.random.Generator, neighbours: Sequence[Mesh] = ()
) -> tuple[NDArray[np.float32], Bools]:
    """Scan an object and keep what lies in its bounding box, background included.

    Args:
        obj: The object.
        num_points: P.
        rng: Source of randomness.
        neighbours: Meshes that may stand beside the object.

    Returns:
        Points (P, 3) float32 in metres, and (P,) bool, True on the object.
    """
    return object_in_box(scan_scene(obj, num_points, rng, neighbours), num_points, rng)


def scan_scene(obj: Shape, num_points: int, rng: np.random.Generator, neighbours: Sequence[Mesh] = ()) -> ScannedScene:
    """Put an object into a corner of a room and scan it from one to three viewpoints.

    Args:
        obj: The object.
        num_points: Points that a crop of the scene will be asked for; sets the density.
        rng: Source of randomness.
        neighbours: Meshes of which at most two are placed beside the object.
    """
    mesh = _place(obj.mesh, rng)
    size = np.ptp(mesh.vertices, axis=0).astype(np.float64)
    num_object = max(_OBJECT_SAMPLES_PER_POINT * num_points, 4096)
    on_object = sample_surface(mesh, num_object, rng)
    eyes = _viewpoints(float(np.linalg.norm(size)), rng)
    room = _surroundings(size, neighbours, eyes.mean(axis=0), rng)
    density = num_object / max(float(mesh.face_areas().sum()), 1e-6)
    room_area = float(room.face_areas().sum())
    in_room = sample_surface(room, int(np.clip(density * room_area, 1024, 1.5 * num_object)), rng)
    points = np.concatenate([on_object.points, in_room.points]).astype(np.float64)
    normals = np.concatenate([on_object.normals, in_room.normals]).astype(np.float64)
    foreground = np.arange(len(points)) < num_object
    # The sparser of the two surfaces decides how coarse the depth buffer must be not to be seen through.
    spacing = float(np.sqrt(1 / min(density, len(in_room.points) / room_area)))
    index, seen = observe(points, normals, eyes, spacing, rng)
    keep = _missing_patches(seen, float(size.max()), rng)
    seen, index = seen[keep], index[keep]
    tilt = _rotation(rng.normal(0, np.radians(2.5)), 0) @ _rotation(rng.normal(0, np.radians(2.5)), 2)
    return ScannedScene(_apply(tilt, seen).astype(np.float32), foreground[index], size)


def object_in_box(scene: ScannedScene, num_points: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], Bools]:
    """Crop a scene to the object's bounding box, background included (ScanObjectNN OBJ_BG, MM-Point spec 1.2)."""
    half = scene.size_m / 2 * 1.05 + 0.02
    return _draw(scene, _inside(scene, np.zeros(3), half), num_points, rng)


def object_only(scene: ScannedScene, num_points: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], Bools]:
    """Keep the object's points alone (ScanObjectNN OBJ_ONLY, MM-Point spec 1.2)."""
    return _draw(scene, scene.foreground, num_points, rng)


def perturbed_box(scene: ScannedScene, num_points: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], Bools]:
    """Crop with a moved and scaled bounding box, then turn the cloud (ScanObjectNN PB_T50_RS, MM-Point spec 1.2).

    The box moves by up to 50 % of its size along each axis and is scaled by 0.75 to 1.25; a box that keeps less than
    half of the object is drawn again, with smaller and smaller moves. The turn is about y, by any angle.
    """
    total = int(scene.foreground.sum())
    reach = 0.5
    while True:
        centre = rng.uniform(-reach, reach, 3) * scene.size_m
        half = scene.size_m / 2 * rng.uniform(0.75, 1.25) + 0.02
        inside = _inside(scene, centre, half)
        if int((inside & scene.foreground).sum()) >= total / 2:
            break
        reach *= 0.9
        if reach < 0.01:
            centre, inside = np.zeros(3), _inside(scene, np.zeros(3), scene.size_m / 2 + 0.02)
            break
    points, foreground = _draw(scene, inside, num_points, rng)
    turn = _rotation(rng.uniform(0, 2 * np.pi), 1)
    return _apply(turn, points - centre).astype(np.float32), foreground


def _inside(scene: ScannedScene, centre: Floats, half: Floats) -> Bools:
    return np.asarray((np.abs(scene.points - centre) <= half).all(axis=1))


def _draw(
    scene: ScannedScene, allowed: Bools, num_points: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Bools]:
    candidates = np.flatnonzero(allowed)
    if len(candidates) == 0:
        raise BadCloud("A scan kept no point", expected=f"{num_points} points", found=0)
    if len(candidates) >= num_points:
        chosen = rng.choice(candidates, num_points, replace=False)
        return scene.points[chosen], scene.foreground[chosen]
    # Too few returns: each is repeated a few millimetres aside, as an upsampled scan would have it.
    extra = rng.choice(candidates, num_points - len(candidates))
    chosen = rng.permutation(np.concatenate([candidates, extra]))
    jitter = rng.normal(0, 0.003, (num_points, 3)).astype(np.float32)
    return scene.points[chosen] + jitter, scene.foreground[chosen]


def _rotation(angle: float, axis: int) -> Floats:
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def _apply(matrix: Floats, points: NDArray[np.floating]) -> Floats:
    """Multiply (N, 3) points by a matrix without BLAS, whose rounding may depend on its number of threads."""
    return np.einsum("ij,nj->ni", matrix, points.astype(np.float64))


def _place(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """Scale a little, turn near one of the four walls' directions, centre the bounding box."""
    yaw = rng.integers(4) * np.pi / 2 + rng.normal(0, np.radians(12))
    vertices = _apply(_rotation(yaw, 1), mesh.vertices)
    vertices *= rng.uniform(0.85, 1.15)
    vertices -= (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return Mesh(vertices.astype(np.float32), mesh.faces)


def _box(centre: Floats, extent: Floats, yaw: float = 0.0) -> Mesh:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * extent
    return Mesh((_apply(_rotation(yaw, 1), corners) + centre).astype(np.float32), _BOX_TRIANGLES)


def _join(meshes: Sequence[Mesh]) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces).astype(np.int32))


def _viewpoints(extent: float, rng: np.random.Generator) -> Floats:
    """Return (1 to 3, 3) sensor positions around an object of this diagonal, in metres."""
    count = int(rng.integers(1, 4))
    azimuth = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.uniform(np.radians(35), np.radians(110), count))
    elevation = rng.uniform(np.radians(10), np.radians(50), count)
    outward = [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
    return np.stack(outward, axis=1) * (extent * rng.uniform(1.1, 1.8, (count, 1)) + 0.4)


def _surroundings(size: Floats, neighbours: Sequence[Mesh], eye: Floats, rng: np.random.Generator) -> Mesh:
    """Return a floor patch, perhaps a wall away from the sensor, and up to four things beside the object."""
    floor_y = -size[1] / 2
    reach = size * 1.6 + 0.2
    thin = 0.004
    parts = [_box(np.array([0, floor_y - thin, 0]), np.array([reach[0], thin, reach[2]]))]
    if rng.random() < 0.6:
        axis = int(rng.choice([0, 2]))
        side = -np.sign(eye[axis])
        extent, centre = reach.copy(), np.zeros(3)
        extent[axis] = thin
        centre[axis] = side * (size[axis] / 2 + rng.uniform(0.0, 0.12) * size.max())
        parts.append(_box(centre, extent))
    beside: list[Mesh | None] = [*neighbours[:2], *[None] * int(rng.integers(0, 3))]
    for mesh in beside:
        extent = rng.uniform(0.15, 0.6, 3) * size.max()
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([np.sin(angle), 0.0, np.cos(angle)])
        # Distance at which the two boxes just touch along this direction, sometimes a little closer.
        touch = 0.5 * float((np.abs(direction) * (size + extent)).sum())
        centre = direction * touch * rng.uniform(0.92, 1.2)
        centre[1] = floor_y + extent[1] / 2
        if mesh is None:
            parts.append(_box(centre, extent, rng.uniform(0, np.pi)))
        else:
            turned = _apply(_rotation(rng.uniform(0, 2 * np.pi), 1), mesh.vertices)
            turned *= extent.max() * 1.5 / max(float(np.ptp(turned, axis=0).max()), 1e-9)
            turned -= (turned.min(axis=0) + turned.max(axis=0)) / 2
            centre[1] = floor_y + np.ptp(turned[:, 1]) / 2
            parts.append(Mesh((turned + centre).astype(np.float32), mesh.faces))
    return _join(parts)


def observe(
    points: Floats, normals: Floats, eyes: Floats, spacing: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Look at points with a depth sensor.

    Args:
        points: (N, 3) metres, on all surfaces there are.
        normals: (N, 3) unit normals.
        eyes: Positions of the sensor, (E, 3).
        spacing: Distance between neighbouring points, below which nothing is told apart, metres.
        rng: Source of randomness.

    Returns:
        (M,) indices of the points seen from any viewpoint, and their noisy positions (M, 3).
    """
    seen = np.zeros(len(points), dtype=bool)
    noisy = points.copy()
    for view, eye in enumerate(eyes):
        visible = _visible(points, normals, eye, spacing, rng) & ~seen
        seen |= visible
        ray = points[visible] - eye
        depth = np.linalg.norm(ray, axis=1, keepdims=True)
        # Structured-light sensors: the error grows with the square of the distance. Views are registered imperfectly.
        shift = rng.normal(0, 0.004, 3) if view else np.zeros(3)
        error = rng.normal(size=depth.shape) * (0.001 + 0.0015 * depth**2)
        noisy[visible] += ray / depth * error + rng.normal(0, 0.001, ray.shape) + shift
    index = np.flatnonzero(seen)
    return index, noisy[index]


def _visible(points: Floats, normals: Floats, eye: Floats, spacing: float, rng: np.random.Generator) -> Bools:
    """Return which points survive a depth buffer whose pixels hold about five samples of a facing surface."""
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    relative = points - eye
    frame = np.stack([right, np.cross(right, forward), forward])
    camera = _apply(frame, relative)
    depth = camera[:, 2]
    in_front = depth > 0.1 * np.linalg.norm(eye)
    safe = np.where(in_front, depth, 1.0)
    pixel = 2.2 * spacing / float(np.linalg.norm(eye))
    plane = camera[:, :2] / safe[:, None]
    cells = np.floor(plane / pixel).astype(np.int64)
    cells -= cells[in_front].min(axis=0)
    width = int(cells[in_front, 0].max()) + 1
    flat = np.where(in_front, cells[:, 1] * width + cells[:, 0], 0)
    nearest = np.full(int(flat.max()) + 1, np.inf)
    np.minimum.at(nearest, flat[in_front], depth[in_front])
    cosine = np.abs((relative * normals).sum(axis=1)) / np.linalg.norm(relative, axis=1).clip(1e-9)
    answered = rng.random(len(points)) < np.clip(cosine / 0.25, 0.05, 1.0)
    # Within one pixel a slanted surface spans this much depth; less tolerance would comb it into stripes.
    slope = np.sqrt(1 - np.minimum(cosine, 1) ** 2) / cosine.clip(0.25)
    return in_front & answered & (depth <= nearest[flat] + spacing * (1.5 + 2.2 * slope))


def _missing_patches(points: Floats, extent: float, rng: np.random.Generator) -> Bools:
    """Return which points lie outside up to three balls where the sensor got nothing."""
    keep = np.ones(len(points), dtype=bool)
    for centre in rng.integers(len(points), size=rng.integers(0, 4)):
        radius = extent * rng.uniform(0.05, 0.14)
        keep &= np.linalg.norm(points - points[centre], axis=1) > radius
    return keep if keep.sum() > len(points) / 2 else np.ones(len(points), dtype=bool)
