"""spconv adapter: the same sparse convolutions and weights through spconv, which is the faster path on a GPU.

Its CPU build computes the forward pass only.

Shapes: M input voxels, L output voxels, K kernel offsets, C channels in, O channels out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from concord3d.errors import ConfigError, DependencyMissing
from concord3d.geometry.voxel import stacked_coordinates, voxel_keys
from concord3d.models.sparse_rulebook import check_kernel, kernel_offsets, strided_sites

_SHARED_PAIRS = "pairs"
# Channels of a convolution that is run for its pairs alone.
_PROBE_CHANNELS = 8


def import_spconv() -> Any:
    """Import ``spconv.pytorch``.

    Raises:
        DependencyMissing: It is not installed, or was built for another machine.
    """
    try:
        import spconv.pytorch as library
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise DependencyMissing(
            "spconv cannot be imported",
            expected="spconv 2.3, built for this machine",
            found=error,
            next_step="pip install spconv (a CPU) or spconv-cu126 (a GPU), or use our own path: path = 'torch'",
        ) from error
    return library


@cache
def _has_gpu_build() -> bool:
    try:
        import_spconv()
        from spconv.cppconstants import CPU_ONLY_BUILD
    except (DependencyMissing, ImportError):
        return False
    return not CPU_ONLY_BUILD


def spconv_serves(device: torch.device) -> bool:
    """Say whether spconv computes forward and backward on a device: a GPU, and a build for GPUs is installed."""
    return device.type == "cuda" and _has_gpu_build()


def to_spconv_weight(weight: Tensor, kernel_size: int) -> Tensor:
    """Rearrange one of our weights for spconv.

    Args:
        weight: (K, C, O) with K = kernel_size^3 and x the slowest axis of the offsets.
        kernel_size: Voxels of the kernel along each axis.

    Returns:
        (O, k, k, k, C) contiguous, the layout of spconv 2; gradients flow back.
    """
    # A plain transpose of a matrix, for which torch has a fast copy.
    turned = weight.flatten(0, 1).t().contiguous()
    return turned.view(-1, kernel_size, kernel_size, kernel_size, weight.shape[1])


def from_spconv_weight(weight: Tensor) -> Tensor:
    """Rearrange spconv's weight (O, k, k, k, C) for our layers: (K, C, O) contiguous."""
    return weight.flatten(1).t().contiguous().view(-1, weight.shape[4], weight.shape[0])


@contextmanager
def exact_on_a_cpu(device: str) -> Iterator[None]:
    """Let one thread compute on a CPU: several add to the same rows of spconv's result and lose terms."""
    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if device == "cpu":
            torch.set_num_threads(threads)


class SpconvPath:
    """Sparse convolution with spconv, to the same voxels and with the same weights as our own.

    Raises:
        DependencyMissing: spconv cannot be imported.
    """

    def __init__(self) -> None:
        self._library = import_spconv()

    def submanifold(self, coordinates: Tensor, kernel_size: int) -> SpconvRules:
        """Prepare a convolution whose output voxels are its input voxels; spconv finds the pairs once for all layers.

        Raises:
            ConfigError: The kernel size is even.
        """
        check_kernel(kernel_size, 1)
        return SpconvRules(self._library, coordinates, coordinates, kernel_size, 1)

    def strided(self, coordinates: Tensor, kernel_size: int, stride: int) -> SpconvRules:
        """Prepare a convolution that coarsens the grid.

        Raises:
            ConfigError: Stride or kernel size does not fit.
        """
        check_kernel(kernel_size, stride)
        return SpconvRules(self._library, coordinates, strided_sites(coordinates, stride), kernel_size, stride)


@dataclass(frozen=True)
class SpconvRules:
    """Voxels of one convolution, prepared for spconv.

    Args:
        library: ``spconv.pytorch``.
        in_coordinates: (M, 4) int32, sorted.
        out_coordinates: (L, 4) int32, sorted.
        kernel_size: Voxels of the kernel along each axis.
        stride: Input voxels per output voxel along each axis.
        shared: What spconv keeps of the pairs from one layer to the next, and for the transposed convolution.
    """

    library: Any
    in_coordinates: Tensor
    out_coordinates: Tensor
    kernel_size: int
    stride: int
    shared: dict[str, Any] = field(default_factory=dict)

    def out_stride(self, stride: int) -> int:
        """Return the stride of the output voxels of input voxels with this one, in voxels of the finest grid."""
        return stride * self.stride

    def transposed(self) -> SpconvTransposedRules:
        """Return the rules of the transposed convolution: from these output voxels to these input voxels.

        Raises:
            ConfigError: The convolution does not coarsen the grid.
        """
        if self.stride == 1:
            raise ConfigError("spconv has no transposed submanifold convolution", expected="a stride of at least 2")
        return SpconvTransposedRules(self)

    def joined(self, others: Sequence[SpconvRules]) -> SpconvRules:
        """Return the rules of a batch: of this cloud, then of others, made for the same kernel."""
        in_coordinates, out_coordinates = (
            stacked_coordinates([getattr(rules, side) for rules in (self, *others)])
            for side in ("in_coordinates", "out_coordinates")
        )
        return SpconvRules(self.library, in_coordinates, out_coordinates, self.kernel_size, self.stride)

    def convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return (L, O) of (M, C) features and (K, C, O) weights.

        spconv has float32 and float16 kernels: under bfloat16 autocast it works in float32.

        Raises:
            ConfigError: Gradients are wanted on a CPU, where spconv has none.
        """
        if self.kernel_size == 1:
            dtype = _kernel_type(features)
            with torch.autocast(features.device.type, enabled=False):
                return features.to(dtype) @ weight[0].to(dtype)
        output = _apply(self._layer(weight.shape[1], weight.shape[2]), self._input, features, weight)
        self.shared.update(output.indice_dict)
        return output.features if self.stride == 1 else output.features.index_select(0, self.own_rows(output.indices))

    def coarse_pairs(self, features: Tensor) -> Any:
        """Return what spconv knows of the pairs of a convolution that coarsens, which it finds while it convolves.

        Args:
            features: Features of any voxels, for their type and device.
        """
        if _SHARED_PAIRS not in self.shared:
            channels = _PROBE_CHANNELS
            with torch.no_grad():
                weight = features.new_zeros(self.kernel_size**3, channels, channels)
                self.convolve(features.new_zeros(len(self.in_coordinates), channels), weight)
        return self.shared[_SHARED_PAIRS]

    def _layer(self, in_channels: int, out_channels: int) -> torch.nn.Module:
        shape = (in_channels, out_channels, self.kernel_size)
        layer: torch.nn.Module
        # On the meta device the layer's own weight takes no memory and no random numbers.
        with torch.device("meta"):
            if self.stride == 1:
                layer = self.library.SubMConv3d(*shape, bias=False, indice_key=_SHARED_PAIRS)
            else:
                padding = -kernel_offsets(self.kernel_size, self.stride)[0]
                told = {"stride": self.stride, "padding": padding, "indice_key": _SHARED_PAIRS}
                layer = self.library.SparseConv3d(*shape, **told, bias=False)
        return layer

    def _input(self, features: Tensor) -> Any:
        """Return spconv's tensor: indices from zero, in a grid that ends beyond every output voxel."""
        indices = self.in_coordinates - self._origin() * self.stride
        room = self.stride + self.kernel_size
        highest = indices.amax(0).tolist()
        shape = [(cell // self.stride) * self.stride + room for cell in highest[1:]]
        # Only submanifold layers may take pairs that an earlier layer has found.
        known = dict(self.shared) if self.stride == 1 else {}
        return self.library.SparseConvTensor(features, indices, shape, highest[0] + 1, indice_dict=known)

    def _origin(self) -> Tensor:
        """Return (4,) int32: the lowest output coordinate of each axis, and cloud 0."""
        origin = self.out_coordinates.amin(0)
        origin[0] = 0
        return origin

    def own_rows(self, indices: Tensor) -> Tensor:
        """Return (L,) int64: where spconv, which orders voxels its own way and finds more, put our output voxels."""
        theirs, order = voxel_keys(indices).sort()
        return order[torch.searchsorted(theirs, voxel_keys(self.out_coordinates - self._origin()))]


@dataclass(frozen=True)
class SpconvTransposedRules:
    """The transposed convolution of one that coarsens the grid, through spconv's inverse convolution.

    Args:
        coarsening: The convolution whose output voxels are the inputs here.
    """

    coarsening: SpconvRules

    @property
    def out_coordinates(self) -> Tensor:
        """(L, 4) int32, sorted."""
        return self.coarsening.in_coordinates

    def out_stride(self, stride: int) -> int:
        """Return the stride of the output voxels of input voxels with this one, in voxels of the finest grid."""
        return stride // self.coarsening.stride

    def transposed(self) -> SpconvRules:
        """Return the rules of the convolution that coarsens."""
        return self.coarsening

    def joined(self, others: Sequence[SpconvTransposedRules]) -> SpconvTransposedRules:
        """Return the rules of a batch: of this cloud, then of others, made for the same kernel."""
        return SpconvTransposedRules(self.coarsening.joined([rules.coarsening for rules in others]))

    def convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return (L, O) of (M, C) features and (K, C, O) weights.

        Raises:
            ConfigError: Gradients are wanted on a CPU, where spconv has none.
        """
        rules = self.coarsening
        pairs = rules.coarse_pairs(features)
        shape = (weight.shape[1], weight.shape[2], rules.kernel_size)
        with torch.device("meta"):
            layer = rules.library.SparseInverseConv3d(*shape, indice_key=_SHARED_PAIRS, bias=False)

        def inputs(values: Tensor) -> Any:
            # spconv has more coarse voxels than ours, in another order; the others hold zeros.
            rows = rules.own_rows(pairs.out_indices)
            theirs = values.new_zeros(len(pairs.out_indices), values.shape[1]).index_copy(0, rows, values)
            num_clouds = int(pairs.out_indices[:, 0].max()) + 1
            return rules.library.SparseConvTensor(
                theirs, pairs.out_indices, pairs.out_spatial_shape, num_clouds, indice_dict={_SHARED_PAIRS: pairs}
            )

        output: Tensor = _apply(layer, inputs, features, weight).features
        return output


def _kernel_type(features: Tensor) -> torch.dtype:
    device = features.device.type
    half = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16
    return torch.float16 if half else torch.float32


def _apply(layer: torch.nn.Module, inputs: Callable[[Tensor], Any], features: Tensor, weight: Tensor) -> Any:
    """Run a layer of spconv on ``inputs(features)`` with one of our weights."""
    device = features.device.type
    if device == "cpu" and torch.is_grad_enabled() and (features.requires_grad or weight.requires_grad):
        raise ConfigError(
            "spconv computes no gradients on a CPU", next_step="set path = 'torch', or compute under torch.no_grad()"
        )
    dtype = _kernel_type(features)
    with torch.autocast(device, enabled=False), exact_on_a_cpu(device):
        kernel = to_spconv_weight(weight.to(dtype), round(len(weight) ** (1 / 3)))
        return functional_call(layer, {"weight": kernel}, (inputs(features.to(dtype)),))
