"""How stored clouds become an encoder's input, and which of its features are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layer = Literal["output", "backbone"]


@dataclass(frozen=True)
class CloudForm:
    """The form in which an encoder takes clouds, and the layer whose features are taken.

    Attributes:
        normalise: Centre each cloud on its centroid and divide by the largest radius (MM-Mixing spec 1.3, step 3).
        layer: ``output``, or ``backbone`` for the features before a projection into a tower's space.
        resample: Seeds of a random draw of points with replacement (MM-Mixing spec 1.4); None takes the first points.
    """

    normalise: bool = False
    layer: Layer = "output"
    resample: tuple[int, ...] | None = None


AS_STORED = CloudForm()
