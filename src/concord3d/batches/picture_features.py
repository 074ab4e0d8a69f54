"""What a frozen encoder made of objects' pictures, and what is written about them, from which projections are trained.

Shape legend: B objects of a batch, E width of the frozen features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray
from concord3d.batches.pictures import DescribedData, drawn_views, pictured_objects
from concord3d.features.aligned_tower import FrozenPair
from concord3d.features.feature_pairs import FeaturePairs, StoredPictures
from concord3d.features.pairs import TextChoice
from concord3d.features.stored import open_features
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.settings import MethodSettings


@dataclass(frozen=True)
class PictureFeatureBatch(Batch):
    """Frozen features of pictures, with the texts of their objects.

    Attributes:
        features: (B, E) float32, of one randomly chosen picture of each object.
        texts: The usable texts of each object.
        units: (B,) int64, which object each is.
    """

    features: Tensor
    texts: tuple[TextChoice, ...]
    units: Tensor


@dataclass(frozen=True)
class PictureFeatureData(DescribedData[FeaturePairs]):
    """Objects of whose pictures frozen features alone are read."""

    def read(self, units: IntArray, draw: torch.Generator) -> PictureFeatureBatch:
        """Return the features of one picture of each of some objects, with their texts."""
        chosen = drawn_views(len(units), self.pairs.num_views, draw)
        features = torch.from_numpy(self.pairs.read(units, chosen)[:, 0]).float()
        texts = tuple(self.pairs.texts[unit] for unit in units.tolist())
        return PictureFeatureBatch(features, texts, torch.from_numpy(units.copy()))


def opened(run: Mapping[str, Any], settings: MethodSettings, files: Mapping[str, Sequence[Path]]) -> PictureFeatureData:
    """Open the files of a training on frozen features of pictures and on texts.

    Args:
        run: Resolved configuration; ``data`` names the data sets and the view sets, ``encoder`` the aligned tower.
        settings: Settings of the method.
        files: ``clouds``: one store per data set, for texts and classes; ``pictures``: for each data set in turn, one
            index of features per view set.

    Raises:
        UnreadableFile: A store or index is absent or damaged.
        TowerMismatch: Another picture encoder than the tower's made the features.
        ConfigError: Data sets do not fit together, or no object has a text.
    """
    pair = FrozenPair(AlignedTowerConfig.model_validate(dict(run["encoder"])))
    readers = (StoredPictures(open_features(path, pair.described["pictures"])) for path in files["pictures"])
    sets = pictured_objects(run["data"]["view_sets"], files["clouds"], readers)
    return PictureFeatureData(FeaturePairs(sets, pair.widths[0]))
