"""Features that are given as files, in the place of an encoder of objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.features.object_projections import GivenProjections
from concord3d.methods.given_averages.settings import GivenAveragesSettings
from concord3d.methods.interface import Context
from concord3d.methods.untrained import Untrained
from concord3d.models.weights import load_weights


def build(settings: GivenAveragesSettings, context: Context) -> Untrained:
    """Build what takes features as they are."""
    return Untrained("objects", GivenProjections(int(context.encoder["out_dim"])))


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> GivenProjections:
    """Build what a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    encoder = GivenProjections(int(run["encoder"]["out_dim"]))
    load_weights(encoder, weights)
    return encoder
