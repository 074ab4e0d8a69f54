"""CAD models placed in a scan: which object each one stands for (CrossOver spec 1.8).

Shape legend: V vertices of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.data.scans.object_vertices import Box
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.oriented_boxes import UprightBox, box_iou
from concord3d.geometry.rigid import transformed

# ShapeNet's models face along their negative z axis.
_FORWARD = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True)
class PlacedModel:
    """A CAD model and its place.

    Attributes:
        name: ``<category>/<model>``.
        mesh: The model in its own frame.
        scan_from_model: (4, 4) to the frame of the scan's points, with its scale.
    """

    name: str
    mesh: Mesh
    scan_from_model: NDArray[np.float64]

    def vertices(self) -> NDArray[np.float64]:
        """Return (V, 3) vertices in the scan."""
        return transformed(self.mesh.vertices, self.scan_from_model)

    def box(self) -> UprightBox:
        """Return the box around it with a side along its front."""
        return UprightBox.around(self.vertices(), self.scan_from_model[:3, :3] @ _FORWARD)


def assigned_models(models: Sequence[PlacedModel], boxes: Sequence[Box | None]) -> dict[int, PlacedModel]:
    """Give each model to the object that its box overlaps most (IoU above 0); a later one takes an earlier one's place.

    Args:
        models: In the order of the annotation.
        boxes: Of each object, or None.

    Returns:
        Models by row of object.
    """
    upright = [None if box is None else UprightBox.axis_aligned(*box) for box in boxes]
    found: dict[int, PlacedModel] = {}
    for model in models:
        own = model.box()
        overlaps = [0.0 if box is None else box_iou(own, box) for box in upright]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] > 0:
            found[best] = model
    return found
