"""One file of the user: a mesh, a cloud, or a batch of clouds.

Shape legend: S clouds, P points.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.data.formats.clouds import rng_of
from concord3d.data.formats.findings import Findings
from concord3d.data.formats.mesh_files import MESH_SUFFIXES, read_colored_mesh
from concord3d.data.formats.ply import read_ply_cloud
from concord3d.data.formats.ply_elements import count_entries
from concord3d.errors import BadCloud, UnreadableFile
from concord3d.geometry.mesh import sample_surface
from concord3d.own_data.listing import ListedFile

_PLY_FACES = ("face", "tristrips")
_FORMS = "points (P, 3) or (S, P, 3), in .npy also (P, 6) or (S, P, 6) with colours; in .npz also colors, labels, names"


@dataclass(frozen=True)
class ReadCloud:
    """One object as its file holds it.

    Attributes:
        name: Its name.
        points: (P, 3) float32.
        colors: (P, 3) uint8 RGB, or None.
        category: Its class; empty where none is known.
    """

    name: str
    points: NDArray[np.float32]
    colors: NDArray[np.uint8] | None
    category: str


@dataclass(frozen=True)
class FileContent:
    """What a file holds.

    Attributes:
        clouds: Its objects.
        class_names: Names of classes in the order that the file gives, or none.
    """

    clouds: tuple[ReadCloud, ...]
    class_names: tuple[str, ...] = ()


def kind_of(path: Path) -> Literal["meshes", "clouds"] | None:
    """Return what a file holds: by its suffix, of PLY by whether its header counts faces; None if that is broken."""
    suffix = path.suffix.lower()
    if suffix != ".ply":
        return "meshes" if suffix in MESH_SUFFIXES else "clouds"
    try:
        counts = count_entries(path)
    except UnreadableFile:
        return None
    return "meshes" if any(counts.get(faces) for faces in _PLY_FACES) else "clouds"


def read_file(item: ListedFile, num_points: int, root: Path, findings: Findings) -> FileContent:
    """Read a file.

    Args:
        item: The file.
        num_points: Points that are drawn on a mesh, uniformly by area; the draw depends on the item's name alone.
        root: Folder of the data, in which pictures that a mesh names must lie.
        findings: Receives what meshes have and is left out.

    Raises:
        UnreadableFile: It is truncated, of another format, or lacks an array.
        BadMesh: A mesh has no faces, no area, broken indices or values that are not finite.
        BadCloud: Arrays do not fit each other, or colours are out of range.
    """
    path, suffix = item.path, item.path.suffix.lower()
    if kind_of(path) == "meshes":
        mesh, shades = read_colored_mesh(path, root, findings)
        sample = sample_surface(mesh, num_points, rng_of(item.name), path)
        colors = None if shades is None else shades.at(sample)
        return FileContent((ReadCloud(item.name, sample.points, colors, item.category),))
    if suffix == ".ply":
        points, colors = read_ply_cloud(path)
        return FileContent((ReadCloud(item.name, points, colors, item.category),))
    arrays = {"points": _npy(path)} if suffix == ".npy" else read_arrays(path, "a file of clouds")
    return _of_arrays(item, arrays)


def _npy(path: Path) -> NDArray[Any]:
    try:
        array: Any = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("no array")
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise UnreadableFile("Cannot read a cloud", where=path, expected=_FORMS, found=error) from error
    return array


def _of_arrays(item: ListedFile, arrays: dict[str, NDArray[Any]]) -> FileContent:
    path, points = item.path, arrays.get("points")
    if points is None:
        raise UnreadableFile("A file has no array 'points'", where=path, expected=_FORMS, found=", ".join(arrays))
    colors = arrays.get("colors")
    if points.ndim > 0 and points.shape[-1] == 6 and colors is None:
        points, colors = points[..., :3], points[..., 3:]
    if points.dtype.kind not in "fiu" or points.ndim not in (2, 3) or points.shape[-1] != 3 or 0 in points.shape:
        found = f"{points.dtype} {points.shape}"
        raise BadCloud("Clouds have the wrong shape", where=path, expected=_FORMS, found=found)
    if colors is not None and colors.shape != points.shape:
        raise BadCloud("Colours do not fit the points", where=path, expected=points.shape, found=colors.shape)
    shades = None if colors is None else _rgb8(colors, path)
    if points.ndim == 2:
        return FileContent((ReadCloud(item.name, _float32(points), shades, item.category),))
    return _batch(item, points, shades, arrays)


def _batch(
    item: ListedFile, points: NDArray[Any], colors: NDArray[np.uint8] | None, arrays: dict[str, NDArray[Any]]
) -> FileContent:
    count, path = len(points), item.path
    class_names = tuple(str(name) for name in arrays.get("class_names", ()))
    labels = arrays.get("labels")
    names = [str(name) for name in arrays.get("names", [f"{item.name}#{row:05d}" for row in range(count)])]
    if len(names) != count or (labels is not None and labels.shape != (count,)):
        raise BadCloud("Clouds, labels and names differ in number", where=path, expected=count, found=len(names))
    categories = [item.category] * count
    if labels is not None:
        categories = [_category(label, class_names, path) for label in labels.tolist()]
    clouds = (
        ReadCloud(names[row], _float32(points[row]), None if colors is None else colors[row], categories[row])
        for row in range(count)
    )
    return FileContent(tuple(clouds), class_names if labels is not None else ())


def _category(label: Any, class_names: tuple[str, ...], path: Path) -> str:
    if isinstance(label, str):
        return label
    if isinstance(label, int) and not class_names:
        return f"{label}" if label >= 0 else ""
    if isinstance(label, int) and label < len(class_names):
        return class_names[label] if label >= 0 else ""
    raise BadCloud("A label has no name of a class", where=path, expected=f"-1 to {len(class_names) - 1}", found=label)


def _float32(points: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(points, dtype=np.float32)


def _rgb8(colors: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Return colours of 255: numbers of floating point are of 1 unless one is larger than 1."""
    if colors.dtype == np.uint8:
        return colors
    numbers = colors.astype(np.float64)
    if colors.dtype.kind == "f" and numbers.max(initial=0) <= 1:
        numbers = 255 * numbers
    if not (np.isfinite(numbers).all() and numbers.min(initial=0) >= 0 and numbers.max(initial=0) <= 255):
        raise BadCloud(
            "Colours of a cloud are out of range",
            where=path,
            expected="0 to 255, or fractions of 1",
            found=f"{colors.dtype} from {colors.min()} to {colors.max()}",
        )
    return np.rint(numbers).astype(np.uint8)
