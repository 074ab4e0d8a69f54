"""The Point-BERT variant of the OpenShape lineage: groups of points are its tokens (MM-Mixing spec 2.2).

Shapes: B clouds, N points, G groups, K neighbours per group, C channels, T = G + 1 tokens, W width.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.grouping import ball_query, gather_points
from concord3d.models.transformer_block import PreNormBlock

_POSITION = 3
_HIDDEN = (64, 64)
_CLASS_TOKEN_STD = 0.02


class PointBERT(nn.Module):
    """Farthest points, their balls, a small PointNet per ball, a pre-norm transformer; the class token is the feature.

    The default arguments are the full size: 32,326,080 parameters. The balls depend on the order of the points, and
    the first point is the first centre, so clouds must come in random order.

    Args:
        in_channels: 3 for x, y, z or more, e.g. 6 for x, y, z, r, g, b.
        out_dim: Width of the output.
        depth: Transformer blocks.
        width: Width of the tokens; the class token after the last block is the backbone's feature.
        mlp_width: Hidden width of the blocks' MLPs.
        num_heads: Attention heads; they share ``width``.
        num_groups: G, at most N.
        group_channels: Channels of the feature of a group.
        group_size: K; a ball with fewer points repeats its first.
        radius_mm: Radius of the balls in thousandths of the unit of the coordinates.

    Source: MM-Mixing spec 2.2.
    """

    def __init__(
        self,
        in_channels: int = 6,
        out_dim: int = 1280,
        depth: int = 12,
        width: int = 512,
        mlp_width: int = 1536,
        num_heads: int = 8,
        num_groups: int = 384,
        group_channels: int = 256,
        group_size: int = 64,
        radius_mm: int = 200,
    ) -> None:
        super().__init__()
        if in_channels < _POSITION:
            raise ConfigError("Points have at least x, y and z", where="encoder.in_channels", found=in_channels)
        if width % num_heads:
            raise ConfigError("Heads must share the width evenly", where="encoder.num_heads", found=num_heads)
        self.in_channels, self.feature_dim, self.backbone_dim = in_channels, out_dim, width
        self.groups = GroupEmbedding(in_channels, group_channels, num_groups, group_size, radius_mm / 1000)
        self.lift = nn.Linear(group_channels + _POSITION, width)
        self.lift_norm = nn.LayerNorm(width)
        self.class_token = nn.Parameter(_CLASS_TOKEN_STD * torch.randn(width))
        self.blocks = nn.ModuleList(PreNormBlock(width, mlp_width, num_heads) for _ in range(depth))
        self.projection = nn.Linear(width, out_dim)

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, in_channels) clouds into (B, out_dim) features.

        Raises:
            BadCloud: As :meth:`backbone_features`.
        """
        features: Tensor = self.projection(self.backbone_features(points))
        return features

    def backbone_features(self, points: Tensor) -> Tensor:
        """Encode clouds before the projection.

        Args:
            points: (B, N, in_channels) float, N at least the number of groups.

        Returns:
            (B, width): the class token.

        Raises:
            BadCloud: Another shape, values that are not finite, fewer points than groups, or training on a single
                neighbour.
        """
        centres, features = self.groups(points)
        tokens = self.lift_norm(self.lift(torch.cat([centres.to(features.dtype), features], -1)))
        tokens = torch.cat([self.class_token.to(tokens.dtype).expand(len(tokens), 1, -1), tokens], 1)
        for block in self.blocks:
            tokens = block(tokens)
        first: Tensor = tokens[:, 0]
        return first


class GroupEmbedding(nn.Module):
    """Centres by farthest point sampling, balls around them, and a PointNet of each ball.

    Per neighbour: offset from the centre, then the point's own channels; a shared MLP 64-64-C of 1x1 convolutions with
    BatchNorm and ReLU; the maximum over the neighbours.

    Args:
        in_channels: Channels per point, x, y and z first.
        out_channels: C, channels per group.
        num_groups: G.
        group_size: K.
        radius: Radius of the balls.
    """

    def __init__(self, in_channels: int, out_channels: int, num_groups: int, group_size: int, radius: float) -> None:
        super().__init__()
        self.in_channels, self.num_groups, self.group_size, self.radius = in_channels, num_groups, group_size, radius
        widths = (_POSITION + in_channels, *_HIDDEN, out_channels)
        self.linears = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:])

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Embed the groups.

        Args:
            points: (B, N, in_channels) float.

        Returns:
            (B, G, 3) centres and (B, G, C) features.

        Raises:
            BadCloud: Another shape, values that are not finite, fewer points than groups, or training on a single
                neighbour.
        """
        self._check(points)
        positions = points[..., :_POSITION]
        centres = gather_points(positions, farthest_point_sample(positions, self.num_groups))
        members = gather_points(points, ball_query(positions, centres, self.radius, self.group_size))
        offsets = members[..., :_POSITION] - centres.unsqueeze(2)
        features = torch.cat([offsets, members], -1).flatten(0, 2).to(next(self.parameters()).dtype)
        last = len(self.linears) - 1
        for index, (linear, norm) in enumerate(zip(self.linears, self.norms, strict=True)):
            features = norm(linear(features))
            if index < last:
                features = features.relu()
        # ReLU never reverses an order, so it may follow the maximum.
        return centres, features.unflatten(0, members.shape[:3]).amax(2).relu()

    def _check(self, points: Tensor) -> None:
        if points.ndim != 3 or points.shape[-1] != self.in_channels:
            raise BadCloud("Clouds do not fit", expected=f"(B, N, {self.in_channels})", found=tuple(points.shape))
        if points.shape[1] < self.num_groups:
            raise BadCloud(
                "A cloud has fewer points than groups",
                expected=f"at least {self.num_groups} points",
                found=points.shape[1],
                next_step="lower encoder.num_groups or sample more points",
            )
        if not torch.isfinite(points).all():
            raise BadCloud("An encoder needs finite clouds", found="NaN or infinity")
        if self.training and points.shape[0] * self.num_groups * self.group_size < 2:
            raise BadCloud("Batch statistics need more than one neighbour", expected="at least 2", found=1)
