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
        pictures: (T, K) logits of the chosen views.
        of_views: (T, V, K) logits of all views, or None where the chosen ones alone were looked at.
        points: (T, K) logits.
        picture_features: (T, D) unit features of the chosen views.
        point_features: (T, D) unit features.
    """

    pictures: Floats
    of_views: Floats | None
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
    every_view: bool = False,
) -> Said:
    """Return what a classifier says.

    Args:
        classifier: Is put into evaluation mode.
        test: The shapes.
        pictures: Their pictures.
        views: (T,) the chosen view of each shape.
        num_points: First points of each cloud.
        batch_size: Shapes per forward pass.
        device: By its torch name.
        every_view: Whether all views are classified, which takes V times as long.
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
            looked_at = range(pictures.num_views) if every_view else [views[rows]]
            shown = [
                classifier.of_pictures(pictures.weak(rows, view).to(device), pictures.are_maps) for view in looked_at
            ]
            chosen = (np.arange(len(rows)), views[rows] if every_view else np.zeros(len(rows), np.int64))
            logits, features = (
                torch.stack([getattr(said, name) for said in shown], 1) for name in ("logits", "feature")
            )
            clouds = normalise_unit_sphere(torch.from_numpy(np.ascontiguousarray(points[rows])).float().to(device))
            seen = classifier.of_points(classifier.points.encode(clouds))
            unit = normalize(features[chosen], dim=1), normalize(seen.feature, dim=1)
            parts.append((logits[chosen], logits, seen.logits, *unit))
    chosen_logits, of_views, *others = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
    return Said(chosen_logits, of_views if every_view else None, *others)
