"""Settings of :class:`concord3d.models.dgcnn_semseg.DGCNNSemSeg`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from concord3d.models.encoder_settings import EncoderSettings


class DGCNNSemSegSettings(EncoderSettings):
    """DGCNN for semantic segmentation.

    Attributes:
        k: Neighbours per point.
        emb_dims: Width of the global feature.
        in_channels: Channels per input point.
    """

    builder: ClassVar[str] = "concord3d.models.dgcnn_semseg:DGCNNSemSeg"
    k: PositiveInt = 20
    emb_dims: PositiveInt = 1024
    in_channels: PositiveInt = 3


SETTINGS = DGCNNSemSegSettings
