"""Features that are given as files, in the place of an encoder of objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.features.object_projections import GivenProjections
from concord3d.methods.given_averages.settings import GivenAveragesSettings
from concord3d.methods.interface import Context, Method
from concord3d.models.weights import load_weights


class GivenAverages(Method[ScanObjectBatch]):
    """Nothing but the width of the features.

    Args:
        encoder: Of objects.
    """

    def __init__(self, encoder: GivenProjections) -> None:
        super().__init__()
        self.encoder = encoder

    def saved(self) -> dict[str, nn.Module]:
        """Return what takes features as they are, in the place of an encoder of objects."""
        return {"objects": self.encoder}


def build(settings: GivenAveragesSettings, context: Context) -> GivenAverages:
    """Build what takes features as they are."""
    return GivenAverages(GivenProjections(int(context.encoder["out_dim"])))


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> GivenProjections:
    """Build what a training saved.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    encoder = GivenProjections(int(run["encoder"]["out_dim"]))
    load_weights(encoder, weights)
    return encoder
