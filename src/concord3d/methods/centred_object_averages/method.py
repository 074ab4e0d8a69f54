"""An aligned tower as an encoder of objects, whose vectors are centred on the training scans.

Shape legend: O objects of all training scans, D width of the tower's space.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.scan_objects import EncodedScans, ScanObjectData
from concord3d.features.object_projections import (
    FLOORPLAN,
    CentredProjections,
    ObjectProjections,
    empty_projections,
    tower_projections,
)
from concord3d.methods.centred_object_averages.settings import CentredObjectAveragesSettings
from concord3d.methods.interface import Context
from concord3d.methods.settings import TOWER
from concord3d.methods.untrained import Untrained
from concord3d.models.weights import load_weights, read_tensors


def build(settings: CentredObjectAveragesSettings, context: Context) -> Untrained:
    """Take the projection of the tower's training, and the mean of each modality over the training scans.

    Raises:
        TowerMismatch: The projection was trained between other encoders.
        TowerWeightsMissing: The file is not there.
        CheckpointCorrupt: The file cannot be read.
        ConfigError: Features of another width than the tower's or its point encoder's.
    """
    tower = context.needs[TOWER]
    encoder = tower_projections(tower.run["encoder"], tower.file("projection"), context.device, context.weights_folder)
    return Untrained("objects", CentredProjections(encoder, centres(encoder, context.data)))


@torch.no_grad()
def centres(encoder: ObjectProjections, data: ScanObjectData) -> dict[str, Tensor]:
    """Return the mean of all unit vectors of a modality, (D,) by modality, of those that any scan has.

    Args:
        encoder: Makes the vectors.
        data: The training scans of all data sets; nothing is hidden of them.
    """
    found = {}
    for name in (*encoder.modalities, FLOORPLAN):
        rows = [_rows(scans, name) for scans in data.sets]
        features = torch.from_numpy(np.concatenate(rows))
        if not len(features):
            continue
        vectors = encoder.pictures(features) if name == FLOORPLAN else encoder({name: features[None]}, {}, {})[name][0]
        found[name] = vectors.double().mean(dim=0).float()
    return found


def _rows(scans: EncodedScans, name: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return (O, D_m) the features that are there."""
    if name == FLOORPLAN:
        return np.asarray(scans.pictures.floorplan[scans.pictures.has_floorplan])
    features, present = scans.features(name)
    return np.asarray(features[present])


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> CentredProjections:
    """Build the projections that a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    encoder = CentredProjections(empty_projections(read_tensors(weights)[0], weights, "projections."), {})
    load_weights(encoder, weights)
    return encoder
