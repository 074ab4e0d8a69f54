"""A cross-validation over areas: what it is trained of are its folds, semantic segmenters of earlier trainings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.batches.rooms import RoomBatch
from concord3d.errors import ConfigError
from concord3d.methods.area_folds.settings import AreaFoldsSettings, area_role
from concord3d.methods.interface import Context, EarlierTraining, Method
from concord3d.models.area_segmenters import AreaSegmenters
from concord3d.models.dgcnn_semseg import sem_segmenter_of
from concord3d.models.weights import load_weights, read_tensors


class AreaFolds(Method[RoomBatch]):
    """Segmenters by the area that they never saw.

    Args:
        segmenters: The segmenters.
    """

    def __init__(self, segmenters: AreaSegmenters) -> None:
        super().__init__()
        self.segmenters = segmenters

    def saved(self) -> dict[str, nn.Module]:
        """Return all segmenters as one module."""
        return {"segmenter": self.segmenters}


def build(settings: AreaFoldsSettings, context: Context) -> AreaFolds:
    """Collect the segmenters of the folds.

    Raises:
        ConfigError: A training did not leave out the area of its role, or has another encoder.
        CheckpointCorrupt: Weights cannot be read or do not fit.
    """
    folds = {area: context.needs[area_role(area)] for area in settings.areas}
    for area, fold in folds.items():
        _check_fold(area, fold, context)
    return AreaFolds(AreaSegmenters({area: fold.module("segmenter") for area, fold in folds.items()}))


def _check_fold(area: int, fold: EarlierTraining, context: Context) -> None:
    for what, expected, found in (
        ("left out another area", area, fold.run["objective"].get("left_out_area")),
        ("has another encoder", dict(context.encoder), dict(fold.run["encoder"])),
    ):
        if expected != found:
            raise ConfigError(
                f"The training in the role '{area_role(area)}' {what}",
                where=f"needs: {fold.run.get('experiment', '')}",
                expected=expected,
                found=found,
            )


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build the segmenters and load their weights.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    tensors, _ = read_tensors(weights)
    areas = sorted({int(key.split(".")[1]) for key in tensors if key.startswith("by_area.")})
    segmenters = AreaSegmenters(
        {area: sem_segmenter_of(run["encoder"], tensors, weights, f"by_area.{area}.") for area in areas}
    )
    load_weights(segmenters, weights)
    return segmenters
