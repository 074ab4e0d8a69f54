"""An aligned tower as an encoder of objects, in one file, so that a protocol opens it as any other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.features.object_projections import ObjectProjections, empty_projections, tower_projections
from concord3d.methods.interface import Context, Method
from concord3d.methods.object_averages.settings import ObjectAveragesSettings
from concord3d.methods.settings import TOWER
from concord3d.models.weights import load_weights, read_tensors


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
    """Take the projection of the tower's training; errors as of :func:`tower_projections`."""
    tower = context.needs[TOWER]
    encoder = tower_projections(tower.run["encoder"], tower.file("projection"), context.device, context.weights_folder)
    return ObjectAverages(encoder)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> ObjectProjections:
    """Build the projections that a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    encoder = empty_projections(read_tensors(weights)[0], weights)
    load_weights(encoder, weights)
    return encoder
