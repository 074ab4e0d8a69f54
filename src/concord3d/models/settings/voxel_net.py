"""Settings of :class:`concord3d.models.voxel_net.VoxelNet`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from concord3d.models.encoder_settings import EncoderSettings

# YAML has lists alone.
Sides = Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False)]
Span = Annotated[tuple[int, int], Field(strict=False)]
Widths = Annotated[tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt], Field(strict=False)]


class VoxelNetSettings(EncoderSettings):
    """The sparse trunk of detectors, without shortcuts; the default is SLidR's.

    Attributes:
        reach_mm: The grid goes so far from the sensor along +-x and +-y, in thousandths of the unit of the coordinates.
        span_mm: Its lowest and highest z.
        cell_mm: Edge of a cell along x and y, and along z.
        max_points: First points of a cell that are averaged.
        widths: Channels of the four stages.
        out_width: Channels of the last convolution, which joins what lies above each other.
        norm_momentum: Weight of a batch in the running statistics of normalisations, those of a detector on it too.
    """

    builder: ClassVar[str] = "concord3d.models.voxel_net:VoxelNet"
    encodes: ClassVar[Literal["clouds", "sweeps"]] = "sweeps"
    reach_mm: PositiveInt = 51200
    span_mm: Span = (-5000, 3000)
    cell_mm: Sides = (100, 200)
    max_points: PositiveInt = 10
    widths: Widths = (16, 32, 64, 64)
    out_width: PositiveInt = 128
    norm_momentum: float = Field(default=0.01, gt=0, le=1)

    @model_validator(mode="after")
    def _fits(self) -> VoxelNetSettings:
        if 2 * self.reach_mm % (8 * self.cell_mm[0]):
            raise ValueError("'reach_mm' must be a multiple of four cells, which the map from above halves three times")
        height = self.span_mm[1] - self.span_mm[0]
        if height <= 0 or height % self.cell_mm[1] or height // self.cell_mm[1] < 28:
            raise ValueError("'span_mm' must hold a whole number of cells, at least 28, which are halved five times")
        return self


SETTINGS = VoxelNetSettings
