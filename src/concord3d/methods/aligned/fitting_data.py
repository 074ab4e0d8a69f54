"""Frozen features of the objects that an aligned tower is fitted on, computed once.

Shape legend: S all objects, F objects that are fitted on, V pictures per object, E width of picture features, D width
of sentence features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.features.aligned_tower import FrozenPair
from concord3d.features.pairs import Pairs, picture_features
from concord3d.features.text_targets import text_targets


@dataclass(frozen=True)
class FittingData:
    """What a projection learns from.

    Attributes:
        pictures: (F, V, E) float32 features of all pictures.
        targets: (F, D) float32 unit vectors: what each object is.
        row_of: (S,) row of each object, -1 for those that are not fitted on.
    """

    pictures: NDArray[np.float32]
    targets: NDArray[np.float32]
    row_of: NDArray[np.int64]


def fitting_data(pair: FrozenPair, pairs: Pairs, objects: NDArray[np.int64], class_share: float) -> FittingData:
    """Encode the pictures and texts of the objects that are fitted on, and of no others.

    Args:
        pair: The frozen encoders.
        pairs: All objects.
        objects: (F,) indices.
        class_share: See :class:`concord3d.methods.aligned.settings.AlignedSettings`.
    """
    row_of = np.full(pairs.num_objects, -1, np.int64)
    row_of[objects] = np.arange(len(objects))
    pictures = picture_features(pair.pictures, pairs, objects)
    return FittingData(pictures, text_targets(pair.texts, pairs, objects, class_share), row_of)
