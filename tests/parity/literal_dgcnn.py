"""Literal transcription of DGCNN (MM-Point spec 2.1): gather, concatenate, convolve, normalise, activate, maximum."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


def literal_knn(points: Tensor, num_neighbours: int) -> Tensor:
    """Return (B, N, K) indices of the nearest points, from all pairwise distances."""
    products = points @ points.transpose(1, 2)
    squares = points.square().sum(-1)
    distances = squares.unsqueeze(2) - 2 * products + squares.unsqueeze(1)
    return distances.topk(num_neighbours, dim=-1, largest=False).indices


class LiteralEdgeConv(nn.Module):
    """EdgeConv on the full (B, 2C, N, K) edge tensor."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2 * in_channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor, indices: Tensor) -> Tensor:
        """Return (B, N, out) of (B, N, C) features and (B, N, K) indices."""
        clouds = torch.arange(features.shape[0], device=features.device).view(-1, 1, 1)
        neighbours = features[clouds, indices]
        own = features.unsqueeze(2).expand_as(neighbours)
        edges = torch.cat([neighbours - own, own], -1).permute(0, 3, 1, 2).contiguous()
        activated = functional.leaky_relu(self.norm(self.convolution(edges)), 0.2)
        # Tensor.max gives the gradient to one of several equal maxima; Tensor.amax would share it.
        return activated.max(-1).values.transpose(1, 2)


class LiteralDGCNN(nn.Module):
    """The DGCNN trunk with literal EdgeConv layers."""

    def __init__(self, k: int, emb_dims: int = 1024, in_channels: int = 3) -> None:
        super().__init__()
        self.k = k
        widths = (in_channels, 64, 64, 128, 256)
        self.edge_convs = nn.ModuleList(LiteralEdgeConv(*pair) for pair in pairwise(widths))
        self.convolution = nn.Conv1d(512, emb_dims, 1, bias=False)
        self.norm = nn.BatchNorm1d(emb_dims)

    def forward(self, points: Tensor) -> Tensor:
        """Return (B, 2 * emb_dims) of (B, N, C) points."""
        features, outputs = points, []
        for layer in self.edge_convs:
            features = layer(features, literal_knn(features.detach(), self.k))
            outputs.append(features)
        embedded = self.norm(self.convolution(torch.cat(outputs, -1).transpose(1, 2)))
        embedded = functional.leaky_relu(embedded, 0.2)
        return torch.cat([embedded.amax(-1), embedded.mean(-1)], -1)


def copy_edge_conv(source: nn.Module, target: LiteralEdgeConv) -> None:
    """Copy weights and statistics of the fast layer into the literal one."""
    with torch.no_grad():
        target.convolution.weight.copy_(source.linear.weight[:, :, None, None])
        target.norm.load_state_dict(source.norm.state_dict())


def copy_dgcnn(source: nn.Module, target: LiteralDGCNN) -> None:
    """Copy weights and statistics of the fast trunk into the literal one."""
    for fast, literal in zip(source.edge_convs, target.edge_convs, strict=True):
        copy_edge_conv(fast, literal)
    with torch.no_grad():
        target.convolution.weight.copy_(source.embedding.linear.weight[:, :, None])
        target.norm.load_state_dict(source.embedding.norm.state_dict())
