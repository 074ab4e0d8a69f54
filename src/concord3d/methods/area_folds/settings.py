"""What a cross-validation over areas may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PositiveInt

from concord3d.methods.settings import MethodSettings


class AreaFoldsSettings(MethodSettings):
    """Settings of a cross-validation over areas (MM-Point spec 6.5).

    Attributes:
        areas: The areas that are left out one after another; the training that left out area 3 has the role ``area_3``.
    """

    saved: ClassVar[tuple[str, ...]] = ("segmenter",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.area_folds.method"
    is_trained: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False
    encoders: ClassVar[tuple[str, ...] | None] = ("dgcnn_semseg",)

    areas: tuple[PositiveInt, ...] = Field(default=(1, 2, 3, 4, 5, 6), min_length=1)

    @property
    def roles(self) -> tuple[str, ...]:
        """One role per area."""
        return tuple(area_role(area) for area in self.areas)


def area_role(area: int) -> str:
    """Return the role of the training that left out an area."""
    return f"area_{area}"


SETTINGS = AreaFoldsSettings
