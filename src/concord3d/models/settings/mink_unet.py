"""Settings of :class:`concord3d.models.mink_unet.MinkUNet`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from concord3d.models.encoder_settings import EncoderSettings

# YAML has lists alone.
Stages = Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]
Momentum = Annotated[float, Field(gt=0, le=1)]


class MinkUNetSettings(EncoderSettings):
    """The sparse U-Net of LiDAR segmentation; the default is MinkUNet-34C.

    Attributes:
        in_channels: Channels of a voxel; 1 is the intensity.
        voxels: Shape of the voxels, ``cylindrical`` or ``cubic``.
        voxel_mm: Edge of a voxel in thousandths of the unit of the coordinates.
        angle_degrees: Angle of a cylindrical voxel.
        stem_width: Channels of the first convolution.
        down_widths: Channels of the stages down.
        down_blocks: Their blocks.
        up_widths: Channels of the stages up; the last is the width of the output.
        up_blocks: Their blocks.
        kernel_size: Odd; of the stem and the blocks.
        norm_momentum: Weight of a batch in the running statistics of the stem and of the layers that change the grid;
            0.05 in pre-training, 0.02 downstream.
        block_norm_momentum: The same inside of blocks.
    """

    builder: ClassVar[str] = "concord3d.models.mink_unet:MinkUNet"
    encodes: ClassVar[Literal["clouds", "sweeps"]] = "sweeps"
    in_channels: PositiveInt = 1
    voxels: Literal["cylindrical", "cubic"] = "cylindrical"
    voxel_mm: PositiveInt = 100
    angle_degrees: PositiveInt = 1
    stem_width: PositiveInt = 32
    down_widths: Stages = (32, 64, 128, 256)
    down_blocks: Stages = (2, 3, 4, 6)
    up_widths: Stages = (256, 128, 96, 96)
    up_blocks: Stages = (2, 2, 2, 2)
    kernel_size: PositiveInt = 3
    norm_momentum: Momentum = 0.05
    block_norm_momentum: Momentum = 0.1

    @model_validator(mode="after")
    def _fits(self) -> MinkUNetSettings:
        if self.kernel_size % 2 == 0:
            raise ValueError("'kernel_size' must be odd")
        lengths = {len(told) for told in (self.down_widths, self.down_blocks, self.up_widths, self.up_blocks)}
        if len(lengths) != 1:
            raise ValueError("'down_widths', 'down_blocks', 'up_widths' and 'up_blocks' must be equally long")
        return self


SETTINGS = MinkUNetSettings
