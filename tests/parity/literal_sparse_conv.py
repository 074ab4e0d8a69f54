"""Literal sparse convolutions: a dense grid through conv3d, and networks that look voxels up one by one."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional


def literal_sites(coordinates: Tensor, stride: int) -> Tensor:
    """Return the (L, 4) int32 sorted coarse voxels around (M, 4) voxels."""
    sites = {(cloud, *(axis // stride for axis in cell)) for cloud, *cell in coordinates.tolist()}
    return torch.tensor(sorted(sites), dtype=torch.int32)


def literal_convolve(coordinates: Tensor, features: Tensor, weight: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Scatter (M, C) features into a dense grid, apply conv3d, read (L, O) at the occupied output voxels.

    Args:
        coordinates: (M, 4) int32.
        features: (M, C).
        weight: (k^3, C, O), x the slowest axis.
        kernel_size: k; the kernel is centred where k is odd, and starts at the voxel where it is even or the stride.
        stride: Input voxels per output voxel.
    """
    sites = coordinates if stride == 1 else literal_sites(coordinates, stride)
    margin = stride * kernel_size
    low = (coordinates[:, 1:].amin(0) // stride) * stride - margin
    extent = coordinates[:, 1:].amax(0) - low + 1 + 2 * margin
    cells = coordinates.long()
    grid = features.new_zeros(int(cells[:, 0].max()) + 1, *extent.tolist(), features.shape[1])
    places = (cells[:, 0], *(cells[:, 1:] - low).unbind(1))
    dense = grid.index_put(places, features).permute(0, 4, 1, 2, 3)
    kernel = weight.view(kernel_size, kernel_size, kernel_size, *weight.shape[1:]).permute(4, 3, 0, 1, 2)
    padding = kernel_size // 2 if kernel_size % 2 and not kernel_size == stride > 1 else 0
    output = functional.conv3d(dense, kernel, stride=stride, padding=padding)
    cells = sites.long()
    cloud, x, y, z = cells[:, 0], *(cells[:, 1:] - low // stride).unbind(1)
    return output[cloud, :, x, y, z]


def lookup_convolve(voxels: dict, weight: Tensor, kernel_size: int, stride: int) -> dict:
    """Convolve {(cloud, x, y, z): features} by visiting every offset of every output voxel."""
    first = -(kernel_size // 2) if kernel_size % 2 and not kernel_size == stride > 1 else 0
    steps = list(product(range(first, first + kernel_size), repeat=3))
    output = {}
    for site in sorted({(cell[0], *(axis // stride for axis in cell[1:])) for cell in voxels}):
        total = torch.zeros(weight.shape[2], dtype=weight.dtype)
        for offset, step in enumerate(steps):
            seen = (site[0], *(stride * axis + move for axis, move in zip(site[1:], step, strict=True)))
            if seen in voxels:
                total = total + voxels[seen] @ weight[offset]
        output[site] = total
    return output


def _mapped(voxels: dict, function) -> dict:
    values = function(torch.stack(list(voxels.values())))
    return dict(zip(voxels, values, strict=True))


def _conv_norm(layer: nn.Module, voxels: dict, stride: int, activation) -> dict:
    convolved = lookup_convolve(voxels, layer.conv.weight, layer.conv.kernel_size, stride)
    return _mapped(convolved, lambda values: activation(layer.norm(values)))


def literal_mink_resnet(encoder: nn.Module, points: Tensor) -> tuple[Tensor, Tensor]:
    """Run MinkResNet34's layers on dictionaries of voxels; stage outputs pass through points (MM-Mixing spec 2.3).

    Returns:
        The backbone's features (B, 64 w) and the outputs (B, out_dim).
    """
    own = [
        [(cloud, *torch.floor(point[:3] / encoder.voxel_size).int().tolist()) for point in points[cloud]]
        for cloud in range(len(points))
    ]
    members: dict = {}
    for cloud, cells in enumerate(own):
        for index, cell in enumerate(cells):
            members.setdefault(cell, []).append((cloud, index))
    finest = {cell: torch.stack([points[place] for place in members[cell]]).mean(0) for cell in sorted(members)}
    current = _conv_norm(encoder.stem, finest, 1, functional.relu)
    sliced = []
    for number, stage in enumerate(encoder.stages):
        current = _conv_norm(stage.down, current, 2, functional.relu)
        for block in stage.blocks:
            current = _basic_block(block, current)
        scale = 2 ** (number + 1)
        sliced.append([[current[(c[0], *(a // scale for a in c[1:]))] for c in cells] for cells in own])
    joined = [
        [torch.cat([stage[cloud][index] for stage in sliced]) for index in range(points.shape[1])]
        for cloud in range(len(points))
    ]
    current = {cell: torch.stack([joined[c][i] for c, i in members[cell]]).mean(0) for cell in sorted(members)}
    for layer in encoder.tail:
        current = _conv_norm(layer, current, 2, lambda values: functional.leaky_relu(values, 0.01))
    pooled = []
    for cloud in range(len(points)):
        values = torch.stack([current[cell] for cell in current if cell[0] == cloud])
        pooled.append(torch.cat([values.max(0).values, values.mean(0)]))
    features = torch.stack(pooled)
    return features, encoder.head(features)


def literal_transposed(
    coarse: Tensor, features: Tensor, weight: Tensor, kernel_size: int, stride: int, fine: Tensor
) -> Tensor:
    """Scatter (M, C) coarse features into a dense grid, apply conv_transpose3d, read (L, O) at the fine voxels.

    Args:
        coarse: (M, 4) int32.
        features: (M, C).
        weight: (k^3, C, O), x the slowest axis.
        kernel_size: k; the kernel is centred where k is odd, and starts at the voxel where it is even or the stride.
        stride: Fine voxels per coarse voxel.
        fine: (L, 4) int32.
    """
    low = coarse[:, 1:].amin(0) - kernel_size
    extent = coarse[:, 1:].amax(0) - low + 1 + kernel_size
    cells = coarse.long()
    grid = features.new_zeros(int(cells[:, 0].max()) + 1, *extent.tolist(), features.shape[1])
    dense = grid.index_put((cells[:, 0], *(cells[:, 1:] - low).unbind(1)), features).permute(0, 4, 1, 2, 3)
    kernel = weight.view(kernel_size, kernel_size, kernel_size, *weight.shape[1:]).permute(3, 4, 0, 1, 2)
    output = functional.conv_transpose3d(dense, kernel, stride=stride)
    # Coarse cell c stands at fine cell stride * c; an odd kernel begins half of its width before.
    first = kernel_size // 2 if kernel_size % 2 and not kernel_size == stride > 1 else 0
    cloud, x, y, z = fine.long()[:, 0], *(fine.long()[:, 1:] - stride * low.long() + first).unbind(1)
    return output[cloud, :, x, y, z]


def lookup_transposed(voxels: dict, weight: Tensor, fine: list) -> dict:
    """Apply a 2^3 transposed convolution of stride 2 to {(cloud, x, y, z): features}: a fine voxel has one parent."""
    output = {}
    for cloud, *cell in fine:
        parent = voxels[(cloud, *(axis // 2 for axis in cell))]
        x, y, z = (axis % 2 for axis in cell)
        output[(cloud, *cell)] = parent @ weight[4 * x + 2 * y + z]
    return output


def _basic_block(block: nn.Module, voxels: dict) -> dict:
    inner = _conv_norm(block.second, _conv_norm(block.first, voxels, 1, functional.relu), 1, lambda v: v)
    shortcut = _mapped(voxels, block.shortcut)
    return {cell: functional.relu(inner[cell] + shortcut[cell]) for cell in voxels}


def literal_mink_unet(network: nn.Module, coordinates: Tensor, features: Tensor) -> Tensor:
    """Run MinkUNet's layers on dictionaries of voxels (CMCR spec 2.1)."""
    cells = [tuple(cell) for cell in coordinates.tolist()]
    current = _conv_norm(network.stem, dict(zip(cells, features, strict=True)), 1, functional.relu)
    skips = []
    for stage in network.down:
        skips.append(current)
        current = _conv_norm(stage.resample, current, 2, functional.relu)
        for block in stage.blocks:
            current = _basic_block(block, current)
    for stage in network.up:
        skip = skips.pop()
        raised = lookup_transposed(current, stage.resample.conv.weight, list(skip))
        raised = _mapped(raised, lambda values, stage=stage: functional.relu(stage.resample.norm(values)))
        current = {cell: torch.cat([raised[cell], skip[cell]]) for cell in skip}
        for block in stage.blocks:
            current = _basic_block(block, current)
    return torch.stack([current[cell] for cell in cells])
