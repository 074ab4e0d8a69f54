"""The vision transformer of a CLIP with what a masked picture branch needs: a mask token and features of patches.

Shape legend: B pictures, s their side in pixels, P side of a patch in pixels, g = s / P patches per side, W width of
tokens, D width of the output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError
from concord3d.models.hybrid_vit import TokenFeatures, check_patches

_TOKEN_STD = 0.02
# What open_clip's VisionTransformer has, and its residual network and its models of timm lack.
_PARTS = ("conv1", "class_embedding", "positional_embedding", "ln_pre", "transformer", "ln_post", "proj")


class ClipPatches(nn.Module):
    """open_clip's ``VisionTransformer`` with a learnable token in the place of masked patches.

    The mask token takes the place of an embedded patch before the class token and the positions, so the sequence keeps
    its length. Without a mask the pooled feature is that of the model's ``encode_image``. Patch tokens have a norm of
    their own, and share the projection of the class token.

    Args:
        visual: An open_clip ``VisionTransformer`` that pools by its class token, with its weights; it is kept, not
            copied. Mask token and norm are new.

    Attributes:
        patch_size: P.
        width: W.
        out_dim: D.

    Raises:
        ConfigError: The picture encoder is another one, or pools otherwise.

    Example:
        >>> import open_clip
        >>> visual = open_clip.transformer.VisionTransformer(32, 16, 24, 1, 2, 2.0, output_dim=8)
        >>> mask = torch.zeros(3, 2, 2, dtype=torch.bool)
        >>> ClipPatches(visual)(torch.rand(3, 3, 32, 32), mask).tokens.shape
        torch.Size([3, 4, 24])

    Source: Cross-MoST spec 2.1, 3.3; Radford et al., CLIP, 2021, section 2.4.
    """

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        _require_class_token(visual)
        network: Any = visual
        self.visual: Any = network
        self.width, self.out_dim = (int(size) for size in network.proj.shape)
        self.patch_size = int(network.conv1.kernel_size[0])
        self.mask_token = nn.Parameter(_TOKEN_STD * torch.randn(self.width))
        self.patch_norm = nn.LayerNorm(self.width)

    def forward(self, pixels: Tensor, mask: Tensor | None = None) -> TokenFeatures:
        """Encode pictures.

        Args:
            pixels: (B, 3, s, s) normalised pixels, of the side s that the model was built for.
            mask: (B, g, g) bool, True for patches that are hidden; None hides nothing.

        Raises:
            ConfigError: Pictures of another side, or a mask of another shape or type.
        """
        visual = self.visual
        if tuple(pixels.shape[2:]) != tuple(visual.image_size):
            raise ConfigError(
                "Pictures have another size than the model's positions",
                expected=tuple(visual.image_size),
                found=tuple(pixels.shape[2:]),
            )
        check_patches(pixels, mask, self.patch_size)
        tokens = visual.conv1(pixels).flatten(2).transpose(1, 2)
        if mask is not None:
            tokens = torch.where(mask.flatten(1)[..., None], self.mask_token.to(tokens.dtype), tokens)
        first = visual.class_embedding.to(tokens.dtype).expand(len(tokens), 1, -1)
        states = torch.cat([first, tokens], 1) + visual.positional_embedding.to(tokens.dtype)
        states = visual.transformer(visual.ln_pre(states))
        return TokenFeatures(visual.ln_post(states[:, 0]) @ visual.proj, self.patch_norm(states[:, 1:]))

    def project(self, tokens: Tensor) -> Tensor:
        """Return (B, T, D): (B, T, W) tokens through the projection of the class token."""
        projected: Tensor = tokens @ self.visual.proj
        return projected

    def layers(self) -> list[list[nn.Parameter]]:
        """Return the parameters below the head: of the trunk, which is empty, of the embeddings, of each block."""
        visual = self.visual
        embeddings = [
            *visual.conv1.parameters(),
            visual.class_embedding,
            visual.positional_embedding,
            self.mask_token,
            *visual.ln_pre.parameters(),
        ]
        return [[], embeddings, *(list(block.parameters()) for block in visual.transformer.resblocks)]


def _require_class_token(visual: nn.Module) -> None:
    found = [f"no {name}" for name in _PARTS if getattr(visual, name, None) is None]
    if not found:
        vit: Any = visual
        options = {
            f"pool_type '{vit.pool_type}'": vit.pool_type != "tok",
            "a pool of attention": vit.attn_pool is not None,
            "a norm after the pool": vit.final_ln_after_pool,
            "patch dropout": not isinstance(vit.patch_dropout, nn.Identity),
        }
        found = [option for option, is_set in options.items() if is_set]
    if found:
        raise ConfigError(
            "A picture branch with masks needs a plain vision transformer with a class token",
            where="data.tower",
            expected="a model of open_clip with vision_cfg.patch_size, and no other option of its transformer",
            found=f"{type(visual).__name__}: {', '.join(found)}",
        )
