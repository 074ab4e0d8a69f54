"""Meshes whose faces know their category and instance, and the plain shapes that streets are built of.

Shape legend: V vertices, F faces, B boxes, Q rectangles, R faces that rays met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from concord3d.geometry.mesh import Mesh
from concord3d.world.streets.taxonomy import CATEGORY_INDEX, DETAIL_INDEX

_BOX_CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
_BOX_FACES = np.array(
    [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2],
     [1, 3, 7], [1, 7, 5]], dtype=np.int32,
)  # fmt: skip


@dataclass(frozen=True)
class LabelledMesh:
    """A mesh with labels.

    Attributes:
        mesh: With face colours.
        category: (F,) uint8 number of the general category.
        instance: (F,) int32, 0 where a face belongs to no instance.
        detail: (F,) uint8 number in :data:`concord3d.world.streets.taxonomy.DETAILS`.
    """

    mesh: Mesh
    category: NDArray[np.uint8]
    instance: NDArray[np.int32]
    detail: NDArray[np.uint8]

    def colors_of(self, faces: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return (R, 3) the colours of some faces, grey where the mesh has none."""
        colors = self.mesh.face_colors
        return np.full((len(faces), 3), 128.0) if colors is None else colors[faces].astype(np.float64)

    def normals_of(self, faces: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return (R, 3) the unit normals of some faces; each face is computed once, those not asked for never."""
        asked = np.zeros(len(self.mesh.faces), bool)
        asked[faces] = True
        few = np.flatnonzero(asked)
        place = np.empty(len(asked), np.int64)
        place[few] = np.arange(len(few))
        return Mesh(self.mesh.vertices, self.mesh.faces[few]).face_normals()[place[faces]]


class _Piece(NamedTuple):
    """V vertices, F faces with their colours, and what they are."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    category: int
    instance: int
    detail: NDArray[np.uint8]


@dataclass(frozen=True)
class MeshBuilder:
    """Gathers pieces of a labelled mesh."""

    _pieces: list[_Piece] = field(default_factory=list)

    def add(
        self,
        vertices: NDArray[np.float64],
        faces: NDArray[np.int32],
        colors: ArrayLike,
        category: str,
        instance: int = 0,
        detail: str | Sequence[str] = "",
    ) -> None:
        """Append a piece.

        Args:
            vertices: (V, 3).
            faces: (F, 3).
            colors: (F, 3) or (3,).
            category: Name of the general category.
            instance: 0 where there is none.
            detail: Of all faces, or F of them.
        """
        shades = np.broadcast_to(np.asarray(colors), (len(faces), 3)).astype(np.uint8)
        names = [detail] if isinstance(detail, str) else detail
        details = np.broadcast_to(np.array([DETAIL_INDEX[name] for name in names], np.uint8), len(faces))
        self._pieces.append(_Piece(vertices, faces, shades, CATEGORY_INDEX[category], instance, details))

    def add_boxes(self, low: ArrayLike, high: ArrayLike, colors: ArrayLike, category: str, detail: str = "") -> None:
        """Append boxes along the axes.

        Args:
            low: (B, 3) or (3,) lowest corners.
            high: As ``low``, the highest corners.
            colors: (B, 3) or (3,).
            category: Name of the general category.
            detail: What they are within it.
        """
        lowest, highest = np.atleast_2d(np.asarray(low, np.float64)), np.atleast_2d(np.asarray(high, np.float64))
        vertices = lowest[:, None] + _BOX_CORNERS * (highest - lowest)[:, None]
        self._add_many(vertices, _BOX_FACES, colors, category, detail)

    def add_rectangles(self, corners: ArrayLike, colors: ArrayLike, category: str, detail: str = "") -> None:
        """Append flat rectangles.

        Args:
            corners: (Q, 4, 3), going round.
            colors: (Q, 3) or (3,).
            category: Name of the general category.
            detail: What they are within it.
        """
        faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
        self._add_many(np.asarray(corners, np.float64), faces, colors, category, detail)

    def _add_many(
        self, vertices: NDArray[np.float64], faces: NDArray[np.int32], colors: ArrayLike, category: str, detail: str
    ) -> None:
        count = len(vertices)
        if not count:
            return
        every = faces[None] + np.arange(count, dtype=np.int32)[:, None, None] * vertices.shape[1]
        shades = np.broadcast_to(np.asarray(colors), (count, 3)).repeat(len(faces), axis=0)
        self.add(vertices.reshape(-1, 3), every.reshape(-1, 3), shades, category, detail=detail)

    def build(self) -> LabelledMesh:
        """Return all pieces as one mesh."""
        starts = np.cumsum([0] + [len(piece.vertices) for piece in self._pieces[:-1]])
        counts = [len(piece.faces) for piece in self._pieces]
        faces = [piece.faces + start for piece, start in zip(self._pieces, starts, strict=True)]
        mesh = Mesh(
            np.concatenate([piece.vertices for piece in self._pieces]).astype(np.float32),
            np.concatenate(faces).astype(np.int32),
            np.concatenate([piece.colors for piece in self._pieces]),
        )
        return LabelledMesh(
            mesh,
            np.repeat([piece.category for piece in self._pieces], counts).astype(np.uint8),
            np.repeat([piece.instance for piece in self._pieces], counts).astype(np.int32),
            np.concatenate([piece.detail for piece in self._pieces]),
        )


def joined(meshes: list[LabelledMesh]) -> LabelledMesh:
    """Return labelled meshes, at least one, as one."""
    starts = np.cumsum([0] + [len(part.mesh.vertices) for part in meshes[:-1]])
    colors = [part.mesh.face_colors for part in meshes]
    return LabelledMesh(
        Mesh(
            np.concatenate([part.mesh.vertices for part in meshes]),
            np.concatenate([part.mesh.faces + start for part, start in zip(meshes, starts, strict=True)]).astype(
                np.int32
            ),
            np.concatenate([color for color in colors if color is not None]),
        ),
        np.concatenate([part.category for part in meshes]),
        np.concatenate([part.instance for part in meshes]),
        np.concatenate([part.detail for part in meshes]),
    )
