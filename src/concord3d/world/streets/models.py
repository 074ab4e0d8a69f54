"""Objects of the world made ready to stand in a street: z up, front towards +x, in metres.

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadMesh
from concord3d.world.objects.generation import generate
from concord3d.world.objects.grammar import rotation


@dataclass(frozen=True)
class StreetModel:
    """A shape with colours, its footprint about the origin, standing on z = 0.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int32.
        colors: (F, 3) uint8.
        variant: What kind of its category it is.
        parts: F names of the parts that faces belong to, or none.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    variant: str = ""
    parts: tuple[str, ...] = ()

    @property
    def size(self) -> NDArray[np.float64]:
        """(3,) length, width and height."""
        return np.ptp(self.vertices, axis=0)

    def scaled(self, factor: float) -> StreetModel:
        """Return the model so many times as large."""
        return replace(self, vertices=self.vertices * factor)


# A street shows some thirty of them, so a data set makes each once; 400 take about 60 MB.
@lru_cache(maxsize=400)
def street_model(category: str, index: int, seed: int) -> StreetModel:
    """Return an object of the world as it stands in a street.

    Args:
        category: One of :data:`concord3d.world.objects.generation.CATEGORIES`.
        index: Number of the object within its category.
        seed: Seed of the world.
    """
    made = generate(category, index, seed)
    if made.mesh.face_colors is None:
        raise BadMesh("A world object has no colours", where=category)
    upright = made.mesh.vertices.astype(np.float64) @ rotation("y", -float(made.style["heading_deg"])).T
    # y is up and z in front: the cyclic change of axes keeps the hand.
    vertices = upright[:, [2, 0, 1]]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    vertices = vertices - np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    numbers = made.mesh.face_parts
    parts = () if numbers is None else tuple(made.part_names[number] for number in numbers.tolist())
    return StreetModel(vertices, made.mesh.faces, made.mesh.face_colors, str(made.style.get("variant", "")), parts)
