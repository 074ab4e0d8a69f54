"""A classifier with a branch for pictures and one for clouds, which share their classes (Cross-MoST spec 2).

Shape legend: B objects, N points, K classes, D width of text features, T patch tokens, G groups, H hidden tokens, S
points of a group, W width of tokens, g patches per side, P pixels per side of a patch.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from concord3d.models.hybrid_vit import TokenFeatures
from concord3d.models.point_transformer import PointTokens, PointTransformer


class BranchOutput(NamedTuple):
    """What a branch says of a batch.

    Attributes:
        feature: (B, D), not normalised.
        logits: (B, K).
        tokens: (B, T, W) or (B, G, W).
        mask: (B, T) or (B, G) bool, True for hidden tokens.
    """

    feature: Tensor
    logits: Tensor
    tokens: Tensor
    mask: Tensor


class TwoBranchClassifier(nn.Module):
    """Picture and point encoder with one classifier, and what reconstructs hidden patches and groups.

    Args:
        pictures: Picture encoder with patch tokens, as :class:`concord3d.models.hybrid_vit.HybridViT` and
            :class:`concord3d.models.clip_patches.ClipPatches` are.
        points: Point encoder, whose output is as wide.
        classes: (K, D) features of the class names.
        initial_scale: Factor of the cosines at the start; it is trained.
        predicts_points: Whether hidden groups are predicted as points, not as tokens.

    Attributes:
        classifier: (D, K) unit columns at the start; trained, and not normalised again.
    """

    def __init__(
        self,
        pictures: nn.Module,
        points: PointTransformer,
        classes: Tensor,
        initial_scale: float = 100.0,
        predicts_points: bool = False,
    ) -> None:
        super().__init__()
        self.pictures, self.points = pictures, points
        self.classifier = nn.Parameter(nn.functional.normalize(classes.float(), dim=1).T.contiguous())
        self.log_scale = nn.Parameter(torch.tensor(math.log(initial_scale)))
        network: Any = pictures
        self.pixel_decoder = PixelDecoder(network.width, network.patch_size)
        width = points.class_token.shape[0]
        self.group_head = nn.Linear(width, 3 * points.group_size if predicts_points else width)
        self.group_alignment = nn.Linear(width, network.out_dim, bias=False)
        nn.init.normal_(self.group_alignment.weight)

    def of_pictures(self, pictures: Tensor, are_maps: bool, masks: Tensor | None = None) -> BranchOutput:
        """Classify pictures.

        Args:
            pictures: (B, 3, s, s) normalised pixels, or (B, C, g, g) maps of a hybrid's frozen trunk.
            are_maps: Which of them.
            masks: (B, g, g) bool, True for hidden patches; None hides nothing.
        """
        network: Any = self.pictures
        said: TokenFeatures = (network.from_map if are_maps else network)(pictures, masks)
        hidden = said.tokens.new_zeros(said.tokens.shape[:2], dtype=torch.bool) if masks is None else masks.flatten(1)
        return BranchOutput(said.pooled, self._logits(said.pooled), said.tokens, hidden)

    def of_points(self, said: PointTokens) -> BranchOutput:
        """Classify clouds, as the point encoder's ``encode`` or ``encode_groups`` describes them."""
        return BranchOutput(said.feature, self._logits(said.feature), said.tokens, said.mask)

    def _logits(self, feature: Tensor) -> Tensor:
        return self.log_scale.exp() * nn.functional.normalize(feature.float(), dim=1) @ self.classifier


class PixelDecoder(nn.Module):
    """A linear map from a patch token to its pixels.

    Args:
        width: W.
        patch_size: P.
    """

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.expand = nn.Linear(width, 3 * patch_size**2)

    def patches(self, tokens: Tensor) -> Tensor:
        """Return (H, 3, P, P) normalised pixels of (H, W) tokens."""
        pixels: Tensor = self.expand(tokens).unflatten(1, (3, self.patch_size, self.patch_size))
        return pixels

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, 3, g P, g P) normalised pixels of (B, g * g, W) tokens."""
        side = math.isqrt(tokens.shape[1])
        patches = self.patches(tokens.flatten(0, 1)).unflatten(0, (-1, side, side))
        return patches.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def picture_patches(pictures: Tensor, patch_size: int) -> Tensor:
    """Return (B, g, g, c, P, P), the patches of (B, c, g P, g P) pictures, as a view of them: nothing is copied."""
    rows = pictures.unflatten(3, (-1, patch_size)).unflatten(2, (-1, patch_size))
    return rows.permute(0, 2, 4, 1, 3, 5)
