"""Objects with texts of whose pictures only the features of a frozen encoder are read.

Shape legend: S objects, V pictures per object, B batch, m pictures per item, E width of the stored features, D feature
width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.features.pairs import DescribedObjects, PicturedObjects
from concord3d.features.stored import FeatureSet

_BLOCK_OBJECTS = 256


class StoredPictures:
    """The stored features of one view set as a reader; see :class:`concord3d.features.pairs.PictureReader`.

    Args:
        features: Features of pictures.
    """

    def __init__(self, features: FeatureSet) -> None:
        self._features, self._rows = features, features.rows
        self.num_objects, self.num_views = features.num_items, features.num_views

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return (B, m, E) for objects (B,) and views (B, m)."""
        found: NDArray[Any] = self._rows.read(np.repeat(object_index, view_index.shape[1]), view_index.ravel())
        return found.reshape(*view_index.shape, self._features.dim)


class Projecting(Protocol):
    """Anything that turns features of a frozen encoder into its own."""

    def project(self, pictures: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return (B, D) features of (B, E) features."""
        ...


class FeaturePairs(DescribedObjects[Projecting]):
    """Objects with stored features of their pictures.

    Args:
        sets: The data sets, whose views are :class:`StoredPictures`.
        dim: E.
    """

    def __init__(self, sets: Sequence[PicturedObjects], dim: int) -> None:
        super().__init__(sets)
        self._dim = dim

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return (B, m, E) float16 stored features; see :meth:`DescribedObjects.read`."""
        out = np.empty((*view_index.shape, self._dim), np.float16)
        self._gather(object_index, view_index, out, lambda stored: stored)
        return out

    def every(self, objects: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return (B, V, E) float16 stored features of all pictures of some objects (B,)."""
        return self.read(objects, np.repeat(self.every_view, len(objects), axis=0))

    def features(self, encoder: Projecting, objects: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (B, V, D) projections of all pictures of some objects."""
        # Blocks, because the stored features of all objects would not fit into memory at the largest scales.
        blocks = [objects[start : start + _BLOCK_OBJECTS] for start in range(0, len(objects), _BLOCK_OBJECTS)]
        projected = [encoder.project(self.every(block).reshape(-1, self._dim)) for block in blocks]
        return np.concatenate(projected).reshape(len(objects), self.num_views, -1)
