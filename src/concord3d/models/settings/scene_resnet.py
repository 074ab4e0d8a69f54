"""Settings of :class:`concord3d.models.scene_resnet.SceneResNet`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from concord3d.models.encoder_settings import EncoderSettings

# YAML has lists alone.
Blocks = Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]


class SceneResNetSettings(EncoderSettings):
    """The sparse ResNet of whole scans; the default is ResNet-34.

    Attributes:
        in_channels: Channels of a voxel; 3 are its colours.
        voxel_mm: Edge of a voxel in thousandths of the unit of the coordinates.
        width: Channels of the stem and of the first stage; each further stage has twice as many.
        blocks: Blocks of each stage.
    """

    builder: ClassVar[str] = "concord3d.models.scene_resnet:SceneResNet"
    encodes: ClassVar[Literal["clouds", "sweeps"]] = "sweeps"
    in_channels: PositiveInt = 3
    voxel_mm: PositiveInt = 20
    width: PositiveInt = 64
    blocks: Blocks = (3, 4, 6, 3)


SETTINGS = SceneResNetSettings
