"""The rules by which clouds of the user become clouds as encoders take them; each says what it decided.

Shape legend: S clouds, P points per cloud, N points asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.clouds import rng_of
from concord3d.data.stores.objects import NO_COLOR
from concord3d.own_data.files import ReadCloud
from concord3d.own_data.listing import ListedFile

Up = Literal["auto", "y", "z"]
Normalise = Literal["auto", "always", "never"]
# What glTF prescribes, and what the CAD files of ModelNet have; of other formats nothing is known.
_UP_OF_SUFFIX: Mapping[str, tuple[Literal["y", "z"], str]] = {
    ".glb": ("y", "as glTF prescribes"),
    ".gltf": ("y", "as glTF prescribes"),
    ".off": ("z", "as ModelNet's files have it"),
}
_ASSUMED: tuple[Literal["y", "z"], str] = ("y", "assumed: no such file says it")
# A cloud counts as normalised if its farthest point and its centroid lie within these distances of 1 and of 0.
_RADIUS_TOLERANCE, _CENTROID_TOLERANCE = 0.02, 0.1


class PlacedCloud(NamedTuple):
    """A cloud that was read, and the file that it came from."""

    cloud: ReadCloud
    file: ListedFile


def upright(placed: list[PlacedCloud], up: Up) -> tuple[list[PlacedCloud], list[str]]:
    """Turn clouds y up.

    Args:
        placed: Clouds as their files hold them.
        up: The axis that points up there; ``auto`` decides by the format.

    Returns:
        The clouds, and what was decided.
    """
    turned, said = [], Counter[str]()
    for cloud, file in placed:
        suffix = file.path.suffix.lower()
        axis, why = _UP_OF_SUFFIX.get(suffix, _ASSUMED) if up == "auto" else (up, "as asked")
        said[f"{axis} points up in {suffix}, {why}" + (", and is turned to y" if axis == "z" else "")] += 1
        if axis == "z":
            x, y, z = cloud.points.T
            cloud = replace(cloud, points=np.ascontiguousarray(np.stack([x, z, -y], axis=1)))
        turned.append(PlacedCloud(cloud, file))
    return turned, [f"axes: {sentence} ({count}); --up says otherwise" for sentence, count in said.items()]


def of_one_size(
    placed: list[PlacedCloud], left_out: dict[str, str], num_points: int, kind: str
) -> tuple[list[PlacedCloud], list[str]]:
    """Bring clouds to one number of points, unless they have one already.

    Args:
        placed: The clouds.
        left_out: Receives those with too few points, with the reason.
        num_points: N.
        kind: ``meshes``, on which N points were drawn, or ``clouds``.

    Returns:
        The clouds that are left, and what was decided.
    """
    if kind == "meshes":
        return placed, [f"points: {num_points} drawn on each surface, uniformly by area; the name decides the draw"]
    sizes = {len(cloud.points) for cloud, _ in placed}
    if len(sizes) == 1:
        [size] = sizes
        first = f", of which an encoder reads the first {num_points}" if size > num_points else ""
        few = f", fewer than the {num_points} of the encoder's training" if size < num_points else ""
        return placed, [f"points: each cloud has {size}, in the order of its file{first}{few}"]
    kept = []
    for cloud, file in placed:
        if len(cloud.points) < num_points:
            left_out[cloud.name] = f"{len(cloud.points)} points, fewer than {num_points}; --num-points asks for fewer"
            continue
        rows = np.arange(num_points)
        if len(cloud.points) > num_points:
            rows = rng_of(cloud.name).choice(len(cloud.points), num_points, replace=False)
        colors = None if cloud.colors is None else cloud.colors[rows]
        kept.append(PlacedCloud(replace(cloud, points=cloud.points[rows], colors=colors), file))
    span = f"{min(sizes)} to {max(sizes)}"
    return kept, [f"points: clouds have {span}; {num_points} of each are drawn without repetition by its name"]


def normalised(points: NDArray[np.float32], normalise: Normalise) -> tuple[NDArray[np.float32], list[str]]:
    """Centre clouds on their centroids, and divide by the largest radius.

    Args:
        points: (S, P, 3).
        normalise: Whether; ``auto`` leaves them where all are so already.

    Returns:
        (S, P, 3), and what was decided.
    """
    if normalise == "never":
        return points, ["normalisation: none, as asked"]
    radius = np.linalg.norm(points, axis=2).max(axis=1)
    centroid = np.linalg.norm(points.mean(axis=1), axis=1)
    is_normal = (np.abs(radius - 1) <= _RADIUS_TOLERANCE) & (centroid <= _CENTROID_TOLERANCE)
    if normalise == "auto" and is_normal.all():
        return points, ["normalisation: all clouds are zero-mean in the unit sphere already, and stay as they are"]
    wide = points.astype(np.float64)
    wide -= wide.mean(axis=1, keepdims=True)
    wide /= np.linalg.norm(wide, axis=2).max(axis=1).clip(1e-12)[:, None, None]
    why = "as asked" if normalise == "always" else f"{int((~is_normal).sum())} of {len(points)} clouds were not so"
    said = f"normalisation: each cloud is centred on its centroid and divided by its largest radius ({why})"
    return wide.astype(np.float32), [said]


def joint_colors(placed: Sequence[PlacedCloud]) -> tuple[NDArray[np.uint8] | None, list[str]]:
    """Return (S, P, 3) colours, or None where no file has any, and what was decided."""
    count = sum(cloud.colors is not None for cloud, _ in placed)
    if not count:
        return None, ["colours: no file has any; to an encoder that reads colours all points are grey (0.4)"]
    rest = len(placed) - count
    said = f"colours: {count} of {len(placed)} have colours" + (f"; the other {rest} are grey (0.4)" if rest else "")
    grey = [np.full(c.points.shape, NO_COLOR, np.uint8) if c.colors is None else c.colors for c, _ in placed]
    return np.stack(grey), [said]
