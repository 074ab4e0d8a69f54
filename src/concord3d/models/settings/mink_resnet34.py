"""Settings of :class:`concord3d.models.mink_resnet.MinkResNet34`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PositiveInt

from concord3d.models.encoder_settings import EncoderSettings


class MinkResNet34Settings(EncoderSettings):
    """The sparse ResNet-34 of the OpenShape lineage.

    Attributes:
        in_channels: 3 for x, y, z or more, e.g. 6 for x, y, z, r, g, b.
        out_dim: Width of the output.
        voxel_mm: Edge of a voxel in thousandths of the unit of the coordinates.
        width: Channels of the first convolution.
    """

    builder: ClassVar[str] = "concord3d.models.mink_resnet:MinkResNet34"
    in_channels: int = Field(default=6, ge=3)
    out_dim: PositiveInt = 1280
    voxel_mm: PositiveInt = 20
    width: PositiveInt = 32


SETTINGS = MinkResNet34Settings
