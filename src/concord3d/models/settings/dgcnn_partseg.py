"""Settings of :class:`concord3d.models.dgcnn_partseg.DGCNNPartSeg`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from concord3d.models.encoder_settings import EncoderSettings


class DGCNNPartSegSettings(EncoderSettings):
    """DGCNN for part segmentation.

    Attributes:
        k: Neighbours per point.
        emb_dims: Width of the global feature.
    """

    builder: ClassVar[str] = "concord3d.models.dgcnn_partseg:DGCNNPartSeg"
    k: PositiveInt = 15
    emb_dims: PositiveInt = 1024


SETTINGS = DGCNNPartSegSettings
