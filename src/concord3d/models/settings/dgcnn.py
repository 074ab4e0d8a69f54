"""Settings of :class:`concord3d.models.dgcnn.DGCNN`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from concord3d.models.encoder_settings import EncoderSettings


class DGCNNSettings(EncoderSettings):
    """DGCNN.

    Attributes:
        k: Neighbours per point.
        emb_dims: Channels of the embedding; the feature has twice as many.
        in_channels: Channels per input point.
    """

    builder: ClassVar[str] = "concord3d.models.dgcnn:DGCNN"
    k: PositiveInt = 15
    emb_dims: PositiveInt = 1024
    in_channels: PositiveInt = 3


SETTINGS = DGCNNSettings
