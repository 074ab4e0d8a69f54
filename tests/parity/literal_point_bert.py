"""Literal transcription of Point-BERT (MM-Mixing spec 2.2): loops, 1x1 convolutions, written-out attention."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


def literal_farthest_points(points: Tensor, num_samples: int) -> Tensor:
    """Return (B, S) indices: point 0, then again and again the first point farthest from all chosen ones."""
    samples = []
    for cloud in points:
        chosen = [0]
        while len(chosen) < num_samples:
            distances = [(cloud - cloud[index]).square().sum(1) for index in chosen]
            chosen.append(int(torch.stack(distances).amin(0).argmax()))
        samples.append(chosen)
    return torch.tensor(samples)


def literal_ball_query(points: Tensor, centres: Tensor, radius: float, num_neighbours: int) -> Tensor:
    """Return (B, S, K) indices: walk through the cloud, keep what lies within the radius, repeat the first."""
    found = []
    for cloud, own_centres in zip(points.tolist(), centres.tolist(), strict=True):
        for centre in own_centres:
            ball = []
            for index, point in enumerate(cloud):
                if sum((a - b) ** 2 for a, b in zip(point, centre, strict=True)) <= radius * radius:
                    ball.append(index)
            ball = ball[:num_neighbours]
            found.append(ball + [ball[0]] * (num_neighbours - len(ball)))
    return torch.tensor(found).view(*centres.shape[:2], num_neighbours)


class LiteralBlock(nn.Module):
    """Pre-norm transformer block with the attention matrix written out."""

    def __init__(self, width: int, mlp_width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries, self.keys, self.values = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.output = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, mlp_width), nn.Linear(mlp_width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, T, W) of (B, T, W)."""
        normed = self.first_norm(tokens)
        queries, keys, values = (
            layer(normed).chunk(self.num_heads, -1) for layer in (self.queries, self.keys, self.values)
        )
        heads = []
        for q, k, v in zip(queries, keys, values, strict=True):
            heads.append(torch.softmax(q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]), -1) @ v)
        tokens = tokens + self.output(torch.cat(heads, -1))
        return tokens + self.narrow(functional.gelu(self.widen(self.second_norm(tokens))))


class LiteralPointBERT(nn.Module):
    """Point-BERT on (B, C, G, K) tensors of groups."""

    def __init__(self, in_channels, out_dim, depth, width, mlp_width, num_heads, groups) -> None:
        super().__init__()
        self.num_groups, self.group_channels, self.group_size, self.radius = groups
        widths = (3 + in_channels, 64, 64, self.group_channels)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in widths[1:])
        self.lift = nn.Conv1d(self.group_channels + 3, width, 1)
        self.lift_norm = nn.LayerNorm(width)
        self.class_token = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(LiteralBlock(width, mlp_width, num_heads) for _ in range(depth))
        self.projection = nn.Linear(width, out_dim)

    def forward(self, points: Tensor) -> Tensor:
        """Return (B, out_dim) of (B, N, C) points."""
        clouds = torch.arange(len(points))
        positions = points[..., :3]
        centres = positions[clouds[:, None], literal_farthest_points(positions.detach(), self.num_groups)]
        balls = literal_ball_query(positions.detach(), centres.detach(), self.radius, self.group_size)
        members = points[clouds[:, None, None], balls]
        features = torch.cat([members[..., :3] - centres[:, :, None], members], -1).permute(0, 3, 1, 2)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = functional.relu(norm(convolution(features)))
        features = torch.cat([centres.transpose(1, 2), features.max(-1).values], 1)
        tokens = self.lift_norm(self.lift(features).transpose(1, 2))
        tokens = torch.cat([self.class_token.expand(len(points), 1, -1), tokens], 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.projection(tokens[:, 0])


def copy_point_bert(fast: nn.Module, slow: LiteralPointBERT) -> None:
    """Give the literal network the weights of the fast one."""
    with torch.no_grad():
        for linear, convolution in zip(fast.groups.linears, slow.convolutions, strict=True):
            convolution.weight.copy_(linear.weight[:, :, None, None])
            convolution.bias.copy_(linear.bias)
        for ours, theirs in zip(fast.groups.norms, slow.norms, strict=True):
            theirs.load_state_dict(ours.state_dict())
        slow.lift.weight.copy_(fast.lift.weight[:, :, None])
        slow.lift.bias.copy_(fast.lift.bias)
        slow.lift_norm.load_state_dict(fast.lift_norm.state_dict())
        slow.class_token.copy_(fast.class_token)
        slow.projection.load_state_dict(fast.projection.state_dict())
        copy_blocks(fast.blocks, slow.blocks)


def copy_blocks(fast: nn.ModuleList, slow: nn.ModuleList) -> None:
    """Give literal blocks the weights of the fast ones."""
    with torch.no_grad():
        for ours, theirs in zip(fast, slow, strict=True):
            theirs.first_norm.load_state_dict(ours.attention_norm.state_dict())
            theirs.second_norm.load_state_dict(ours.mlp_norm.state_dict())
            parts = ours.to_queries_keys_values.weight.chunk(3)
            for part, layer in zip(parts, (theirs.queries, theirs.keys, theirs.values), strict=True):
                layer.weight.copy_(part)
            theirs.output.load_state_dict(ours.to_output.state_dict())
            theirs.widen.load_state_dict(ours.mlp[0].state_dict())
            theirs.narrow.load_state_dict(ours.mlp[2].state_dict())
