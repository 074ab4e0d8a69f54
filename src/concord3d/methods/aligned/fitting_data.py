"""Frozen features of the objects that an aligned tower is fitted on.

Shape legend: S all objects, F objects that are fitted on, V pictures per object, E width of picture features, D width
of sentence features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.features.feature_pairs import FeaturePairs
from concord3d.features.text_targets import text_targets
from concord3d.features.tower import TextEncoder
from concord3d.features.unseen_classes import NO_CLASSES, UnseenClasses


@dataclass(frozen=True)
class FittingData:
    """What a projection learns from.

    Attributes:
        pictures: (F, V, E) float16 features of all pictures.
        targets: (F, D) float32 unit vectors: what each object is.
        row_of: (S,) row of each object, -1 for those that are not fitted on.
    """

    pictures: NDArray[np.float16]
    targets: NDArray[np.float32]
    row_of: NDArray[np.int64]


def fitting_data(
    encoder: TextEncoder,
    pairs: FeaturePairs,
    objects: NDArray[np.int64],
    class_share: float,
    unseen: UnseenClasses = NO_CLASSES,
) -> FittingData:
    """Read the pictures' features and encode the texts of the objects that are fitted on, and of no others.

    Args:
        encoder: The sentence encoder.
        pairs: All objects.
        objects: (F,) indices.
        class_share: See :class:`concord3d.methods.alignment_settings.AlignmentSettings`.
        unseen: Texts that name one of these classes are left out.
    """
    row_of = np.full(pairs.num_objects, -1, np.int64)
    row_of[objects] = np.arange(len(objects))
    targets = text_targets(encoder, pairs, objects, class_share, unseen)
    return FittingData(pairs.every(objects), targets, row_of)
