"""The point tower of Cross-MoST: groups of points are tokens, of which some may be masked (Cross-MoST spec 2.2).

Shapes: B clouds, N points, G groups, S points per group, C channels of a token, W width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.grouping import gather_points
from concord3d.geometry.knn import nearest_points
from concord3d.models.group_masks import nearest_group_masks
from concord3d.models.transformer_block import PreNormBlock

_POSITION_HIDDEN = 128
_TOKEN_STD = 0.02
# Points whose channels are computed together on a CPU.
_CPU_PIECE_POINTS = 1024


class Groups(NamedTuple):
    """Groups of points.

    Attributes:
        centres: (B, G, 3).
        neighbourhoods: (B, G, S, 3), the nearest points of each centre, with the centre subtracted.
    """

    centres: Tensor
    neighbourhoods: Tensor


class PointTokens(NamedTuple):
    """What a point transformer says of clouds.

    Attributes:
        feature: (B, out_dim), not normalised.
        class_token: (B, W) after the last norm.
        tokens: (B, G, W) after the last norm.
        targets: (B, G, W) tokens before the transformer and before any mask, without gradient.
        centres: (B, G, 3).
        neighbourhoods: (B, G, S, 3), centred.
        mask: (B, G) bool, True for tokens that were hidden.
    """

    feature: Tensor
    class_token: Tensor
    tokens: Tensor
    targets: Tensor
    centres: Tensor
    neighbourhoods: Tensor
    mask: Tensor


class PointTransformer(nn.Module):
    """Farthest points, their neighbours, a small PointNet per group, pre-norm blocks, and a projection.

    The backbone's feature is the class token beside the maximum over all tokens. The default arguments are the full
    size: 22,252,416 parameters. The first point is the first centre, so clouds must come in random order.

    Args:
        out_dim: Width of the output.
        num_groups: G, at most N.
        group_size: S, at most N.
        token_width: C, an even number.
        width: W.
        depth: Transformer blocks.
        num_heads: Attention heads; they share ``width``.
        mlp_ratio: Hidden width of the blocks' MLPs as a multiple of ``width``.
        drop_path: Probability, while training, that a cloud skips a branch of the last block; it rises linearly from 0
            at the first block. Drawn from PyTorch's global generator.

    Attributes:
        mask_token: (W,) what stands in place of a masked token.

    Raises:
        ConfigError: The heads cannot share the width, or ``token_width`` is odd.

    Example:
        >>> encoder = PointTransformer(out_dim=5, num_groups=8, group_size=4, token_width=8, width=12, depth=2)
        >>> said = encoder.encode(torch.rand(2, 50, 3), (0.3, 0.4), torch.Generator().manual_seed(0))
        >>> said.feature.shape, said.tokens.shape, said.mask.sum(1)
        (torch.Size([2, 5]), torch.Size([2, 8, 12]), tensor([2, 2]))

    Source: Cross-MoST spec 2.2, 3.3.
    """

    def __init__(
        self,
        out_dim: int = 512,
        num_groups: int = 64,
        group_size: int = 32,
        token_width: int = 256,
        width: int = 384,
        depth: int = 12,
        num_heads: int = 6,
        mlp_ratio: int = 4,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        if width % num_heads:
            raise ConfigError("Heads must share the width evenly", where="encoder.num_heads", found=num_heads)
        self.in_channels, self.feature_dim, self.backbone_dim = 3, out_dim, 2 * width
        self.num_groups, self.group_size = num_groups, group_size
        self.tokeniser = GroupTokeniser(token_width)
        self.lift = nn.Linear(token_width, width)
        self.class_token = nn.Parameter(_TOKEN_STD * torch.randn(width))
        self.class_position = nn.Parameter(_TOKEN_STD * torch.randn(width))
        self.mask_token = nn.Parameter(_TOKEN_STD * torch.randn(width))
        self.position = nn.Sequential(nn.Linear(3, _POSITION_HIDDEN), nn.GELU(), nn.Linear(_POSITION_HIDDEN, width))
        self.blocks = nn.ModuleList(
            PreNormBlock(width, mlp_ratio * width, num_heads, drop_path * block / max(1, depth - 1))
            for block in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(2 * width, out_dim, bias=False)
        self._tokeniser_follows_mode = True

    def freeze_tokeniser(self, batch_statistics: bool = False) -> PointTransformer:
        """Stop training the tokeniser; copies of the encoder stay so, saved weights do not say it.

        Args:
            batch_statistics: Whether its norms use statistics of the batch in training mode, and update their running
                ones; else those that they came with (Cross-MoST spec 9, trap 11).

        Returns:
            The encoder.
        """
        self.tokeniser.requires_grad_(False)
        self._tokeniser_follows_mode = batch_statistics
        return self.train(self.training)

    def train(self, mode: bool = True) -> PointTransformer:
        """Set the mode, of a frozen tokeniser too if its norms use statistics of the batch."""
        super().train(mode)
        self.tokeniser.train(mode and self._tokeniser_follows_mode)
        return self

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, 3) clouds into (B, out_dim) features.

        Raises:
            BadCloud: As :meth:`groups`.
        """
        return self.encode(points).feature

    def backbone_features(self, points: Tensor) -> Tensor:
        """Encode (B, N, 3) clouds into (B, 2 W) features before the projection.

        Raises:
            BadCloud: As :meth:`groups`.
        """
        said = self.encode(points)
        return _pooled(said.class_token, said.tokens)

    def encode(
        self,
        points: Tensor,
        mask_share: tuple[float, float] | None = None,
        draw: torch.Generator | None = None,
        random_start: torch.Generator | None = None,
    ) -> PointTokens:
        """Encode clouds, some of whose tokens are masked.

        Args:
            points: (B, N, 3).
            mask_share: Range of the share of masked tokens, see :func:`nearest_group_masks`; None masks none.
            draw: CPU generator of the masks.
            random_start: CPU generator of the first centres, see :meth:`groups`.

        Raises:
            BadCloud: As :meth:`groups`.
            ConfigError: The shares do not fit, or they come without a generator.
        """
        found = self.groups(points, random_start)
        if mask_share is None:
            return self.encode_groups(found)
        if draw is None:
            raise ConfigError("Masks are drawn at random", expected="a generator", found=None)
        return self.encode_groups(found, nearest_group_masks(found.centres, mask_share, draw))

    def groups(self, points: Tensor, random_start: torch.Generator | None = None) -> Groups:
        """Return the groups of clouds.

        Args:
            points: (B, N, 3).
            random_start: CPU generator of the first centre of each cloud; without it the first point is.

        Raises:
            BadCloud: Another shape, fewer points than groups or than a group, or values that are not finite.
        """
        self._check(points)
        num_clouds, num_points, _ = points.shape
        start = None
        if random_start is not None:
            start = torch.randint(num_points, (num_clouds,), generator=random_start).to(points.device)
        centres = gather_points(points, farthest_point_sample(points.detach(), self.num_groups, start))
        members = gather_points(points, nearest_points(points, centres, self.group_size))
        return Groups(centres, members - centres.unsqueeze(2))

    def encode_groups(self, groups: Groups, mask: Tensor | None = None) -> PointTokens:
        """Encode groups that :meth:`groups` returned.

        Args:
            groups: Of B clouds.
            mask: (B, G) bool, True for tokens that are hidden; None hides none.

        Raises:
            BadCloud: In training mode, there is a single point in a single group.
            ConfigError: The mask has another shape or type.
        """
        shape = groups.centres.shape[:2]
        if mask is None:
            mask = torch.zeros(shape, dtype=torch.bool, device=groups.centres.device)
        if mask.dtype != torch.bool or mask.shape != shape:
            raise ConfigError(
                "A mask does not fit the groups",
                expected=f"bool {tuple(shape)}",
                found=f"{mask.dtype} {tuple(mask.shape)}",
            )
        whole = self.lift(self.tokeniser(groups.neighbourhoods))
        # Also where nothing is hidden: then the masked token has a gradient of 0, and every parameter has one.
        tokens = torch.where(mask.unsqueeze(2), self.mask_token.to(whole.dtype), whole)
        positions = self.position(groups.centres.to(self.lift.weight.dtype))
        states, places = _led(self.class_token, tokens), _led(self.class_position, positions)
        for block in self.blocks:
            states = block(states + places)
        states = self.norm(states)
        class_token, tokens = states[:, 0], states[:, 1:]
        feature = self.projection(_pooled(class_token, tokens))
        return PointTokens(feature, class_token, tokens, whole.detach(), *groups, mask)

    def _check(self, points: Tensor) -> None:
        if points.ndim != 3 or points.shape[-1] != self.in_channels:
            raise BadCloud("Clouds do not fit", expected="(B, N, 3)", found=tuple(points.shape))
        for name, what in (("num_groups", "groups"), ("group_size", "neighbours in a group")):
            if points.shape[1] < getattr(self, name):
                raise BadCloud(
                    f"A cloud has fewer points than {what}",
                    expected=f"at least {getattr(self, name)} points",
                    found=points.shape[1],
                    next_step=f"lower encoder.{name} or sample more points",
                )
        if not torch.isfinite(points).all():
            raise BadCloud("An encoder needs finite clouds", found="NaN or infinity")


class GroupTokeniser(nn.Module):
    """A small PointNet: of each group a token that does not depend on the order of its points.

    Per point an MLP to C / 2 and C channels; the maximum over the group goes beside each point's channels; an MLP to
    2 C and C channels; the maximum. BatchNorm and ReLU lie inside both MLPs.

    Args:
        width: C, an even number.

    Source: Cross-MoST spec 2.2, step 2 (C = 256).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise ConfigError(
                "A token has an even number of channels", where="encoder.token_width", expected="2, 4, ...", found=width
            )
        self.first = nn.Sequential(
            nn.Linear(3, width // 2), nn.BatchNorm1d(width // 2), nn.ReLU(), nn.Linear(width // 2, width)
        )
        self.widen, self.norm = nn.Linear(2 * width, 2 * width), nn.BatchNorm1d(2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, neighbourhoods: Tensor) -> Tensor:
        """Return (B, G, C) tokens of (B, G, S, 3) groups.

        Raises:
            BadCloud: In training mode, there is a single point in a single group.
        """
        shape = neighbourhoods.shape[:3]
        if self.training and shape.numel() < 2:
            raise BadCloud("Batch statistics need more than one neighbour", expected="at least 2", found=1)
        groups = neighbourhoods.flatten(0, 1).to(self.widen.weight.dtype)
        if self.training or not groups.is_cpu:
            return self._encode(groups).unflatten(0, shape[:2])
        # Without statistics of the batch, groups may come in pieces that stay in cache: about twice as fast.
        pieces = groups.split(max(1, _CPU_PIECE_POINTS // shape[2]))
        return torch.cat([self._encode(piece) for piece in pieces]).unflatten(0, shape[:2])

    def _encode(self, groups: Tensor) -> Tensor:
        num_groups, size, _ = groups.shape
        points = self.first(groups.flatten(0, 1))
        largest = points.unflatten(0, (num_groups, size)).amax(1)
        # The layer on [maximum, point] is the sum of two: that of the maximum is the same for all points of a group.
        of_groups, of_points = self.widen.weight.chunk(2, dim=1)
        shared = functional.linear(largest, of_groups, self.widen.bias).repeat_interleave(size, 0)
        points = self.narrow(self.norm(functional.linear(points, of_points) + shared).relu())
        tokens: Tensor = points.unflatten(0, (num_groups, size)).amax(1)
        return tokens


def _led(first: Tensor, others: Tensor) -> Tensor:
    return torch.cat([first.to(others.dtype).expand(len(others), 1, -1), others], 1)


def _pooled(class_token: Tensor, tokens: Tensor) -> Tensor:
    return torch.cat([class_token, tokens.amax(1)], 1)
