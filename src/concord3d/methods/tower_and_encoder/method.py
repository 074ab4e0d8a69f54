"""A tower and a point encoder in one file, so that a protocol opens both as one point encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.features.depth_form import depth_form
from concord3d.features.depth_views import depth_views_of, through_tower
from concord3d.features.tower_and_encoder import TowerAndEncoder
from concord3d.methods.interface import Context
from concord3d.methods.settings import TOWER
from concord3d.methods.tower_and_encoder.settings import ENCODER, TowerAndEncoderSettings
from concord3d.methods.untrained import Untrained
from concord3d.models.factory import point_encoder_of
from concord3d.models.weights import load_weights, read_tensors


def build(settings: TowerAndEncoderSettings, context: Context) -> Untrained:
    """Take the encoder of the earlier training and the projection of the tower's.

    Raises:
        ConfigError: The tower was fitted on other pictures than the ``data`` section names, or its features have
            another width than the encoder's.
        TowerMismatch: The projection was trained between other encoders.
        TowerWeightsMissing: The weights of a frozen encoder are not there.
        CheckpointCorrupt: The projection or the encoder cannot be read.
    """
    tower = context.needs[TOWER]
    form = depth_form(context.data_settings, tower.run)
    seen = through_tower(form, tower.file("projection"), context.weights_folder)
    return Untrained("point", TowerAndEncoder(seen, context.needs[ENCODER].module()), seen.header())


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build what a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    tensors, header = read_tensors(weights)
    encoder = point_encoder_of(run["needs"][ENCODER]["encoder"], tensors, "encoder.")
    module = TowerAndEncoder(depth_views_of(tensors, header, weights, "tower."), encoder)
    load_weights(module, weights)
    return module
