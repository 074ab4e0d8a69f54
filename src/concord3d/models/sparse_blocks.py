"""What sparse residual networks are made of: convolution with normalisation, basic blocks, and the choice of the path.

Shapes: M voxels, C channels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.sparse_conv import ConvolutionPath, ConvolutionRules, SparseConv, SparseTensor, TorchPath
from concord3d.models.spconv_adapter import SpconvPath, spconv_serves

PathName = Literal["auto", "torch", "spconv"]
_MOMENTUM = 0.1


def convolution_path(name: PathName, device: torch.device) -> ConvolutionPath:
    """Return the implementation of sparse convolution that a network uses on a device.

    Args:
        name: ``torch`` (our own), ``spconv``, or ``auto``, which is spconv on a GPU where it is installed.
        device: Where the network computes.

    Raises:
        ConfigError: The name is unknown.
        DependencyMissing: spconv is asked for and absent.
    """
    if name not in get_args(PathName):
        raise ConfigError("Unknown convolution path", expected="auto, torch or spconv", found=name)
    if name == "spconv" or (name == "auto" and spconv_serves(device)):
        return SpconvPath()
    return TorchPath()


class ConvNorm(nn.Module):
    """Sparse convolution, BatchNorm over the voxels, activation.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: Voxels of the kernel along each axis, or along x, y and z.
        activation: What follows the normalisation.
        momentum: Weight of a batch in the running statistics.
        eps: Added to the variance.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int],
        activation: nn.Module,
        momentum: float = _MOMENTUM,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.conv = SparseConv(in_channels, out_channels, kernel_size)
        self.norm = nn.BatchNorm1d(out_channels, eps=eps, momentum=momentum)
        self.activation = activation

    def forward(self, voxels: SparseTensor, rules: ConvolutionRules) -> SparseTensor:
        """Return the output voxels of ``rules`` with ``out_channels`` channels.

        Raises:
            BadCloud: The features do not fit, or one voxel is left in training.
        """
        convolved = self.conv(voxels, rules)
        if self.training and len(convolved.features) < 2:
            raise BadCloud(
                "Batch statistics need more than one voxel",
                expected="at least 2 voxels in the batch",
                found=f"1 at stride {convolved.stride}",
                next_step="use larger batches or smaller voxels",
            )
        result: SparseTensor = convolved.with_features(self.activation(self.norm(convolved.features)))
        return result


class BasicBlock(nn.Module):
    """Two convolutions on the same voxels around a shortcut, which is a linear map where the width changes.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: Odd; voxels of the kernels along each axis.
        momentum: Weight of a batch in the running statistics of the normalisations.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, momentum: float = _MOMENTUM) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, kernel_size, nn.ReLU(), momentum)
        self.second = ConvNorm(out_channels, out_channels, kernel_size, nn.Identity(), momentum)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Linear(in_channels, out_channels, bias=False), nn.BatchNorm1d(out_channels, momentum=momentum)
            )

    def forward(self, voxels: SparseTensor, rules: ConvolutionRules) -> SparseTensor:
        """Return the same voxels with ``out_channels`` channels; ``rules`` are those of the kernel on them."""
        inner = self.second(self.first(voxels, rules), rules)
        result: SparseTensor = inner.with_features((inner.features + self.shortcut(voxels.features)).relu())
        return result


def basic_blocks(
    in_channels: int, out_channels: int, count: int, kernel_size: int = 3, momentum: float = _MOMENTUM
) -> nn.ModuleList:
    """Return basic blocks behind one another, of which the first changes the width.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        count: Blocks.
        kernel_size: See :class:`BasicBlock`.
        momentum: See :class:`BasicBlock`.
    """
    widths = [in_channels] + count * [out_channels]
    return nn.ModuleList(BasicBlock(*pair, kernel_size, momentum) for pair in pairwise(widths))
