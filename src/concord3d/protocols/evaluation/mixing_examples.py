"""Two shapes mixed by every operator at several weights, to be looked at (MM-Mixing spec 8, F3).

Shape legend: O operators, L weights, N points, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import DatasetError
from concord3d.features.clouds import first_points
from concord3d.geometry.augment import normalise_unit_sphere
from concord3d.geometry.mixing.operators import mix_clouds
from concord3d.geometry.mixing.parts import Mixed
from concord3d.geometry.mixing.settings import OPERATORS, MixingSettings


def mixing_examples(
    split: CloudSplit,
    weights: Sequence[float],
    num_points: int,
    settings: MixingSettings,
    operators: Sequence[str] = OPERATORS,
    seed: int = 0,
) -> dict[str, NDArray[Any]]:
    """Mix the first shape of a split with the first of another class (without classes: with the one in the middle).

    Args:
        split: At least two clouds, of at least two classes where there are classes.
        weights: Weights of the first shape, in [0, 1].
        num_points: N, at most the stored points.
        settings: Constants of the operators.
        operators: Which operators.
        seed: Of the operators' draws; the same for each operator and weight.

    Returns:
        The arrays that ``concord3d.reporting.evidence.mixed_clouds.read_mixed_clouds`` reads. An interpolated point has
        the realised weight as its share of the first shape.

    Raises:
        DatasetError: All shapes are of one class.
        BadCloud: Fewer points than asked.
        ConfigError: An operator is unknown or a weight out of range.
    """
    pair = split.subset(np.array([0, _of_another_class(split)]))
    clouds = normalise_unit_sphere(torch.from_numpy(first_points(pair.points, num_points)))
    mixed = [
        [
            mix_clouds(
                operator,
                clouds[:1],
                clouds[1:],
                torch.tensor([weight]),
                torch.Generator().manual_seed(seed),
                settings,
            )
            for weight in weights
        ]
        for operator in operators
    ]
    named = list(zip(pair.labels, pair.names, strict=True))
    shares = [[_share_of_first(example, num_points) for example in row] for row in mixed]
    return {
        "points": np.array([[example.points[0].numpy() for example in row] for row in mixed]),
        "source": np.array([[share.numpy() for share in row] for row in shares]),
        "operators": np.array(operators),
        "weights": np.array(weights),
        "ratio": np.array([[float(example.ratio[0]) for example in row] for row in mixed]),
        "shape_names": np.array([split.class_names[label] if label >= 0 else name for label, name in named]),
        "dataset": np.array(split.dataset),
        "data_kind": np.array(split.data_kind),
    }


def _of_another_class(split: CloudSplit) -> int:
    """Return the first shape of another class than the first; without classes the middle one: neighbours are alike."""
    unlabelled = split.labels[0] < 0
    others = np.arange(len(split) // 2, len(split)) if unlabelled else np.flatnonzero(split.labels != split.labels[0])
    others = others[others > 0]
    if not len(others):
        raise DatasetError(
            "Two shapes to be mixed need two classes",
            where=f"{split.dataset}/{split.split}",
            expected="shapes of at least two classes",
            found=f"{len(split)} of one",
        )
    return int(others[0])


def _share_of_first(example: Mixed, num_points: int) -> Tensor:
    if example.from_first is None:
        return example.ratio.expand(num_points)
    return example.from_first[0].float()
