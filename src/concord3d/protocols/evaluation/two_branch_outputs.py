"""What a classifier of pictures and clouds says of a test split.

Shape legend: T test shapes, V views, K classes, D feature width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from concord3d.batches.unlabelled import PictureSource
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.models.two_branch import TwoBranchClassifier

Floats = NDArray[np.float32]


class Said(NamedTuple):
    """What one classifier says of a test split.

    Attributes:
        pictures: (T, V, K) logits.
        points: (T, K) logits.
        picture_features: (T, D) unit features of the chosen views.
        point_features: (T, D) unit features.
    """

    pictures: Floats
    points: Floats
    picture_features: Floats
    point_features: Floats


def drawn_views(pictures: PictureSource, seed: int) -> NDArray[np.int64]:
    """Return (T,) one view of each shape."""
    return np.random.default_rng(seed).integers(pictures.num_views, size=len(pictures))


def said_of(
    classifier: TwoBranchClassifier,
    test: CloudSplit,
    pictures: PictureSource,
    views: NDArray[np.int64],
    num_points: int,
    batch_size: int,
    device: str,
) -> Said:
    """Return what a classifier says.

    Args:
        classifier: Is put into evaluation mode.
        test: The shapes.
        pictures: Their pictures.
        views: (T,) the view of each shape whose feature is kept.
        num_points: First points of each cloud.
        batch_size: Shapes per forward pass.
        device: By its torch name.
    """
    import torch
    from torch.nn.functional import normalize

    from concord3d.features.clouds import first_points
    from concord3d.geometry.augment import normalise_unit_sphere

    points = first_points(test.points, num_points, "test clouds")
    classifier.eval().to(device)
    parts: list[tuple[torch.Tensor, ...]] = []
    with torch.inference_mode():
        for start in range(0, len(test), batch_size):
            rows = np.arange(start, min(start + batch_size, len(test)))
            shown = [
                classifier.of_pictures(pictures.weak(rows, view).to(device), pictures.are_maps)
                for view in range(pictures.num_views)
            ]
            features = torch.stack([said.feature for said in shown], 1)[np.arange(len(rows)), views[rows]]
            clouds = normalise_unit_sphere(torch.from_numpy(np.ascontiguousarray(points[rows])).float().to(device))
            seen = classifier.of_points(classifier.points.encode(clouds))
            logits = torch.stack([said.logits for said in shown], 1)
            parts.append((logits, seen.logits, normalize(features, dim=1), normalize(seen.feature, dim=1)))
    return Said(*(torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)))
