"""Settings of :class:`concord3d.models.cylindrical_descriptor.CylindricalDescriptor`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import NonNegativeInt, PositiveInt

from concord3d.models.encoder_settings import EncoderSettings


class CylindricalDescriptorSettings(EncoderSettings):
    """A hand-made descriptor of clouds, followed by a network.

    Attributes:
        in_channels: Channels per input point; coordinates alone are read.
        heights: Bins along the upright axis.
        radii: Bins of the distance from the upright axis.
        harmonics: Highest harmonic of the angle about it.
        width: Width of the network.
    """

    builder: ClassVar[str] = "concord3d.models.cylindrical_descriptor:CylindricalDescriptor"
    in_channels: PositiveInt = 3
    heights: PositiveInt = 12
    radii: PositiveInt = 6
    harmonics: NonNegativeInt = 6
    width: PositiveInt = 512


SETTINGS = CylindricalDescriptorSettings
