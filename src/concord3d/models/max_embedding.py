"""Per-point embedding followed by the maximum over the points, the last stage of PointNet, without its activations.

With ``z`` the linear map, the maximum over points of ReLU(BatchNorm(z)) needs only the largest ``z`` of each cloud and
channel. Its gradient flows through that one point, and through the statistics of the batch, which follow from mean and
covariance of the inputs. So the (B, N, O) activations are computed once, piece by piece, and never kept.

Shapes: B clouds, N points, C channels in, O channels out, M = B N.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from concord3d.models.edge_conv import update_running_statistics
from concord3d.models.neighbour_ops import cloud_pieces, places_of_maxima


def max_embedding(features: Tensor, linear: nn.Linear, norm: nn.BatchNorm1d) -> Tensor:
    """Apply a linear map, BatchNorm and ReLU to each point, and take the maximum over the points of each cloud.

    Args:
        features: (B, N, C), in training with B N > 1.
        linear: From C to O channels, without bias.
        norm: Over O channels; in training it takes the statistics of the batch and updates its running ones.

    Returns:
        (B, O), in the precision of the weights.
    """
    weight = linear.weight
    with torch.autocast(features.device.type, enabled=False):
        features = features.to(weight.dtype)
        num_clouds, num_points, num_channels = features.shape
        rows = features.flatten(0, 1)
        if norm.training:
            centre = rows.mean(0)
            centred = rows - centre
            mean = weight @ centre
            variance = ((weight @ (centred.t() @ centred)) * weight).sum(1) / len(rows)
            update_running_statistics(norm, mean.detach(), variance.detach() * (len(rows) / (len(rows) - 1)))
        else:
            mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        # With its row turned by the sign of its scale, a channel's activation never decreases in z.
        winners = _winners(features, torch.where(norm.weight < 0, -1.0, 1.0).unsqueeze(1) * weight)
        winners += num_points * torch.arange(num_clouds, device=winners.device).unsqueeze(1)
        winning_rows = rows.index_select(0, winners.t().flatten()).view(-1, num_clouds, num_channels)
        largest = torch.bmm(winning_rows, weight.unsqueeze(2)).squeeze(2).t()
        return ((largest - mean) * torch.rsqrt(variance + norm.eps) * norm.weight + norm.bias).relu()


@torch.no_grad()
def _winners(features: Tensor, weight: Tensor) -> Tensor:
    """Return (B, O) int64: the point of each cloud with the largest value of each channel."""
    num_clouds, num_points, _ = features.shape
    winners = torch.empty(num_clouds, len(weight), dtype=torch.int64, device=features.device)
    for piece in cloud_pieces(num_clouds, num_points * len(weight), features.device.type):
        values = features[piece] @ weight.t()
        winners[piece] = places_of_maxima(values, values.amax(1), values)
    return winners
