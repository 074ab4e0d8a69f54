"""Per-point embedding followed by global pooling, the last stage of DGCNN, in one pass per cloud.

The (B, N, out) activations are as large as everything else together, so normalisation, activation and pooling never
write them: with ``z`` the linear map, the mean over points of LeakyReLU(scale z + shift) needs only the sum of ``z``
and the count and sum of the positive part, the maximum only the largest ``z``. ``z`` itself is kept for the gradient.
Under autocast the three matrix products and ``z`` have its type, everything else has that of the weights.

Shapes: B clouds, N points, C channels in, O channels out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from concord3d.errors import BadCloud
from concord3d.models.edge_conv import NEGATIVE_SLOPE, update_running_statistics
from concord3d.models.neighbour_ops import add_product, cloud_pieces, places_of_maxima, product_dtype


class PooledEmbedding(nn.Module):
    """Linear map, BatchNorm and LeakyReLU(0.2) per point, then maximum and mean over the points (MM-Point spec 2.1).

    Args:
        in_channels: Channels per point.
        out_channels: Channels of the embedding; the output has twice as many.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias=False)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Embed and pool.

        Args:
            features: (B, N, C) point features.

        Returns:
            (B, 2 * out_channels): maxima over the points, then means.

        Raises:
            BadCloud: Training on a single point, whose variance is unknown.
        """
        num_values = features.shape[0] * features.shape[1]
        if self.training and num_values < 2:
            raise BadCloud("Batch statistics need more than one point", expected="at least 2", found=num_values)
        norm = self.norm
        products = product_dtype(features.device.type, self.linear.weight.dtype)
        with torch.autocast(features.device.type, enabled=False):
            running = None if self.training else (norm.get_buffer("running_mean"), norm.get_buffer("running_var"))
            weight = self.linear.weight
            pooled, mean, variance = _EmbedAndPool.apply(
                features.to(weight.dtype), weight, norm.weight, norm.bias, running, norm.eps, products
            )
        if self.training:
            update_running_statistics(norm, mean, variance * (num_values / (num_values - 1)))
        result: Tensor = pooled
        return result


class _EmbedAndPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        running: tuple[Tensor, Tensor] | None,
        eps: float,
        products: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        num_points = features.shape[1]
        # With rows turned by the sign of gamma the activation never decreases in z: only maxima are needed.
        sign = torch.where(gamma < 0, -1.0, 1.0).to(gamma.dtype)
        turned = (sign.unsqueeze(1) * weight).to(products)
        features = features.to(products)
        z, largest, winners, sums, squares = _embed(features, turned)
        if running is None:
            mean = sums.sum(0) / (features.shape[0] * num_points)
            # Within-cloud and between-cloud parts separately, so that nothing large cancels.
            between = (sums / num_points - mean).square().mean(0)
            variance = squares.sum(0) / (features.shape[0] * num_points) + between
        else:
            mean, variance = sign * running[0], running[1]
        inverse_std = torch.rsqrt(variance + eps)
        scale = gamma.abs() * inverse_std
        shift = beta - mean * scale
        counts, positives = _positive_parts(z, -shift / scale)
        mean_linear = scale * sums / num_points + shift
        mean_positive = (scale * positives + shift * counts) / num_points
        pooled_mean = NEGATIVE_SLOPE * mean_linear + (1 - NEGATIVE_SLOPE) * mean_positive
        pooled_max = functional.leaky_relu(scale * largest + shift, NEGATIVE_SLOPE)
        ctx.save_for_backward(
            features, turned, sign, mean, inverse_std, scale, shift, z, largest, winners, sums, counts, positives
        )
        ctx.from_batch = running is None
        signed_mean, plain_variance = sign * mean, variance.clone()
        ctx.mark_non_differentiable(signed_mean, plain_variance)
        return torch.cat([pooled_max, pooled_mean], -1), signed_mean, plain_variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _mean: None, _variance: None) -> tuple[Tensor | None, ...]:
        (features, turned, sign, mean, inverse_std, scale, shift, z, largest, winners, sums, counts, positives) = (
            ctx.saved_tensors
        )
        num_clouds, num_points, _ = features.shape
        to_max, to_mean = gradient.chunk(2, -1)
        threshold = -shift / scale
        # Gradient of the activation's input: ``low`` everywhere, ``step`` more where positive, ``top`` at the winner.
        low = NEGATIVE_SLOPE * to_mean / num_points
        step = (1 - NEGATIVE_SLOPE) * to_mean / num_points
        top = torch.where(scale * largest + shift > 0, to_max, NEGATIVE_SLOPE * to_max)
        beta_gradient = (low * num_points + step * counts + top).sum(0)
        against_z = (low * sums + step * positives + top * largest).sum(0)
        gamma_gradient = inverse_std * (against_z - mean * beta_gradient)
        pull, constant = torch.zeros_like(scale), torch.zeros_like(scale)
        if ctx.from_batch:
            num_values = num_clouds * num_points
            pull = scale * inverse_std * gamma_gradient / num_values
            constant = mean * pull - scale * beta_gradient / num_values
        features_gradient = torch.empty_like(features)
        turned_gradient = scale.new_zeros(turned.shape)
        for piece in cloud_pieces(num_clouds, z.shape[1] * z.shape[2], z.device.type):
            values = z[piece].to(scale.dtype)
            flow = torch.gt(values, threshold, out=torch.empty_like(values))
            flow.mul_((scale * step[piece]).unsqueeze(1)).add_((scale * low[piece] + constant).unsqueeze(1))
            flow.addcmul_(values, pull, value=-1)
            flow.scatter_add_(1, winners[piece].unsqueeze(1), (scale * top[piece]).unsqueeze(1))
            flow = flow.to(turned.dtype)
            torch.matmul(flow, turned, out=features_gradient[piece])
            add_product(turned_gradient, flow.flatten(0, 1).t(), features[piece].flatten(0, 1))
        gradients = features_gradient.to(scale.dtype), sign.unsqueeze(1) * turned_gradient
        return *gradients, sign * gamma_gradient, beta_gradient, None, None, None


def _embed(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return z (B, N, O) and per cloud (B, O), at least in float32: its largest value, where, its sum, its squares.

    Squares are of the deviations from the cloud's mean.
    """
    num_clouds, num_points, _ = features.shape
    z = features.new_empty(num_clouds, num_points, weight.shape[0])
    wide = torch.promote_types(z.dtype, torch.float32)
    largest, sums, squares = (z.new_empty(num_clouds, weight.shape[0], dtype=wide) for _ in range(3))
    winners = torch.empty(num_clouds, weight.shape[0], dtype=torch.int64, device=features.device)
    for piece in cloud_pieces(num_clouds, num_points * weight.shape[0], features.device.type):
        torch.matmul(features[piece], weight.t(), out=z[piece])
        values = z[piece].to(wide)
        sums[piece] = values.sum(1)
        largest[piece] = values.amax(1)
        work = torch.empty_like(values)
        winners[piece] = places_of_maxima(values, largest[piece], work)
        torch.sub(values, sums[piece].unsqueeze(1) / num_points, out=work)
        squares[piece] = work.square_().sum(1)
    return z, largest, winners, sums, squares


def _positive_parts(z: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Return (B, O) count and sum of the values above the threshold of their channel."""
    counts, positives = (threshold.new_empty(z.shape[0], z.shape[2]) for _ in range(2))
    for piece in cloud_pieces(z.shape[0], z.shape[1] * z.shape[2], z.device.type):
        values = z[piece].to(threshold.dtype)
        above = torch.gt(values, threshold, out=torch.empty_like(values))
        counts[piece] = above.sum(1)
        positives[piece] = above.mul_(values).sum(1)
    return counts, positives
