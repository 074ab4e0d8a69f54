"""Meshes that somebody else made, made ready to stand in a room.

Frame of the files: y up, front towards +z, any unit of length. Shape legend: F faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.mesh_files import read_mesh
from concord3d.data.formats.mesh_parts import GREY
from concord3d.errors import BadMesh, DatasetMissing
from concord3d.geometry.simplify import clustered
from concord3d.world.objects.grammar import Shape
from concord3d.world.rooms.furniture import FurnitureModel, FurnitureSupplier, furniture_model, welded
from concord3d.world.rooms.kinds import KINDS

# Meshes of one split: the height in metres at which each stands, by its identifier.
Heights = Mapping[str, float]

MAX_FACES = 1500
# Longest edge of a model in metres: large flat faces get vertices too, as those of a scanner's mesh do.
_EDGE_M = 0.15
_ONE_SIDE_LONGER = 1.1
# What is lower may stand on something; what is taller stands on the floor wherever there is a choice.
_RAISED_M = 0.8


@dataclass(frozen=True)
class ForeignFurniture:
    """Furniture from files, and from another supplier what they do not show.

    Attributes:
        folder: Folder of the files ``<mesh>.glb``.
        heights: Meshes by kind.
        others: Where other kinds come from.
        min_vertices: Faces are split until a model has so many vertices.
    """

    folder: Path
    heights: Mapping[str, Heights]
    others: FurnitureSupplier
    min_vertices: int

    def draw(self, kind: str, rng: np.random.Generator, raised: bool = False) -> FurnitureModel:
        """Return a model of a kind.

        Args:
            kind: What is wanted.
            rng: Source of randomness.
            raised: Whether it is to stand on another object.

        Raises:
            DatasetMissing: A file is absent.
            UnreadableFile: A file is damaged.
            BadMesh: A file holds no surface.
        """
        if kind not in self.heights:
            return self.others.draw(kind, rng, raised)
        own = self.heights[kind]
        fitting = [mesh for mesh, height in own.items() if (height < _RAISED_M) == raised] or list(own)
        mesh = fitting[int(rng.integers(len(fitting)))]
        return mesh_model(self.folder / f"{mesh}.glb", kind, own[mesh], self.min_vertices)


@lru_cache(maxsize=500)
def mesh_model(path: Path, kind: str, height: float, min_vertices: int) -> FurnitureModel:
    """Return a mesh of a file as it stands in a room: upright, in metres, its colours kept.

    Its footprint keeps its shape and is no larger than the kind allows. Which side is the front is not said in such
    files; it is taken to be that towards +z, except that the longer side of a kind that is wider than deep lies along
    the wall, and the shorter side of one that is deeper than wide.

    Args:
        path: The file.
        kind: One of :data:`concord3d.world.rooms.kinds.KINDS`.
        height: Its height in metres.
        min_vertices: Faces are split until it has so many vertices.

    Raises:
        DatasetMissing: The file is absent.
        UnreadableFile: It is damaged.
        BadMesh: It holds no surface.
    """
    if not path.is_file():
        raise DatasetMissing(
            "A mesh that rooms are furnished with is missing",
            where=path,
            next_step="delete the manifest of its data set and run again: it is obtained anew",
        )
    mesh = read_mesh(path)
    colors = np.full((len(mesh.faces), 3), GREY, np.uint8) if mesh.face_colors is None else mesh.face_colors
    shape = welded(Shape(mesh.vertices.astype(np.float64), mesh.faces))
    a, b, c = shape.faces.T
    whole = (a != b) & (b != c) & (c != a)
    if not whole.any():
        raise BadMesh("A mesh that rooms are furnished with has no surface", where=path)
    vertices, faces, kept = clustered(shape.vertices, shape.faces[whole], MAX_FACES)
    shape = _sized(_turned(Shape(vertices, faces), kind), kind, height)
    shape, colors = _finer(shape, colors[whole][kept])
    return furniture_model(kind, path.stem, shape, colors, min_vertices)


def _turned(shape: Shape, kind: str) -> Shape:
    """Return a shape with the longer side of its footprint where that of its kind is."""
    depth, width = KINDS[kind].largest[:2]
    meant_long, meant_short = np.ptp(shape.vertices, axis=0)[[0, 2] if width > depth else [2, 0]]
    if width == depth or meant_short <= _ONE_SIDE_LONGER * meant_long:
        return shape
    return shape.turned("y", 90.0)


def _sized(shape: Shape, kind: str, height: float) -> Shape:
    """Return a shape of a height, its footprint scaled alike unless it is too large for its kind."""
    width, tall, depth = np.ptp(shape.vertices, axis=0).clip(1e-9)
    up = height / tall
    largest = KINDS[kind].largest
    along = min(up, largest[0] / depth, largest[1] / width)
    return Shape(shape.vertices * np.array([along, up, along]), shape.faces)


def _finer(shape: Shape, colors: NDArray[np.uint8]) -> tuple[Shape, NDArray[np.uint8]]:
    """Return a shape whose edges are short, with the colours (F, 3) of its faces."""
    import trimesh

    vertices, faces, index = trimesh.remesh.subdivide_to_size(
        shape.vertices, shape.faces, _EDGE_M, max_iter=12, return_index=True
    )
    return welded(Shape(np.asarray(vertices), np.asarray(faces, dtype=np.int32))), colors[index]
