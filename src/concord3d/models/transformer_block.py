"""The pre-norm block of the point transformers, with stochastic depth.

Shapes: B sequences, T tokens, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PreNormBlock(nn.Module):
    """Self-attention without bias in its inputs, then an MLP with GELU; each adds to what its LayerNorm has read.

    Args:
        width: W.
        mlp_width: Hidden width of the MLP.
        num_heads: Attention heads; they share ``width``.
        drop_path: Probability, while training, that a sequence skips a branch. Drawn from PyTorch's global generator.
    """

    def __init__(self, width: int, mlp_width: int, num_heads: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.num_heads, self.drop_path = num_heads, drop_path
        self.attention_norm = nn.LayerNorm(width)
        self.to_queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.to_output = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_width), nn.GELU(), nn.Linear(mlp_width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, T, W) of (B, T, W)."""
        tokens = tokens + self._kept(self._attend(self.attention_norm(tokens)))
        result: Tensor = tokens + self._kept(self.mlp(self.mlp_norm(tokens)))
        return result

    def _attend(self, tokens: Tensor) -> Tensor:
        projected = self.to_queries_keys_values(tokens).unflatten(-1, (3, self.num_heads, -1))
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        result: Tensor = self.to_output(attended.transpose(1, 2).flatten(2))
        return result

    def _kept(self, branch: Tensor) -> Tensor:
        # As torchvision.ops.stochastic_depth in mode "row", whose import takes seconds.
        if not self.training or self.drop_path == 0:
            return branch
        survival = 1 - self.drop_path
        kept = torch.empty((len(branch), 1, 1), dtype=branch.dtype, device=branch.device).bernoulli_(survival)
        return branch * (kept / survival)
