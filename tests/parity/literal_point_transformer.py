"""Literal transcription of the point tower (Cross-MoST spec 2.2, 3.3): loops, 1x1 convolutions, one cloud a time."""

from __future__ import annotations

import math

import torch
from tests.parity.literal_point_bert import LiteralBlock, copy_blocks, literal_farthest_points
from torch import Tensor, nn
from torch.nn import functional


def literal_groups(points: Tensor, num_groups: int, group_size: int) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Return, of each cloud, its (G, 3) centres and its G groups (S, 3), nearest point first, centres subtracted."""
    all_centres, all_groups = [], []
    for cloud, chosen in zip(points, literal_farthest_points(points.detach(), num_groups), strict=True):
        groups = []
        for centre in cloud[chosen]:
            distances = [math.dist(point, centre.tolist()) for point in cloud.tolist()]
            nearest = sorted(range(len(cloud)), key=distances.__getitem__)[:group_size]
            groups.append(torch.stack([cloud[index] - centre for index in nearest]))
        all_centres.append(cloud[chosen])
        all_groups.append(groups)
    return all_centres, all_groups


def literal_group_mask(centres: Tensor, seed: int, share: float) -> list[bool]:
    """Return which of the (G, 3) centres are hidden: ``seed`` and those nearest to it, floor(share G) of them."""
    distances = [math.dist(centre, centres[seed].tolist()) for centre in centres.tolist()]
    nearest = sorted(range(len(centres)), key=distances.__getitem__)
    hidden = nearest[: int(share * len(centres))]
    return [index in hidden for index in range(len(centres))]


class LiteralPointTransformer(nn.Module):
    """The point tower on (B G, C, S) tensors of groups, as it reads in the specification; without stochastic depth."""

    def __init__(self, out_dim, num_groups, group_size, token_width, width, depth, num_heads, mlp_ratio) -> None:
        super().__init__()
        self.num_groups, self.group_size = num_groups, group_size
        half, double = token_width // 2, 2 * token_width
        self.first = nn.Sequential(
            nn.Conv1d(3, half, 1), nn.BatchNorm1d(half), nn.ReLU(), nn.Conv1d(half, token_width, 1)
        )
        self.second = nn.Sequential(
            nn.Conv1d(double, double, 1), nn.BatchNorm1d(double), nn.ReLU(), nn.Conv1d(double, token_width, 1)
        )
        self.lift = nn.Linear(token_width, width)
        self.class_token, self.class_position, self.mask_token = (nn.Parameter(torch.zeros(width)) for _ in range(3))
        self.widen, self.narrow = nn.Linear(3, 128), nn.Linear(128, width)
        self.blocks = nn.ModuleList(LiteralBlock(width, mlp_ratio * width, num_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Parameter(torch.zeros(2 * width, out_dim))

    def forward(self, points: Tensor, mask: list[list[bool]] | None = None) -> dict[str, Tensor]:
        """Return the parts that have names."""
        centres, groups = literal_groups(points, self.num_groups, self.group_size)
        stacked = torch.stack([group for of_cloud in groups for group in of_cloud]).transpose(1, 2)
        features = self.first(stacked)
        best = features.max(2, keepdim=True).values
        features = self.second(torch.cat([best.expand(-1, -1, self.group_size), features], 1)).max(2).values
        targets = self.lift(features).view(len(points), self.num_groups, -1)
        rows = []
        for cloud in range(len(points)):
            row = [self.class_token]
            for group in range(self.num_groups):
                hidden = mask is not None and mask[cloud][group]
                row.append(self.mask_token if hidden else targets[cloud, group])
            rows.append(torch.stack(row))
        tokens = torch.stack(rows)
        positions = torch.stack(
            [torch.stack([self.class_position, *self.narrow(functional.gelu(self.widen(own)))]) for own in centres]
        )
        for block in self.blocks:
            tokens = block(tokens + positions)
        tokens = self.norm(tokens)
        pooled = torch.cat([tokens[:, 0], tokens[:, 1:].max(1).values], -1)
        return {
            "feature": pooled @ self.projection,
            "class_token": tokens[:, 0],
            "tokens": tokens[:, 1:],
            "targets": targets,
            "centres": torch.stack(centres),
            "neighbourhoods": torch.stack([torch.stack(of_cloud) for of_cloud in groups]),
            "pooled": pooled,
        }


def copy_point_transformer(fast: nn.Module, slow: LiteralPointTransformer) -> None:
    """Give the literal network the weights of the fast one."""
    tokeniser = fast.tokeniser
    with torch.no_grad():
        pairs = [(tokeniser.first[0], slow.first[0]), (tokeniser.first[3], slow.first[3])]
        pairs += [(tokeniser.widen, slow.second[0]), (tokeniser.narrow, slow.second[3])]
        for linear, convolution in pairs:
            convolution.weight.copy_(linear.weight[:, :, None])
            convolution.bias.copy_(linear.bias)
        slow.first[1].load_state_dict(tokeniser.first[1].state_dict())
        slow.second[1].load_state_dict(tokeniser.norm.state_dict())
        slow.widen.load_state_dict(fast.position[0].state_dict())
        slow.narrow.load_state_dict(fast.position[2].state_dict())
        for name in ("lift", "norm"):
            getattr(slow, name).load_state_dict(getattr(fast, name).state_dict())
        for name in ("class_token", "class_position", "mask_token"):
            getattr(slow, name).copy_(getattr(fast, name))
        slow.projection.copy_(fast.projection.weight.T)
    copy_blocks(fast.blocks, slow.blocks)
