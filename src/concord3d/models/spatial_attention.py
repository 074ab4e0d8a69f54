"""Self-attention among the objects of a scan that knows where they lie to one another.

Shapes: B scans, N objects, W width, H heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError

NUM_RELATIONS = 5
LOCATION_WIDTH = 6
_SQUARE_FLOOR = 1e-10
_RELEVANCE_FLOOR = 1e-6
_INITIAL_STD = 0.02


def pairwise_relations(centres: Tensor, present: Tensor | None = None) -> Tensor:
    """Return five numbers about where object j lies as seen from object i.

    They are the distance over the largest distance of the scan, and the directions dz/d, d2/d, dy/d2 and dx/d2, where
    d2 is the distance on the floor.

    Args:
        centres: (B, N, 3) in metres, z up.
        present: (B, N) bool, objects whose distances may be the largest; None takes all, those that fill up too.

    Returns:
        (B, N, N, 5).

    Source: CrossOver spec 3.1.
    """
    difference = centres[:, :, None] - centres[:, None]
    x, y, z = difference.unbind(-1)
    distance = (difference.square().sum(-1) + _SQUARE_FLOOR).sqrt()
    on_floor = (x.square() + y.square() + _SQUARE_FLOOR).sqrt()
    candidates = distance
    if present is not None:
        candidates = distance.masked_fill(~(present[:, :, None] & present[:, None]), math.sqrt(_SQUARE_FLOOR))
    largest = candidates.amax((1, 2), keepdim=True)
    # Only pairs with a missing object can be farther apart, and these are masked.
    share = (distance / largest).clamp(max=1)
    return torch.stack([share, z / distance, on_floor / distance, y / on_floor, x / on_floor], -1)


class SpatialAttention(nn.Module):
    """Multi-head attention whose logits hold the logarithm of a relevance that each query reads from the relations.

    Args:
        width: W, a multiple of ``num_heads``.
        num_heads: H.
        dropout: Of the output.

    Source: the conditional fusion of CrossOver spec 3.1.
    """

    def __init__(self, width: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if width % num_heads:
            raise ConfigError(
                "Attention heads share the width",
                where="encoder.num_heads",
                expected=f"a divisor of {width}",
                found=num_heads,
                next_step="change num_heads, or set encoder.attention_width",
            )
        self.num_heads = num_heads
        self.to_queries, self.to_keys, self.to_values = (nn.Linear(width, width) for _ in range(3))
        self.to_relevance = nn.Linear(width, num_heads * (NUM_RELATIONS + 1))
        self.to_output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, relations: Tensor, present: Tensor) -> Tensor:
        """Return (B, N, W).

        Args:
            tokens: (B, N, W).
            relations: (B, N, N, 5).
            present: (B, N) bool, objects that are looked at. What no object is looked at for is finite and means
                nothing.
        """
        queries, keys, values = (
            layer(tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.to_queries, self.to_keys, self.to_values)
        )
        weight, bias = self.to_relevance(tokens).unflatten(-1, (self.num_heads, -1)).split([NUM_RELATIONS, 1], -1)
        relevance = (torch.einsum("bihf,bijf->bhij", weight, relations) + bias.transpose(1, 2)).sigmoid()
        logits = queries @ keys.mT / math.sqrt(queries.shape[-1]) + relevance.clamp(min=_RELEVANCE_FLOOR).log()
        # Not minus infinity: a scan may have no object to look at.
        attention = logits.masked_fill(~present[:, None, None], torch.finfo(logits.dtype).min).softmax(-1)
        attended = self.to_output((attention @ values).transpose(1, 2).flatten(2))
        result: Tensor = self.norm(self.dropout(attended) + tokens)
        return result


class _SpatialLayer(nn.Module):
    """Spatial attention and an MLP, each with a residual and a LayerNorm after it."""

    def __init__(self, width: int, num_heads: int, mlp_width: int, dropout: float) -> None:
        super().__init__()
        self.attention = SpatialAttention(width, num_heads, dropout)
        self.attention_dropout, self.attention_norm = nn.Dropout(dropout), nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp_width, width),
            nn.Dropout(dropout),
        )
        self.mlp_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, relations: Tensor, present: Tensor) -> Tensor:
        attended = self.attention_dropout(self.attention(tokens, relations, present))
        tokens = self.attention_norm(tokens + attended)
        result: Tensor = self.mlp_norm(tokens + self.mlp(tokens))
        return result


class SpatialEncoder(nn.Module):
    """Layers of spatial attention; before each of them the same embedding of the locations is added.

    The four layers of the paper (width 384, 12 heads, MLPs of 2,048) have 8.8 million parameters.

    Args:
        width: W.
        num_layers: Layers.
        num_heads: H.
        mlp_width: Hidden width of the MLPs.
        dropout: Of attention and MLPs.
        padded_distances: Whether the largest distance is found among objects that fill up a batch too.

    Source: CrossOver spec 3.1.
    """

    def __init__(
        self,
        width: int,
        num_layers: int = 4,
        num_heads: int = 12,
        mlp_width: int = 2048,
        dropout: float = 0.1,
        padded_distances: bool = False,
    ) -> None:
        super().__init__()
        self.padded_distances = padded_distances
        self.location = nn.Sequential(nn.Linear(LOCATION_WIDTH, width), nn.LayerNorm(width))
        self.layers = nn.ModuleList(_SpatialLayer(width, num_heads, mlp_width, dropout) for _ in range(num_layers))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=_INITIAL_STD)
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor, locations: Tensor, present: Tensor) -> Tensor:
        """Return (B, N, W).

        Args:
            tokens: (B, N, W).
            locations: (B, N, 6): mean and extents in metres, z up.
            present: (B, N) bool.
        """
        relations = pairwise_relations(locations[..., :3], None if self.padded_distances else present)
        embedded = self.location(locations)
        for layer in self.layers:
            tokens = layer(tokens + embedded, relations, present)
        return tokens

    def repeated_locations(self, locations: Tensor) -> Tensor:
        """Return (B, N, W), the embedding of (B, N, 6) locations once for every layer: what the release adds to CAD."""
        result: Tensor = len(self.layers) * self.location(locations)
        return result
