"""A tree of OFF meshes, ``<class>/<split>/<shape>.off``, and clouds sampled from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.clouds import rng_of
from concord3d.data.formats.findings import Findings
from concord3d.data.formats.off import read_off
from concord3d.data.layout import split_files
from concord3d.data.readers.interface import NamedMesh, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import WrongRelease
from concord3d.geometry.mesh import Mesh, sample_surface

NUM_POINTS = 2048


class OffTree(Reader):
    """Meshes with classes, and clouds sampled from them uniformly by area, in the unit sphere."""

    has_meshes = True

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Sample points on each mesh of a split; arguments as in :meth:`Reader.read`, by default 2,048 points.

        The points of a shape depend on its name, its geometry and their number alone, so reading twice gives the same
        clouds.

        Raises:
            DatasetMissing: No files.
            WrongRelease: A class folder is not in the catalogue.
            UnreadableFile: A file is truncated or not OFF.
            BadMesh: A mesh has no faces, no area, broken indices or values that are not finite.
        """
        points, labels, names, findings = [], [], [], Findings()
        for path in split_files(spec, root, split):
            category = path.parent.parent.name
            if category not in spec.class_names:
                raise WrongRelease(
                    "A class folder is not in the catalogue", where=path, expected=", ".join(spec.class_names)
                )
            name = f"{category}/{path.stem}"
            rng = rng_of(name)
            mesh = _upright(read_off(path, findings)[0], spec)
            cloud = sample_surface(mesh, num_points or NUM_POINTS, rng, path).points
            cloud -= cloud.mean(axis=0)
            points.append(cloud / max(float(np.linalg.norm(cloud, axis=1).max()), 1e-12))
            labels.append(spec.class_names.index(category))
            names.append(name)
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=np.stack(points).astype(np.float32),
            labels=np.array(labels, dtype=np.int64),
            class_names=(),
            names=tuple(names),
        )
        return Reading(clouds, findings=findings, drawn=True)

    def read_meshes(self, spec: DatasetSpec, root: Path, split: str) -> Iterator[NamedMesh]:
        """Yield the meshes of a split, turned y up."""
        for path in split_files(spec, root, split):
            category = path.parent.parent.name
            mesh = _upright(read_off(path)[0], spec)
            yield NamedMesh(f"{category}/{path.stem}", category, mesh, category.replace("_", " "))


def _upright(mesh: Mesh, spec: DatasetSpec) -> Mesh:
    if spec.up_axis == "y":
        return mesh
    x, y, z = mesh.vertices.T
    return Mesh(np.stack([x, z, -y], axis=1), mesh.faces, mesh.face_colors, mesh.face_parts)


READER = OffTree()
