"""An aligned tower as an encoder of objects, in one file, so that a protocol opens it as any other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.features.object_projections import ObjectProjections, empty_projections, tower_projections
from concord3d.methods.interface import Context
from concord3d.methods.object_averages.settings import ObjectAveragesSettings
from concord3d.methods.settings import TOWER
from concord3d.methods.untrained import Untrained
from concord3d.models.weights import load_weights, read_tensors


def build(settings: ObjectAveragesSettings, context: Context) -> Untrained:
    """Take the projection of the tower's training; errors as of :func:`tower_projections`."""
    tower = context.needs[TOWER]
    encoder = tower_projections(tower.run["encoder"], tower.file("projection"), context.device, context.weights_folder)
    return Untrained("objects", encoder)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> ObjectProjections:
    """Build the projections that a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    encoder = empty_projections(read_tensors(weights)[0], weights)
    load_weights(encoder, weights)
    return encoder
