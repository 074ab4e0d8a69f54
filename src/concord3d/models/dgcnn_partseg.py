"""DGCNN for part segmentation: the pre-trained encoder and the fine-tuned segmenter (MM-Point spec 2.3).

Shapes: B clouds, N points, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import BadCloud
from concord3d.geometry.knn import knn_indices
from concord3d.models.edge_mlp import EdgeMLP, PointwiseBlock
from concord3d.models.segmentation_trunk import LOCAL_CHANNELS, SegmentationTrunk, linear_on_repeated


class SpatialTransform(nn.Module):
    """Predict a 3x3 matrix per cloud that aligns it; the identity before training.

    Args:
        k: Neighbours per point.
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k
        self.edge_mlp = EdgeMLP(3, 64, 128)
        self.embedding = PointwiseBlock(128, 1024)
        self.hidden = nn.Sequential(PointwiseBlock(1024, 512), PointwiseBlock(512, 256))
        self.matrix = nn.Linear(256, 9)
        nn.init.zeros_(self.matrix.weight)
        with torch.no_grad():
            self.matrix.bias.copy_(torch.eye(3).flatten())

    def forward(self, points: Tensor, indices: Tensor) -> Tensor:
        """Return the transformed (B, N, 3) points, given their (B, N, K) neighbours."""
        pooled = self.embedding(self.edge_mlp(points, indices)).amax(1)
        return points @ self.matrix(self.hidden(pooled)).view(-1, 3, 3)


class DGCNNPartSeg(nn.Module):
    """Encoder of the part segmentation model: spatial transform, edge networks, global feature.

    For pre-training put ``projection_head_3d(1024, 1024, 256)`` on its output.

    Args:
        k: Neighbours per point (15 to pre-train, 40 to fine-tune).
        emb_dims: Width of the global feature.

    Source: MM-Point spec 2.3.
    """

    def __init__(self, k: int = 15, emb_dims: int = 1024) -> None:
        super().__init__()
        self.k = k
        self.feature_dim = emb_dims
        self.transform = SpatialTransform(k)
        self.trunk = SegmentationTrunk(k, emb_dims, 3)

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, 3) clouds into (B, emb_dims) features."""
        return self.local_and_global(points)[1]

    def local_and_global(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, N, 192) local features and the (B, emb_dims) global feature of (B, N, 3) clouds."""
        if points.ndim != 3 or points.shape[-1] != 3:
            raise BadCloud("Part segmentation needs clouds", expected="(B, N, 3)", found=tuple(points.shape))
        aligned = self.transform(points, knn_indices(points, self.k))
        local, pooled = self.trunk(aligned, aligned)
        return local, pooled


class PartSegmenter(nn.Module):
    """Part segmentation: the encoder and a decoder conditioned on the object category.

    Pre-trained weights load into ``encoder``; the decoder is new.

    Args:
        encoder: The encoder.
        num_categories: Object categories (16 in ShapeNetPart).
        num_parts: Part labels over all categories (50 in ShapeNetPart).
        dropout: Probability of dropping a decoder unit.

    Source: MM-Point spec 2.3.
    """

    def __init__(
        self, encoder: DGCNNPartSeg, num_categories: int = 16, num_parts: int = 50, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_categories = num_categories
        self.category = PointwiseBlock(num_categories, 64)
        self.fuse = PointwiseBlock(encoder.feature_dim + 64 + LOCAL_CHANNELS, 256)
        self.decoder = nn.Sequential(
            nn.Dropout(dropout), PointwiseBlock(256, 256), nn.Dropout(dropout), PointwiseBlock(256, 128)
        )
        self.parts = nn.Linear(128, num_parts, bias=False)

    def forward(self, points: Tensor, category: Tensor) -> Tensor:
        """Label the points of clouds of known category.

        Args:
            points: (B, N, 3) clouds.
            category: (B,) int64 object categories.

        Returns:
            (B, N, num_parts) logits.
        """
        local, pooled = self.encoder.local_and_global(points)
        one_hot = functional.one_hot(category, self.num_categories).to(pooled.dtype)
        shared = torch.cat([pooled, self.category(one_hot)], -1)
        hidden = self.fuse.activate(linear_on_repeated(self.fuse.linear, shared, local))
        logits: Tensor = self.parts(self.decoder(hidden))
        return logits
