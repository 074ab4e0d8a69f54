"""What of the spconv adapter can be tested without the library: its absence, layouts, and the choice of the path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from concord3d.errors import DependencyMissing
from concord3d.models import sparse_blocks, spconv_adapter
from concord3d.models.mink_resnet import MinkResNet34
from concord3d.models.sparse_blocks import convolution_path
from concord3d.models.sparse_conv import TorchPath
from concord3d.models.sparse_rulebook import kernel_offsets
from concord3d.models.spconv_adapter import SpconvPath, from_spconv_weight, spconv_serves, to_spconv_weight


@pytest.fixture
def without_spconv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("spconv", "spconv.pytorch", "spconv.cppconstants"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def encoder() -> MinkResNet34:
    return MinkResNet34(in_channels=3, out_dim=4, voxel_mm=500, width=1).eval()


def test_absence_is_named_at_use(without_spconv, encoder):
    points = torch.rand(2, 9, 3, generator=torch.Generator().manual_seed(0))
    encoder.path = "spconv"
    with pytest.raises(DependencyMissing, match="path = 'torch'"):
        encoder(points)
    encoder.path = "auto"
    assert encoder(points).shape == (2, 4)


@pytest.fixture
def fresh_look() -> Iterator[None]:
    spconv_adapter._has_gpu_build.cache_clear()
    yield
    spconv_adapter._has_gpu_build.cache_clear()


def test_nothing_serves_without_the_library(without_spconv, fresh_look):
    assert not spconv_serves(torch.device("cuda"))


@pytest.mark.parametrize("cpu_only", [True, False])
def test_only_a_build_for_gpus_serves_a_gpu(monkeypatch, fresh_look, cpu_only):
    package, library, constants = (ModuleType(f"spconv{part}") for part in ("", ".pytorch", ".cppconstants"))
    monkeypatch.setattr(package, "pytorch", library, raising=False)
    monkeypatch.setattr(constants, "CPU_ONLY_BUILD", cpu_only, raising=False)
    for module in (package, library, constants):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert spconv_serves(torch.device("cuda")) is not cpu_only
    assert not spconv_serves(torch.device("cpu"))


def test_auto_takes_spconv_where_it_serves(monkeypatch):
    monkeypatch.setattr(sparse_blocks, "spconv_serves", lambda device: device.type == "cuda")
    monkeypatch.setattr(SpconvPath, "__init__", lambda self: None)
    assert isinstance(convolution_path("auto", torch.device("cuda")), SpconvPath)
    assert isinstance(convolution_path("auto", torch.device("cpu")), TorchPath)
    assert isinstance(convolution_path("torch", torch.device("cuda")), TorchPath)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_layouts(kernel_size):
    weight = torch.randn(kernel_size**3, 2, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    theirs = to_spconv_weight(weight, kernel_size)
    assert theirs.shape == (4, kernel_size, kernel_size, kernel_size, 2) and theirs.is_contiguous()
    last = len(kernel_offsets(kernel_size)) - 1
    assert torch.equal(theirs[3, 0, 0, last], weight[last, :, 3])
    assert torch.equal(theirs[1, last, 0, 0], weight[last * kernel_size**2, :, 1])
    assert torch.equal(from_spconv_weight(theirs), weight)
    theirs.sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))
