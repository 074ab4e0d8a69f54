"""Per-point embedding followed by global pooling, the last stage of DGCNN, in one pass per cloud.

The (B, N, out) activations are as large as everything else together, so normalisation, activation and pooling never
write them: with ``z`` the linear map, the mean over points of LeakyReLU(scale z + shift) needs only the sum of ``z``
and the count and sum of the positive part, the maximum only the largest ``z``. ``z`` itself is kept for the gradient.
Under autocast the three matrix products and ``z`` have its type, everything else has that of the weights.
A point that is there several times is embedded once and counted as often as it is there.

Shapes: B clouds, N points, M distinct points of all clouds, C channels in, O channels out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
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

    def forward(self, features: Tensor, copies: Tensor | None = None) -> Tensor:
        """Embed and pool.

        Args:
            features: (B, N, C) point features.
            copies: (B, N) bool: the points that are point 0 of their cloud once more, such as dropped ones; not point 0
                itself. They count, but their features are not read and get no gradient: that of point 0 has their
                share.

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
            features = features.to(weight.dtype)
            rows = features.flatten(0, 1)
            if copies is not None:
                rows = rows.index_select(0, torch.nonzero(~copies.flatten()).squeeze(1))
            clouds = _Clouds.of(features, weight.shape[0], copies)
            pooled, mean, variance = _EmbedAndPool.apply(
                rows, weight, norm.weight, norm.bias, clouds, running, norm.eps, products
            )
        if self.training:
            update_running_statistics(norm, mean, variance * (num_values / (num_values - 1)))
        result: Tensor = pooled
        return result


@dataclass(frozen=True)
class _Clouds:
    """Which rows of a batch belong to which cloud.

    Attributes:
        num_clouds: B.
        num_points: N, copies included.
        pieces: Clouds that are worked on at a time, their rows, and how many rows each has.
        num_copies: (B, 1) copies of each cloud's first row; None where there are none.
    """

    num_clouds: int
    num_points: int
    pieces: tuple[tuple[slice, slice, int], ...]
    num_copies: Tensor | None

    @classmethod
    def of(cls, features: Tensor, channels: int, copies: Tensor | None) -> _Clouds:
        """Return those of (B, N, C) features without the copies among them, for pieces of so many channels."""
        num_clouds, num_points, _ = features.shape
        if copies is None:
            equal = cloud_pieces(num_clouds, num_points * channels, features.device.type)
            pieces = [(piece, slice(piece.start * num_points, piece.stop * num_points), num_points) for piece in equal]
            return cls(num_clouds, num_points, tuple(pieces), None)
        num_copies = copies.sum(1, keepdim=True)
        sizes: list[int] = (num_points - num_copies).flatten().tolist()
        ends = accumulate(sizes)
        pieces = [(slice(i, i + 1), slice(end - sizes[i], end), sizes[i]) for i, end in enumerate(ends)]
        return cls(num_clouds, num_points, tuple(pieces), num_copies.to(features.dtype))

    def split(self, rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield the clouds of each piece and their rows of an (M, C) tensor, as (clouds, points, C)."""
        for clouds, place, num_rows in self.pieces:
            yield clouds, rows[place].view(-1, num_rows, rows.shape[1])

    def total(self, values: Tensor, clouds: slice) -> Tensor:
        """Sum (clouds, points, O) values of a piece over the points, the first as often as it is there."""
        sums = values.sum(1)
        return sums if self.num_copies is None else sums.addcmul_(self.num_copies[clouds], values[:, 0])


class _EmbedAndPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        clouds: _Clouds,
        running: tuple[Tensor, Tensor] | None,
        eps: float,
        products: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        num_clouds, num_points = clouds.num_clouds, clouds.num_points
        # With rows turned by the sign of gamma the activation never decreases in z: only maxima are needed.
        sign = torch.where(gamma < 0, -1.0, 1.0).to(gamma.dtype)
        turned = (sign.unsqueeze(1) * weight).to(products)
        features = features.to(products)
        z, largest, winners, sums, squares = _embed(features, turned, clouds)
        if running is None:
            mean = sums.sum(0) / (num_clouds * num_points)
            # Within-cloud and between-cloud parts separately, so that nothing large cancels.
            between = (sums / num_points - mean).square().mean(0)
            variance = squares.sum(0) / (num_clouds * num_points) + between
        else:
            mean, variance = sign * running[0], running[1]
        inverse_std = torch.rsqrt(variance + eps)
        scale = gamma.abs() * inverse_std
        shift = beta - mean * scale
        counts, positives = _positive_parts(z, -shift / scale, clouds)
        mean_linear = scale * sums / num_points + shift
        mean_positive = (scale * positives + shift * counts) / num_points
        pooled_mean = NEGATIVE_SLOPE * mean_linear + (1 - NEGATIVE_SLOPE) * mean_positive
        pooled_max = functional.leaky_relu(scale * largest + shift, NEGATIVE_SLOPE)
        ctx.save_for_backward(
            features, turned, sign, mean, inverse_std, scale, shift, z, largest, winners, sums, counts, positives
        )
        ctx.clouds, ctx.from_batch = clouds, running is None
        signed_mean, plain_variance = sign * mean, variance.clone()
        ctx.mark_non_differentiable(signed_mean, plain_variance)
        return torch.cat([pooled_max, pooled_mean], -1), signed_mean, plain_variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _mean: None, _variance: None) -> tuple[Tensor | None, ...]:
        (features, turned, sign, mean, inverse_std, scale, shift, z, largest, winners, sums, counts, positives) = (
            ctx.saved_tensors
        )
        clouds: _Clouds = ctx.clouds
        num_points = clouds.num_points
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
            num_values = clouds.num_clouds * num_points
            pull = scale * inverse_std * gamma_gradient / num_values
            constant = mean * pull - scale * beta_gradient / num_values
        features_gradient = torch.empty_like(features)
        turned_gradient = scale.new_zeros(turned.shape)
        for (piece, own), (_, embedded), (_, back) in zip(
            *map(clouds.split, (features, z, features_gradient)), strict=True
        ):
            values = embedded.to(scale.dtype)
            flow = torch.gt(values, threshold, out=torch.empty_like(values))
            flow.mul_((scale * step[piece]).unsqueeze(1)).add_((scale * low[piece] + constant).unsqueeze(1))
            flow.addcmul_(values, pull, value=-1)
            if clouds.num_copies is not None:
                flow[:, 0].mul_(1 + clouds.num_copies[piece])
            flow.scatter_add_(1, winners[piece].unsqueeze(1), (scale * top[piece]).unsqueeze(1))
            flow = flow.to(turned.dtype)
            torch.matmul(flow, turned, out=back)
            add_product(turned_gradient, flow.flatten(0, 1).t(), own.flatten(0, 1))
        gradients = features_gradient.to(scale.dtype), sign.unsqueeze(1) * turned_gradient
        return *gradients, sign * gamma_gradient, beta_gradient, None, None, None, None


def _embed(features: Tensor, weight: Tensor, clouds: _Clouds) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return z (M, O) and per cloud (B, O), at least in float32: its largest value, where, its sum, its squares.

    Squares are of the deviations from the cloud's mean.
    """
    z = features.new_empty(len(features), weight.shape[0])
    wide = torch.promote_types(z.dtype, torch.float32)
    largest, sums, squares = (z.new_empty(clouds.num_clouds, weight.shape[0], dtype=wide) for _ in range(3))
    winners = torch.empty(largest.shape, dtype=torch.int64, device=features.device)
    for (piece, own), (_, embedded) in zip(clouds.split(features), clouds.split(z), strict=True):
        torch.matmul(own, weight.t(), out=embedded)
        values = embedded.to(wide)
        sums[piece] = clouds.total(values, piece)
        largest[piece] = values.amax(1)
        work = torch.empty_like(values)
        winners[piece] = places_of_maxima(values, largest[piece], work)
        torch.sub(values, sums[piece].unsqueeze(1) / clouds.num_points, out=work)
        squares[piece] = clouds.total(work.square_(), piece)
    return z, largest, winners, sums, squares


def _positive_parts(z: Tensor, threshold: Tensor, clouds: _Clouds) -> tuple[Tensor, Tensor]:
    """Return (B, O) count and sum of the values above the threshold of their channel."""
    counts, positives = (threshold.new_empty(clouds.num_clouds, z.shape[1]) for _ in range(2))
    for piece, embedded in clouds.split(z):
        values = embedded.to(threshold.dtype)
        above = torch.gt(values, threshold, out=torch.empty_like(values))
        counts[piece] = clouds.total(above, piece)
        positives[piece] = clouds.total(above.mul_(values), piece)
    return counts, positives
