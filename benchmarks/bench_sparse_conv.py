"""Sparse convolution: our path beside the dense grid and spconv on a CPU; the shares of MinkResNet34.

Two clouds of 1,024 points on a sphere, voxels of 0.08: a dense grid much finer than that takes gigabytes. Peak memory
is what a call adds to the process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.parity.literal_sparse_conv import literal_convolve
from torch import Tensor

from concord3d.errors import DependencyMissing
from concord3d.geometry.voxel import Voxels, voxelise
from concord3d.models.mink_resnet import MinkResNet34
from concord3d.models.sparse_conv import ConvolutionPath, TorchPath, sparse_convolve
from concord3d.models.sparse_rulebook import submanifold_rules
from concord3d.models.spconv_adapter import SpconvPath
from concord3d.workflow.memory import return_freed_memory

NUM_CLOUDS, NUM_POINTS, VOXEL_SIZE = 2, 1024, 0.08
WIDTHS = [(6, 32, 5), (32, 32, 3), (64, 64, 3)]


def _clouds() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(NUM_CLOUDS, NUM_POINTS, 3, generator=generator)
    colors = torch.rand(NUM_CLOUDS, NUM_POINTS, 3, generator=generator)
    return torch.cat([points / points.norm(dim=2, keepdim=True), colors], 2)


def _layer(in_channels: int, out_channels: int, kernel_size: int) -> tuple[Voxels, Tensor, Tensor]:
    voxels = voxelise(_clouds(), VOXEL_SIZE)
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(len(voxels.coordinates), in_channels, generator=generator)
    weight = torch.randn(kernel_size**3, in_channels, out_channels, generator=generator)
    return voxels, features, weight


def _spconv() -> ConvolutionPath:
    try:
        return SpconvPath()
    except DependencyMissing as error:
        pytest.skip(f"spconv cannot be imported: {error.__cause__}")


def _peak_mb(function: Callable[[], object]) -> float:
    """Return how many MiB a call adds to the process at its peak, as Linux counts them from a reset on."""
    # Freed memory that the allocator keeps would hide what the call asks for.
    return_freed_memory()
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident_mb("VmRSS")
    function()
    return round(_resident_mb("VmHWM") - before, 1)


def _resident_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def _forward(name: str, size: tuple[int, int, int]) -> Callable[[], Tensor]:
    """Return a call that finds the pairs and convolves, as the first layer on these voxels does."""
    voxels, features, weight = _layer(*size)
    coordinates = voxels.coordinates
    if name == "dense":
        return lambda: literal_convolve(coordinates, features, weight, size[2], 1)
    path = TorchPath() if name == "ours" else _spconv()
    return lambda: path.submanifold(coordinates, size[2]).convolve(features, weight)


@pytest.mark.benchmark(group="sparse_conv_forward")
@pytest.mark.parametrize("name", ["ours", "spconv", "dense"])
@pytest.mark.parametrize("size", WIDTHS, ids=str)
def test_forward(benchmark, name, size):
    call = _forward(name, size)
    with torch.no_grad():
        call()
        benchmark.extra_info["peak_mb"] = _peak_mb(call)
        benchmark.pedantic(call, rounds=5, warmup_rounds=1)


def _step(convolve: Callable[[Tensor, Tensor], Tensor], features: Tensor, weight: Tensor) -> None:
    convolve(features.clone().requires_grad_(), weight.clone().requires_grad_()).square().mean().backward()


@pytest.mark.benchmark(group="sparse_conv_step")
@pytest.mark.parametrize("name", ["ours", "dense"])
@pytest.mark.parametrize("size", WIDTHS[1:], ids=str)
def test_step(benchmark, name, size):
    voxels, features, weight = _layer(*size)
    coordinates = voxels.coordinates
    ours = partial(sparse_convolve, book=submanifold_rules(coordinates, size[2]))
    dense = partial(literal_convolve, coordinates, kernel_size=size[2], stride=1)
    call = partial(_step, ours if name == "ours" else dense, features, weight)
    call()
    benchmark.extra_info["peak_mb"] = _peak_mb(call)
    benchmark.pedantic(call, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="sparse_conv_shares")
@pytest.mark.parametrize("part", ["voxels", "rulebook 3^3", "rulebook 5^3"])
def test_preparation(benchmark, part):
    clouds = _clouds()
    coordinates = voxelise(clouds, VOXEL_SIZE).coordinates
    calls: dict[str, Callable[[], object]] = {
        "voxels": lambda: voxelise(clouds, VOXEL_SIZE),
        "rulebook 3^3": lambda: submanifold_rules(coordinates, 3),
        "rulebook 5^3": lambda: submanifold_rules(coordinates, 5),
    }
    benchmark.pedantic(calls[part], rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="mink_resnet34")
@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize("what", ["forward ours", "forward spconv", "step ours"])
def test_network(benchmark, what, width):
    encoder, clouds = MinkResNet34(voxel_mm=80, width=width), _clouds()
    encoder.path = "spconv" if what == "forward spconv" else "torch"
    if encoder.path == "spconv":
        _spconv()
    if what == "step ours":
        benchmark.pedantic(lambda: encoder(clouds).square().mean().backward(), rounds=3, warmup_rounds=1)
        return
    encoder.eval()
    with torch.no_grad():
        benchmark.pedantic(lambda: encoder(clouds), rounds=3, warmup_rounds=1)
