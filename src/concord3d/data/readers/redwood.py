"""Redwood 3DScan, the scans that have a mesh (Cross-MoST spec 1.1 and 1.2).

Layout: ``categories.json`` (the scans of each category), ``videoframes/<scan>/`` (frames of its video, JPEG or PNG) and
``meshpreprocessed3/<scan>.npy`` (a cloud) or ``mesh/<scan>.ply`` (the mesh as released, which is sampled). Where they
are there, ``train_set80.txt`` and ``test_set80.txt`` name the scans of the splits. No axis is permuted (Cross-MoST spec
1.4).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.clouds import read_npy_cloud, rng_of, sampled
from concord3d.data.formats.mesh_files import read_mesh
from concord3d.data.framed_objects import NUM_POINTS, FramedObject, FramedObjects, clouds_by
from concord3d.errors import UnreadableFile, WrongRelease, nearest
from concord3d.files import read_json
from concord3d.geometry.mesh import sample_surface

CATEGORIES = "categories.json"
FRAMES = "videoframes"
_VIDEOS = {"video": ".mp4", "rgbd": ".zip"}


class Redwood(FramedObjects):
    """Nine categories of many; scans of others, and scans without a mesh, are left out."""

    def objects(self, spec: DatasetSpec, folder: Path) -> list[FramedObject]:
        path = folder / CATEGORIES
        clouds: dict[str, Path] = {}
        for cloud in clouds_by(spec, folder):
            clouds.setdefault(cloud.stem, cloud)
        if not clouds:
            return []
        scans = _scans(spec, path)
        return [
            FramedObject(scan, category, clouds[scan], folder / FRAMES / scan)
            for category in spec.class_names
            for scan in scans[category]
            if scan in clouds
        ]

    def cloud(self, path: Path, num_points: int | None, name: str) -> NDArray[np.float32]:
        if path.suffix == ".ply":
            return sample_surface(read_mesh(path), num_points or NUM_POINTS, rng_of(name), path).points
        points = read_npy_cloud(path)
        return sampled(points, num_points or min(NUM_POINTS, len(points)), name, path)

    def advice(self, item: FramedObject) -> str | None:
        layout = item.frames.parent.parent
        for folder, suffix in _VIDEOS.items():
            video = layout / folder / f"{item.key}{suffix}"
            if video.is_file():
                return f"extract at least 10 frames of {video} into {item.frames}, which nothing here does"
        others = tuple(path.name for path in item.frames.parent.glob("*") if path.name != item.key)
        if not item.frames.is_dir() and others:
            return f"put its frames there: {item.frames.parent} holds those of {len(others)} other scans"
        return None


def _scans(spec: DatasetSpec, path: Path) -> dict[str, list[str]]:
    """Read the scans of each class; a scan has one class at most."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise UnreadableFile("Not a list of categories", where=path, expected="lists of scans by category")
    absent = [name for name in spec.class_names if name not in content]
    if absent:
        raise WrongRelease(
            f"A class of '{spec.id}' is not among the categories{nearest(absent[0], tuple(map(str, content)))}",
            where=path,
            expected=", ".join(spec.class_names),
            found=f"absent: {', '.join(absent)}",
        )
    category_of: dict[str, str] = {}
    for category in spec.class_names:
        scans = content[category]
        if not isinstance(scans, list) or not all(isinstance(scan, str) for scan in scans):
            raise UnreadableFile("Not a list of scans", where=f"{path}: {category}", expected="a list of texts")
        for scan in scans:
            if category_of.setdefault(scan, category) != category:
                raise WrongRelease(
                    "A scan is in two categories",
                    where=path,
                    expected="one class a scan",
                    found=f"{scan}: {category_of[scan]}, {category}",
                )
    return {category: list(dict.fromkeys(content[category])) for category in spec.class_names}


READER = Redwood()
