"""How much of a scan is kept in its store."""

from __future__ import annotations

from pydantic import PositiveInt

from concord3d.config.validation import StrictModel


class ScanOptions(StrictModel):
    """How much of a scan is kept.

    Attributes:
        frame_stride: One frame in so many of a recording is looked at (5 for ScanNet, CrossOver spec 1.5).
        views: Frames of an object that are kept, those that show most of it (K_view, CrossOver spec 1.5).
        key_frames: Frames that stand for the whole scan (CrossOver spec 1.6).
        cad_points: Points drawn on a CAD model (CrossOver spec 1.8).
        floorplan_pixels: Side of the picture of the floorplan (CrossOver spec 1.7).
    """

    frame_stride: PositiveInt = 1
    views: PositiveInt = 10
    key_frames: PositiveInt = 20
    cad_points: PositiveInt = 5000
    floorplan_pixels: PositiveInt = 224
