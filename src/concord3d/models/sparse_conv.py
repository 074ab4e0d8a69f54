"""Sparse convolution in plain torch: gather the pairs of a rulebook, multiply, scatter.

Under one kernel offset every output voxel receives at most one product, and a CPU adds those of several offsets one
offset after the other, so scattering adds in a fixed order on any device: equal input gives equal bytes.

Shapes: M input voxels, L output voxels, K kernel offsets, C channels in, O channels out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.sparse_rulebook import Rulebook, strided_rules, submanifold_rules

_CPU_GROUP_ELEMENTS = 1 << 18
_LANE_BYTES = 32


@dataclass(frozen=True)
class SparseTensor:
    """Features of the occupied voxels of a batch of clouds.

    Args:
        coordinates: (M, 4) int32 (cloud, x, y, z) in voxels of this tensor's own grid, sorted, all different.
        features: (M, C).
        stride: Voxels of the finest grid per voxel of this grid along each axis.
    """

    coordinates: Tensor
    features: Tensor
    stride: int = 1

    def with_features(self, features: Tensor) -> SparseTensor:
        """Return the same voxels with other features."""
        return SparseTensor(self.coordinates, features, self.stride)


class ConvolutionRules(Protocol):
    """Where the voxels of one convolution meet, and how to compute with it."""

    @property
    def out_coordinates(self) -> Tensor:
        """(L, 4) int32, sorted."""

    def out_stride(self, stride: int) -> int:
        """Return the stride of the output voxels of input voxels with this one, in voxels of the finest grid."""

    def transposed(self) -> ConvolutionRules:
        """Return the rules of the transposed convolution: from these output voxels to these input voxels."""

    def joined(self, others: Sequence[Any]) -> ConvolutionRules:
        """Return the rules of a batch: of this cloud, then of others, made by the same path for the same kernel."""

    def convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return (L, O) of (M, C) features and (K, C, O) weights, with gradients for both."""


class ConvolutionPath(Protocol):
    """One implementation of sparse convolution."""

    def submanifold(self, coordinates: Tensor, kernel_size: int) -> ConvolutionRules:
        """Prepare a convolution whose output voxels are its input voxels."""

    def strided(self, coordinates: Tensor, kernel_size: int, stride: int) -> ConvolutionRules:
        """Prepare a convolution that coarsens the grid."""


@dataclass(frozen=True)
class TorchRules:
    """A rulebook that is applied with torch.

    Args:
        book: The pairs.
    """

    book: Rulebook

    @property
    def out_coordinates(self) -> Tensor:
        """(L, 4) int32, sorted."""
        return self.book.out_coordinates

    def out_stride(self, stride: int) -> int:
        """Return the stride of the output voxels of input voxels with this one, in voxels of the finest grid."""
        return stride // self.book.stride if self.book.is_transposed else stride * self.book.stride

    def transposed(self) -> TorchRules:
        """Return the rules of the transposed convolution: from these output voxels to these input voxels."""
        return TorchRules(self.book.transposed())

    def joined(self, others: Sequence[TorchRules]) -> TorchRules:
        """Return the rules of a batch: of this cloud, then of others, made by the same path for the same kernel."""
        return TorchRules(Rulebook.joined([self.book, *(rules.book for rules in others)]))

    def convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return (L, O) of (M, C) features and (K, C, O) weights, with gradients for both."""
        return sparse_convolve(features, weight, self.book)


class TorchPath:
    """Sparse convolution with our own torch code, on any device."""

    def submanifold(self, coordinates: Tensor, kernel_size: int) -> TorchRules:
        """Prepare a convolution whose output voxels are its input voxels."""
        return TorchRules(submanifold_rules(coordinates, kernel_size))

    def strided(self, coordinates: Tensor, kernel_size: int, stride: int) -> TorchRules:
        """Prepare a convolution that coarsens the grid."""
        return TorchRules(strided_rules(coordinates, kernel_size, stride))


def sparse_convolve(features: Tensor, weight: Tensor, book: Rulebook) -> Tensor:
    """Apply a convolution to the pairs of a rulebook: ``out[l] = sum over pairs (m, l) of features[m] @ weight[k]``.

    Sums run in float32 for 16-bit input; under autocast the products have the autocast type.

    Args:
        features: (M, C).
        weight: (K, C, O).
        book: The rulebook for these voxels and this kernel.

    Returns:
        (L, O) of the type of the products, with gradients for features and weight.

    Raises:
        BadCloud: The features do not fit the rulebook or the weight.
    """
    fits = features.ndim == 2 and features.shape == (book.num_inputs, weight.shape[1])
    if not fits or weight.shape[0] != len(book.counts):
        raise BadCloud(
            "Features, weight and rulebook do not fit",
            expected=f"({book.num_inputs}, {weight.shape[1]}) features and {len(book.counts)} kernel offsets",
            found=f"{tuple(features.shape)} and {weight.shape[0]}",
        )
    device = features.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        features, weight = features.to(dtype), weight.to(dtype)
    with torch.autocast(device, enabled=False):
        output: Tensor = _Convolve.apply(features, weight, book)
    return output


class SparseConv(nn.Module):
    """Sparse convolution without bias; the rules say which voxels it joins.

    Weights start as in He et al. (2015) for the full kernel: normal with variance 2 / (K C).

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: Voxels of the kernel along each axis, or along x, y and z.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int, int]) -> None:
        super().__init__()
        num_offsets = math.prod(kernel_size) if isinstance(kernel_size, tuple) else kernel_size**3
        if min(in_channels, out_channels, num_offsets) < 1:
            raise ConfigError(
                "A sparse convolution needs channels and a kernel",
                found=f"{in_channels} -> {out_channels}, kernel {kernel_size}",
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.weight = nn.Parameter(torch.empty(num_offsets, in_channels, out_channels))
        nn.init.normal_(self.weight, std=math.sqrt(2.0 / (num_offsets * in_channels)))

    def forward(self, voxels: SparseTensor, rules: ConvolutionRules) -> SparseTensor:
        """Convolve.

        Args:
            voxels: M voxels with C channels.
            rules: Rules made for these voxels and this kernel size.

        Returns:
            L voxels with O channels.

        Raises:
            BadCloud: The features do not fit.
        """
        features = rules.convolve(voxels.features, self.weight)
        return SparseTensor(rules.out_coordinates, features, rules.out_stride(voxels.stride))

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, book: Rulebook) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.book = book
        total = _zero_sums(len(book.out_coordinates), weight.shape[2], weight)
        for group in _groups(book, weight):
            products = group.products(_take(features, group.in_rows), weight[group.offsets])
            _add_to_rows(total, group.out_rows, products)
        return total.to(weight.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        wants_features, wants_weight, _ = ctx.needs_input_grad
        features_gradient = _zero_sums(len(features), weight.shape[1], weight) if wants_features else None
        weight_gradient = torch.zeros_like(weight) if wants_weight else None
        for group in _groups(ctx.book, weight):
            flow = _take(gradient, group.out_rows)
            if features_gradient is not None:
                products = group.products(flow, weight[group.offsets].transpose(1, 2))
                _add_to_rows(features_gradient, group.in_rows, products)
            if weight_gradient is not None:
                group.outer_products(_take(features, group.in_rows), flow, weight_gradient[group.offsets])
        return None if features_gradient is None else features_gradient.to(weight.dtype), weight_gradient, None


class _Group(NamedTuple):
    """Consecutive kernel offsets whose pairs are gathered at once, and scattered at once.

    Attributes:
        offsets: Which.
        counts: Pairs under each of them.
        in_rows: Of all their pairs, one offset after the other; None stands for all rows in order.
        out_rows: Likewise.
    """

    offsets: slice
    counts: tuple[int, ...]
    in_rows: Tensor | None
    out_rows: Tensor | None

    def products(self, values: Tensor, weights: Tensor) -> Tensor:
        """Return the (P, O) products of the (P, C) values of each offset with its own (C, O) of the weights."""
        if len(self.counts) == 1:
            return values @ weights[0]
        found = values.new_empty(len(values), weights.shape[2])
        for rows, weight, out in zip(values.split(self.counts), weights, found.split(self.counts), strict=True):
            if len(rows):
                torch.mm(rows, weight, out=out)
        return found

    def outer_products(self, values: Tensor, flow: Tensor, out: Tensor) -> None:
        """Write the (C, O) sums over the pairs of each offset, of (P, C) values and (P, O) flow, to rows of ``out``."""
        for rows, flows, found in zip(values.split(self.counts), flow.split(self.counts), out, strict=True):
            if len(rows):
                torch.mm(rows.t(), flows, out=found)


def _groups(book: Rulebook, weight: Tensor) -> Iterator[_Group]:
    """Yield the offsets that have pairs, together while their gathered values stay in the cache of a CPU.

    A small layer spends its time on calls, of which a group needs as many as one offset. On a GPU each offset stands
    alone: rows that repeat would be added in any order.
    """
    # Rows of other lengths would lie across the lanes of a processor, whose products then round otherwise.
    aligned = all(width * weight.element_size() % _LANE_BYTES == 0 for width in weight.shape[1:])
    room = _CPU_GROUP_ELEMENTS // max(weight.shape[1:]) if weight.device.type == "cpu" and aligned else 0
    counts = book.counts
    start = first = 0
    while start < len(counts):
        stop, pairs = start + 1, counts[start]
        while stop < len(counts) and pairs + counts[stop] <= room:
            pairs += counts[stop]
            stop += 1
        offsets, rows = slice(start, stop), slice(first, first + pairs)
        if start == book.identity == stop - 1:
            yield _Group(offsets, counts[offsets], None, None)
        elif pairs:
            yield _Group(offsets, counts[offsets], book.in_rows[rows], book.out_rows[rows])
        start, first = stop, rows.stop


def _take(values: Tensor, rows: Tensor | None) -> Tensor:
    return values if rows is None else values.index_select(0, rows)


def _zero_sums(num_rows: int, num_channels: int, like: Tensor) -> Tensor:
    dtype = torch.float32 if like.dtype in (torch.float16, torch.bfloat16) else like.dtype
    return torch.zeros(num_rows, num_channels, dtype=dtype, device=like.device)


def _add_to_rows(total: Tensor, rows: Tensor | None, values: Tensor) -> None:
    """Add values to rows, those of one row in the order in which they come."""
    if rows is None:
        total.add_(values)
        return
    with _fast_kernels():
        total.index_add_(0, rows, values.to(total.dtype))


@contextmanager
def _fast_kernels() -> Iterator[None]:
    """Let torch use the kernel that it calls not deterministic because rows might repeat; the other one sorts first."""
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    if enabled:
        torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        if enabled:
            torch.use_deterministic_algorithms(True, warn_only=warn_only)
