"""Settings of :class:`concord3d.models.pointnet.PointNet`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from concord3d.models.encoder_settings import EncoderSettings


class PointNetSettings(EncoderSettings):
    """PointNet.

    Attributes:
        in_channels: Channels per input point.
    """

    builder: ClassVar[str] = "concord3d.models.pointnet:PointNet"
    in_channels: PositiveInt = 3


SETTINGS = PointNetSettings
