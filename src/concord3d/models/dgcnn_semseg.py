"""DGCNN for semantic segmentation of rooms: the encoder that is pre-trained, and the segmenter (MM-Point spec 6.5).

Shapes: B blocks, N points, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from concord3d.errors import BadCloud
from concord3d.models.edge_mlp import PointwiseBlock
from concord3d.models.factory import build_point_encoder
from concord3d.models.segmentation_trunk import LOCAL_CHANNELS, SegmentationTrunk, linear_on_repeated
from concord3d.models.weights import size_in

# Prefix of the one layer whose shape depends on the input channels: new when going from 3 to 9 channels.
FIRST_LAYER = "trunk.edge_mlps.0.first."


class DGCNNSemSeg(nn.Module):
    """Encoder of the semantic segmentation model.

    With nine input channels (block-centred xyz, colour, position in the room) the first graph is built on the last
    three; with three channels on all of them.

    Args:
        k: Neighbours per point.
        emb_dims: Width of the global feature.
        in_channels: Channels per input point (3 to pre-train, 9 on S3DIS).

    Source: MM-Point spec 6.5.
    """

    def __init__(self, k: int = 20, emb_dims: int = 1024, in_channels: int = 3) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feature_dim = emb_dims
        self.trunk = SegmentationTrunk(k, emb_dims, in_channels)

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, in_channels) blocks into (B, emb_dims) features."""
        return self.local_and_global(points)[1]

    def local_and_global(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, N, 192) local features and the (B, emb_dims) global feature."""
        if points.ndim != 3 or points.shape[-1] != self.in_channels:
            raise BadCloud("Wrong input channels", expected=f"(B, N, {self.in_channels})", found=tuple(points.shape))
        local, pooled = self.trunk(points, points[..., -3:])
        return local, pooled


class SemSegmenter(nn.Module):
    """Semantic segmentation: the encoder and a point-wise decoder 512-256.

    Pre-trained weights load into ``encoder``, except ``FIRST_LAYER`` if the input channels differ.

    Args:
        encoder: The encoder.
        num_classes: Number of labels (13 in S3DIS).
        dropout: Probability of dropping a unit before the last layer.

    Source: MM-Point spec 6.5.
    """

    def __init__(self, encoder: DGCNNSemSeg, num_classes: int = 13, dropout: float = 0.5) -> None:
        super().__init__()
        self.encoder = encoder
        self.fuse = PointwiseBlock(encoder.feature_dim + LOCAL_CHANNELS, 512)
        self.decoder = nn.Sequential(PointwiseBlock(512, 256), nn.Dropout(dropout))
        self.classes = nn.Linear(256, num_classes, bias=False)

    def forward(self, points: Tensor) -> Tensor:
        """Return (B, N, num_classes) logits of (B, N, in_channels) blocks."""
        local, pooled = self.encoder.local_and_global(points)
        hidden = self.fuse.activate(linear_on_repeated(self.fuse.linear, pooled, local))
        logits: Tensor = self.classes(self.decoder(hidden))
        return logits


def sem_segmenter_of(
    settings: Mapping[str, Any], tensors: Mapping[str, Tensor], path: Path, prefix: str = ""
) -> SemSegmenter:
    """Build a segmenter with random weights, in the form that weights of a training have.

    Args:
        settings: The ``encoder`` section of the training.
        tensors: The weights.
        path: Their file, for messages.
        prefix: What the names of the segmenter's tensors begin with.

    Raises:
        CheckpointCorrupt: The weights are not a segmenter's.
    """
    encoder = build_point_encoder(settings)
    assert isinstance(encoder, DGCNNSemSeg)
    return SemSegmenter(encoder, size_in(tensors, f"{prefix}classes.weight", path))
