"""Clouds seen through an aligned tower: its weights in one file, so that a protocol opens it as any point encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.features.depth_form import depth_form
from concord3d.features.depth_views import load_depth_views, through_tower
from concord3d.methods.depth_views.settings import DepthViewsSettings
from concord3d.methods.interface import Context
from concord3d.methods.settings import TOWER
from concord3d.methods.untrained import Untrained


def build(settings: DepthViewsSettings, context: Context) -> Untrained:
    """Take the projection of the tower's training, and open its picture encoder.

    Raises:
        ConfigError: The tower was fitted on other pictures than the ``data`` section names.
        TowerMismatch: The projection was trained between other encoders.
        TowerWeightsMissing: The weights of an encoder are not there.
        CheckpointCorrupt: The projection cannot be read.
    """
    tower = context.needs[TOWER]
    form = depth_form(context.data_settings, tower.run)
    encoder = through_tower(form, tower.file("projection"), context.weights_folder)
    return Untrained("point", encoder, encoder.header())


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build the tower that a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    return load_depth_views(weights)
