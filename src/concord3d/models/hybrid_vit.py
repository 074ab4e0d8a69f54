"""A hybrid vision transformer: the map of a convolutional trunk is its tokens, and pixels can be masked.

Shape legend: B pictures, s their side in pixels, P side of a patch in pixels, g = s / P patches per side, C channels of
the trunk's map, W width of tokens, D width of the output.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import ConfigError

_TOKEN_STD = 0.02
_TEMPERATURE = 100.0
# Positions are fractions of the picture times this, so that neighbours differ alike on a grid of any size.
_EXTENT = 14.0


class TokenFeatures(NamedTuple):
    """What a hybrid vision transformer says of pictures.

    Attributes:
        pooled: (B, D) feature of each picture, not normalised.
        tokens: (B, g * g, W) patch tokens after the last norm, row after row.
    """

    pooled: Tensor
    tokens: Tensor


class HybridViT(nn.Module):
    """A trunk's map as tokens, a class token, sine and cosine positions, pre-norm blocks, and a linear output.

    Pixels are masked before the trunk: a token behind it has already seen its neighbours. Tokens of masked patches are
    then replaced by a learnt one, so nothing below a mask reaches the output. The norms of the trunk always use the
    statistics that it came with.

    Args:
        trunk: Module from (B, 3, s, s) normalised pixels to (B, C, g, g).
        channels: C.
        patch_size: P.
        width: W, a multiple of 4 and of ``num_heads``.
        depth: Blocks.
        num_heads: Attention heads; they share ``width``.
        mlp_width: Hidden width of the blocks' MLPs.
        out_dim: D.
        dropout: Probability of dropping a hidden value in the blocks, while training.

    Raises:
        ConfigError: The width cannot be shared by heads or by positions.

    Example:
        >>> model = HybridViT(nn.Conv2d(3, 8, 16, 16), 8, 16, width=16, depth=1, num_heads=2, mlp_width=32, out_dim=5)
        >>> mask = torch.zeros(2, 4, 4, dtype=torch.bool)
        >>> model(torch.rand(2, 3, 64, 64), mask).tokens.shape
        torch.Size([2, 16, 16])

    Source: Dosovitskiy et al., ViT, 2021, section 3.1, hybrid architecture; Xie et al., SimMIM, 2022, for masked tokens
    that stay in the sequence.
    """

    def __init__(
        self,
        trunk: nn.Module,
        channels: int,
        patch_size: int,
        width: int = 192,
        depth: int = 2,
        num_heads: int = 3,
        mlp_width: int = 384,
        out_dim: int = 384,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % num_heads or width % 4:
            raise ConfigError(
                "The width of tokens cannot be shared",
                where="width",
                expected=f"a multiple of {num_heads} heads and of 4",
                found=width,
            )
        self.channels, self.patch_size, self.width, self.out_dim = channels, patch_size, width, out_dim
        self.trunk = trunk
        self.map_norm = nn.LayerNorm(channels)
        self.lift = nn.Linear(channels, width)
        self.class_token = nn.Parameter(_TOKEN_STD * torch.randn(width))
        self.mask_token = nn.Parameter(_TOKEN_STD * torch.randn(width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, num_heads, mlp_width, dropout, functional.gelu, batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, out_dim)
        self.train()

    def train(self, mode: bool = True) -> HybridViT:
        """Set the mode of everything but the trunk's norms, whose statistics stay."""
        super().train(mode)
        for module in self.trunk.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, pixels: Tensor, mask: Tensor | None = None) -> TokenFeatures:
        """Encode pictures.

        Args:
            pixels: (B, 3, s, s) normalised pixels; s is a multiple of P.
            mask: (B, g, g) bool, True for patches that are hidden; None hides nothing.

        Raises:
            ConfigError: The side is no multiple of P, or the mask has another shape or type.
        """
        return self.from_map(self.trunk_map(pixels, mask), mask)

    def trunk_map(self, pixels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the trunk's map, of which :meth:`from_map` makes the features.

        Hidden pixels are 0, which is the mean of normalised pictures.

        Args:
            pixels: See :meth:`forward`.
            mask: See :meth:`forward`.

        Returns:
            (B, C, g, g).
        """
        check_patches(pixels, mask, self.patch_size)
        if mask is not None:
            hidden = mask.repeat_interleave(self.patch_size, 1).repeat_interleave(self.patch_size, 2)
            pixels = pixels.masked_fill(hidden[:, None], 0.0)
        found: Tensor = self.trunk(pixels)
        return found

    def from_map(self, trunk_map: Tensor, mask: Tensor | None = None) -> TokenFeatures:
        """Encode maps that :meth:`trunk_map` returned with the same mask.

        Args:
            trunk_map: (B, C, g, g).
            mask: See :meth:`forward`.
        """
        rows, columns = trunk_map.shape[2:]
        tokens = self.lift(self.map_norm(trunk_map.flatten(2).transpose(1, 2)))
        if mask is not None:
            tokens = torch.where(mask.flatten(1)[..., None], self.mask_token.to(tokens.dtype), tokens)
        tokens = tokens + position_embedding(rows, columns, self.width).to(tokens)
        states = torch.cat([self.class_token.to(tokens.dtype).expand(len(tokens), 1, -1), tokens], 1)
        for block in self.blocks:
            states = block(states)
        states = self.norm(states)
        return TokenFeatures(self.projection(states[:, 0]), states[:, 1:])

    def project(self, tokens: Tensor) -> Tensor:
        """Return (B, T, D): (B, T, W) tokens through the projection of the pooled feature."""
        projected: Tensor = self.projection(tokens)
        return projected

    def layers(self) -> list[list[nn.Parameter]]:
        """Return the parameters below the head: of the trunk, of the embeddings, then of each block."""
        embeddings = [*self.map_norm.parameters(), *self.lift.parameters(), self.class_token, self.mask_token]
        return [list(self.trunk.parameters()), embeddings, *(list(block.parameters()) for block in self.blocks)]


def check_patches(pixels: Tensor, mask: Tensor | None, patch_size: int) -> None:
    """Refuse pictures that have no whole number of patches, and a mask that does not fit them.

    Args:
        pixels: (B, 3, s, s).
        mask: (B, g, g) bool, or None.
        patch_size: P.

    Raises:
        ConfigError: The side is no multiple of P, or the mask has another shape or type.
    """
    height, width = pixels.shape[2:]
    if height % patch_size or width % patch_size:
        raise ConfigError(
            "Pictures cannot be divided into patches",
            expected=f"sides that are multiples of {patch_size} pixels",
            found=(height, width),
        )
    grid = (len(pixels), height // patch_size, width // patch_size)
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != grid):
        raise ConfigError(
            "A mask does not fit the pictures", expected=f"bool {grid}", found=f"{mask.dtype} {tuple(mask.shape)}"
        )


def position_embedding(rows: int, columns: int, width: int) -> Tensor:
    """Return sines and cosines of the places of patches, as fractions of the picture: defined for every grid.

    Args:
        rows: Patches from top to bottom.
        columns: Patches from left to right.
        width: W, a multiple of 4.

    Returns:
        (rows * columns, W) float32.
    """
    rates = _TEMPERATURE ** -(torch.arange(width // 4) / (width // 4))
    vertical, horizontal = ((torch.arange(size) + 0.5) / size * _EXTENT for size in (rows, columns))
    places = torch.cartesian_prod(vertical, horizontal)
    angles = (places[:, :, None] * rates).flatten(1)
    return torch.cat([angles.sin(), angles.cos()], 1)
