"""Files of a training on whole scans: those of a training on their objects."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from concord3d.workflow.training_inputs import scan_objects
from concord3d.workflow.training_inputs.scan_objects import ScanSettings


class ScanSceneSettings(ScanSettings):
    """What a training on whole scans is told (CrossOver spec 3.4).

    Attributes:
        num_pictures: Key frames of a scan, evenly spread over those stored in the order in which they were chosen.
        scene_points: Points drawn of each cloud; null takes all.
        colors: ``raw`` as reconstructed, or ``labels``: those of the classes.
        annotated_only: Whether vertices that belong to no object are left out.
    """

    num_pictures: PositiveInt
    scene_points: PositiveInt | None = None
    colors: Literal["raw", "labels"] = "raw"
    annotated_only: bool = False


SETTINGS = ScanSceneSettings
inputs = scan_objects.inputs
