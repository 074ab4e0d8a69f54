"""An aligned tower as an encoder of objects, in one file, so that a protocol opens it as any other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.config.validation import validate
from concord3d.features.aligned_tower import FrozenPair, open_projection
from concord3d.features.object_projections import ObjectProjections
from concord3d.features.projection import Projection
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.interface import Context, Method
from concord3d.methods.object_averages.settings import ObjectAveragesSettings
from concord3d.methods.settings import TOWER
from concord3d.models.weights import load_weights, read_tensors, size_in


class ObjectAverages(Method[ScanObjectBatch]):
    """Nothing but a tower's projections.

    Args:
        encoder: Of objects.
    """

    def __init__(self, encoder: ObjectProjections) -> None:
        super().__init__()
        self.encoder = encoder

    def saved(self) -> dict[str, nn.Module]:
        """Return the projections in the place of an encoder of objects."""
        return {"objects": self.encoder}


def build(settings: ObjectAveragesSettings, context: Context) -> ObjectAverages:
    """Take the projection of the tower's training.

    Raises:
        TowerMismatch: The projection was trained between other encoders.
        TowerWeightsMissing: The file is not there.
        CheckpointCorrupt: The file cannot be read.
    """
    tower = context.needs[TOWER]
    config = validate(AlignedTowerConfig, dict(tower.run["encoder"]), "tower")
    pair = FrozenPair(config, context.device, context.weights_folder)
    return ObjectAverages(ObjectProjections(open_projection(pair, tower.file("projection"))))


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> ObjectProjections:
    """Build the projections that a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    tensors, _ = read_tensors(weights)
    picture_dim, text_dim = (size_in(tensors, f"projection.{name}", weights) for name in ("mean", "text_mean"))
    bias = tensors.get("projection.hidden.0.bias")
    encoder = ObjectProjections(Projection(picture_dim, text_dim, None if bias is None else len(bias)))
    load_weights(encoder, weights)
    return encoder
