"""What each reader hands to the dispatcher: arrays as the files hold them, not yet checked against the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.data.records import ShapeTexts
from concord3d.geometry.mesh import Mesh


@dataclass(frozen=True)
class RawClouds:
    """One split as the files hold it (S shapes, P points per shape).

    Attributes:
        points: (S, P, 3) float32.
        labels: (S,) int64 class index.
        names: One identifier per shape; ``<class>/<shape>`` where the files know it.
        dtype: Name of the dtype on disk, or None where the clouds are computed.
        class_names: Class names that the files themselves state, or None.
        part_labels: (S, P) int64, or None.
        foreground: (S, P) bool, or None.
        colors: (S, P, 3) uint8 RGB, or None.
        texts: Texts of each shape, or None.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    dtype: str | None
    class_names: tuple[str, ...] | None = None
    part_labels: NDArray[np.int64] | None = None
    foreground: NDArray[np.bool_] | None = None
    colors: NDArray[np.uint8] | None = None
    texts: tuple[ShapeTexts, ...] | None = None


@dataclass(frozen=True)
class NamedMesh:
    """A mesh with its place in the data set.

    Attributes:
        name: Equal to the name of the cloud of the same object, such as ``<category>/<model>``.
        category: Category, empty where the data set has none.
        mesh: The mesh, y up.
        text: A caption, or the category in words where there is none.
    """

    name: str
    category: str
    mesh: Mesh
    text: str
