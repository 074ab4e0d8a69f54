"""How strongly pictures are changed before a student sees them, and which patches are hidden. Read without torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from concord3d.config.validation import StrictModel

# What timm reads: magnitude, number of operations, deviation of the magnitude, and so on.
RECIPE = r"^rand(-(m\d+|n\d+|w\d+|p[\d.]+|mstd[\d.]+|mmax\d+|inc[01]))*$"
Share = Annotated[float, Field(gt=0, le=1)]


class PictureStrength(StrictModel):
    """The strong pictures of a student (Cross-MoST spec 3.2, 3.3).

    Attributes:
        crop_area: Smallest and largest share of the area that the random crop keeps.
        flip: Probability of the mirror image.
        rand_augment: timm's words for RandAugment, such as ``rand-m9-mstd0.5-inc1``; null leaves it out.
        mask_ratio: Share of the cells that is hidden; 0 hides nothing.
        mask_cell: Patches per side of a cell.
    """

    crop_area: tuple[Share, Share] = (0.3, 1.0)
    flip: float = Field(default=0.5, ge=0, le=1)
    rand_augment: str | None = Field(default="rand-m9-mstd0.5-inc1", pattern=RECIPE)
    mask_ratio: float = Field(default=0.3, ge=0, le=1)
    mask_cell: PositiveInt = 2

    @field_validator("crop_area")
    @classmethod
    def _ordered(cls, area: tuple[float, float]) -> tuple[float, float]:
        if area[0] > area[1]:
            raise ValueError(f"{list(area)} is no range: the smaller share comes first")
        return area
