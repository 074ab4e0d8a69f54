"""Files of a training on LiDAR sweeps with boxes: those of labelled sweeps, chosen in the same way."""

from __future__ import annotations

from concord3d.workflow.training_inputs.labelled_sweeps import LabelledSweepSettings, inputs

SETTINGS = LabelledSweepSettings

__all__ = ["SETTINGS", "inputs"]
