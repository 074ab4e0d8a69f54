"""Sparse convolution, MinkResNet34 and MinkUNet against dense grids, look-ups voxel by voxel, and spconv.

MM-Mixing spec 2.3, CMCR spec 2.1.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import pytest
import torch
from tests.parity import literal_sparse_conv as literal
from torch import Tensor, nn

from concord3d.errors import ConfigError, DependencyMissing
from concord3d.geometry.voxel import voxelise
from concord3d.models.mink_resnet import MinkResNet34
from concord3d.models.mink_unet import MinkUNet
from concord3d.models.sparse_conv import ConvolutionRules, TorchPath, TorchRules, sparse_convolve
from concord3d.models.sparse_rulebook import parent_rows, strided_rules, submanifold_rules
from concord3d.models.spconv_adapter import (
    SpconvPath,
    exact_on_a_cpu,
    from_spconv_weight,
    import_spconv,
    to_spconv_weight,
)

Network = TypeVar("Network", bound=nn.Module)
SHAPES = [(1, 1, 1, 1, 0.5), (1, 40, 3, 2, 0.4), (3, 60, 2, 5, 0.6), (2, 120, 4, 3, 0.4)]
KERNELS = [(1, 1), (3, 1), (5, 1), (2, 2), (3, 2), (4, 2), (5, 2), (3, 3), (4, 3), (5, 3)]


def _voxels(num_clouds: int, num_points: int, num_channels: int, size: float, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_clouds, num_points, 3, dtype=torch.float64, generator=generator)
    coordinates = voxelise(points, size).coordinates
    features = torch.randn(len(coordinates), num_channels, dtype=torch.float64, generator=generator)
    return coordinates, features


def _rules(coordinates: Tensor, kernel_size: int, stride: int) -> TorchRules:
    path = TorchPath()
    return path.submanifold(coordinates, kernel_size) if stride == 1 else path.strided(coordinates, kernel_size, stride)


@pytest.mark.parametrize(("kernel_size", "stride"), KERNELS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolution_equals_the_dense_one(shape, kernel_size, stride):
    num_clouds, num_points, in_channels, out_channels, size = shape
    coordinates, features = _voxels(num_clouds, num_points, in_channels, size, seed=num_points + kernel_size)
    generator = torch.Generator().manual_seed(stride)
    weight = torch.randn(kernel_size**3, in_channels, out_channels, dtype=torch.float64, generator=generator)
    rules = _rules(coordinates, kernel_size, stride)
    assert torch.equal(rules.out_coordinates, literal.literal_sites(coordinates, stride))
    upstream = torch.randn(len(rules.out_coordinates), out_channels, dtype=torch.float64, generator=generator)
    results = []
    for convolve in (rules.convolve, lambda f, w: literal.literal_convolve(coordinates, f, w, kernel_size, stride)):
        own_features, own_weight = features.clone().requires_grad_(), weight.clone().requires_grad_()
        output = convolve(own_features, own_weight)
        (output * upstream).sum().backward()
        results.append((output.detach(), own_features.grad, own_weight.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


STRIDED = [kernel for kernel in KERNELS if kernel[1] > 1]


@pytest.mark.parametrize(("kernel_size", "stride"), STRIDED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_transposed_convolution_equals_the_dense_one(shape, kernel_size, stride):
    num_clouds, num_points, in_channels, out_channels, size = shape
    fine, _ = _voxels(num_clouds, num_points, 1, size, seed=num_points + kernel_size)
    rules = TorchPath().strided(fine, kernel_size, stride).transposed()
    coarse = literal.literal_sites(fine, stride)
    generator = torch.Generator().manual_seed(stride)
    features = torch.randn(len(coarse), in_channels, dtype=torch.float64, generator=generator)
    weight = torch.randn(kernel_size**3, in_channels, out_channels, dtype=torch.float64, generator=generator)
    upstream = torch.randn(len(fine), out_channels, dtype=torch.float64, generator=generator)
    assert torch.equal(rules.out_coordinates, fine)
    results = []
    for convolve in (
        rules.convolve,
        lambda f, w: literal.literal_transposed(coarse, f, w, kernel_size, stride, fine),
    ):
        own_features, own_weight = features.clone().requires_grad_(), weight.clone().requires_grad_()
        output = convolve(own_features, own_weight)
        (output * upstream).sum().backward()
        results.append((output.detach(), own_features.grad, own_weight.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("offset", [(0, 0, 0), (-1000, 3, 16000)])
@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 1), (2, 2), (3, 2)])
def test_only_positions_modulo_the_stride_matter(kernel_size, stride, offset):
    coordinates, features = _voxels(2, 50, 2, 0.5, seed=4)
    moved = coordinates + stride * torch.tensor([0, *(axis // stride for axis in offset)], dtype=torch.int32)
    weight = torch.randn(kernel_size**3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    still = _rules(coordinates, kernel_size, stride).convolve(features, weight)
    assert torch.equal(still, _rules(moved, kernel_size, stride).convolve(features, weight))


def test_gradients_by_finite_differences():
    coordinates, features = _voxels(2, 9, 2, 0.7, seed=1)
    weight = torch.randn(27, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    strided = strided_rules(coordinates, 3, 2)
    for book in (submanifold_rules(coordinates, 3), strided, strided.transposed()):
        inputs = (features[: book.num_inputs].clone().requires_grad_(), weight.clone().requires_grad_())
        assert torch.autograd.gradcheck(lambda f, w, book=book: sparse_convolve(f, w, book), inputs)


@pytest.mark.parametrize("stride", [2, 4, 3])
def test_parents_equal_a_search(stride):
    coordinates, _ = _voxels(3, 80, 1, 0.4, seed=stride)
    coarse = literal.literal_sites(coordinates, stride)
    rows = {tuple(cell): row for row, cell in enumerate(coarse.tolist())}
    expected = [rows[(cloud, *(axis // stride for axis in cell))] for cloud, *cell in coordinates.tolist()]
    assert parent_rows(coordinates, coarse, stride).tolist() == expected


def _network(seed: int) -> MinkResNet34:
    torch.manual_seed(seed)
    return _with_statistics(MinkResNet34(in_channels=6, out_dim=5, voxel_mm=150, width=2), seed)


def _unet(seed: int) -> MinkUNet:
    torch.manual_seed(seed)
    widths = {"stem_width": 2, "down_widths": (2, 4, 5), "up_widths": (6, 4, 3)}
    return _with_statistics(MinkUNet(2, **widths, down_blocks=(1, 2, 1), up_blocks=(1, 1, 2)), seed)


def _with_statistics(encoder: Network, seed: int) -> Network:
    """Return a network in double precision whose normalisations have something to do, in evaluation mode."""
    encoder = encoder.double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for norm in encoder.modules():
            if isinstance(norm, nn.BatchNorm1d):
                norm.weight.copy_(1 + 0.2 * torch.randn(norm.bias.shape, generator=generator))
                norm.bias.copy_(0.3 * torch.randn(norm.bias.shape, generator=generator))
                norm.running_mean.copy_(0.1 * torch.randn(norm.bias.shape, generator=generator))
                norm.running_var.copy_(0.5 + torch.rand(norm.bias.shape, generator=generator))
    return encoder


@pytest.mark.parametrize("training", [True, False])
def test_network_equals_literal(training):
    generator = torch.Generator().manual_seed(3)
    points = torch.rand(2, 24, 6, dtype=torch.float64, generator=generator) * 2 - 1
    # Several points per voxel, and a voxel on each side of zero.
    points[:, 12:, :3] = points[:, :12, :3] + 0.01
    results = []
    network = _network(0).train(training)
    # The two runs would draw other dropout masks.
    network.head[3].p = 0.0
    for run in (lambda net, x: (net.backbone_features(x), net(x)), literal.literal_mink_resnet):
        encoder = copy.deepcopy(network)
        own = points.clone().requires_grad_()
        backbone, output = run(encoder, own)
        (output.sin().sum() + backbone.sum()).backward()
        gradients = [parameter.grad for parameter in encoder.parameters()]
        results.append([backbone.detach(), output.detach(), own.grad, *gradients])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_unet_equals_literal(training):
    coordinates, features = _voxels(2, 40, 2, 0.4, seed=6)
    results = []
    network = _unet(0).train(training)
    for run in (
        lambda net, x: net(x, net.rules(coordinates)),
        lambda net, x: literal.literal_mink_unet(net, coordinates, x),
    ):
        encoder = copy.deepcopy(network)
        own = features.clone().requires_grad_()
        output = run(encoder, own)
        output.sin().sum().backward()
        statistics = [buffer.clone() for buffer in encoder.buffers()]
        results.append([output.detach(), own.grad, *(p.grad for p in encoder.parameters()), *statistics])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.fixture
def spconv_path() -> SpconvPath:
    try:
        import_spconv()
    except DependencyMissing as error:
        pytest.skip(f"spconv cannot be imported: {error.__cause__}")
    return SpconvPath()


@pytest.mark.parametrize(("kernel_size", "stride"), KERNELS)
def test_spconv_computes_the_same(spconv_path, kernel_size, stride):
    coordinates, features = _voxels(3, 150, 6, 0.3, seed=kernel_size)
    features = features.float()
    weights = torch.randn(2, kernel_size**3, 6, 6, generator=torch.Generator().manual_seed(stride))
    rules: list[ConvolutionRules] = [_rules(coordinates, kernel_size, stride)]
    if stride == 1:
        rules.append(spconv_path.submanifold(coordinates, kernel_size))
    else:
        rules.append(spconv_path.strided(coordinates, kernel_size, stride))
    state = torch.get_rng_state()
    with torch.no_grad():
        for weight in weights:
            ours, theirs = (rule.convolve(features, weight) for rule in rules)
            torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
    assert torch.equal(rules[0].out_coordinates, rules[1].out_coordinates)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("after_the_convolution", [True, False])
@pytest.mark.parametrize(("kernel_size", "stride"), STRIDED)
def test_spconv_computes_the_same_transposed(spconv_path, kernel_size, stride, after_the_convolution):
    coordinates, features = _voxels(3, 150, 6, 0.3, seed=kernel_size)
    # A cloud without voxels, as an empty sweep leaves it.
    coordinates[:, 0] += (coordinates[:, 0] > 0).int()
    down, up = torch.randn(2, kernel_size**3, 6, 6, generator=torch.Generator().manual_seed(stride))
    ours, theirs = (path.strided(coordinates, kernel_size, stride) for path in (TorchPath(), spconv_path))
    coarse = ours.convolve(features.float(), down)
    with torch.no_grad():
        # Twice, as with rules that are used again.
        for _ in range(2):
            if after_the_convolution:
                torch.testing.assert_close(theirs.convolve(features.float(), down), coarse, rtol=1e-4, atol=1e-4)
            refined = theirs.transposed().convolve(coarse, up)
            torch.testing.assert_close(refined, ours.transposed().convolve(coarse, up), rtol=1e-4, atol=1e-4)
    assert theirs.transposed().transposed() is theirs and torch.equal(theirs.transposed().out_coordinates, coordinates)
    assert [rules.transposed().out_stride(6) for rules in (ours, theirs)] == [6 // stride] * 2


def test_spconv_has_no_transposed_submanifold_convolution(spconv_path):
    with pytest.raises(ConfigError, match="transposed"):
        spconv_path.submanifold(_voxels(1, 9, 1, 0.5, seed=0)[0], 3).transposed()


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_spconv_runs_the_network_with_our_weights(spconv_path, two_threads):
    encoder = _network(1).float()
    points = torch.rand(3, 200, 6, generator=torch.Generator().manual_seed(5)) * 2 - 1
    with torch.no_grad():
        encoder.path = "torch"
        ours = encoder(points)
        encoder.path = "spconv"
        torch.testing.assert_close(encoder(points), ours, rtol=1e-4, atol=1e-5)
    assert torch.get_num_threads() == 2, "spconv has one thread, everything else keeps its own"


def test_spconv_runs_the_unet_with_our_weights(spconv_path):
    network = _unet(1).float()
    coordinates, features = _voxels(3, 200, 2, 0.2, seed=7)
    results = []
    with torch.no_grad():
        for network.path in ("torch", "spconv"):
            rules = network.rules(coordinates)
            results.append([network(features.float(), rules) for _ in range(2)])
    for found in (results[0][1], *results[1]):
        torch.testing.assert_close(found, results[0][0], rtol=1e-4, atol=1e-5)


def test_weights_load_into_spconv_and_back(spconv_path):
    coordinates, features = _voxels(2, 100, 3, 0.3, seed=8)
    coordinates = coordinates - torch.cat([torch.zeros(1, dtype=torch.int32), coordinates[:, 1:].amin(0)])
    library = import_spconv()
    theirs = library.SubMConv3d(3, 4, 3, bias=False)
    weight = from_spconv_weight(theirs.weight.detach())
    assert torch.equal(to_spconv_weight(weight, 3), theirs.weight)
    shape = (coordinates[:, 1:].amax(0) + 1).tolist()
    with torch.no_grad(), exact_on_a_cpu("cpu"):
        expected = theirs(library.SparseConvTensor(features.float(), coordinates, shape, 2)).features
    ours = sparse_convolve(features.float(), weight, submanifold_rules(coordinates, 3))
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_spconv_has_no_gradients_on_a_cpu(spconv_path):
    coordinates, features = _voxels(1, 20, 2, 0.5, seed=9)
    weight = torch.zeros(27, 2, 2, requires_grad=True)
    with pytest.raises(ConfigError, match="no gradients on a CPU"):
        spconv_path.submanifold(coordinates, 3).convolve(features.float(), weight)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("kernel_size", "stride"), KERNELS)
def test_a_gpu_gives_the_same_and_twice_the_same_bits(kernel_size, stride):
    coordinates, features = _voxels(3, 400, 4, 0.2, seed=10)
    weight = torch.randn(kernel_size**3, 4, 6, generator=torch.Generator().manual_seed(0))
    results = []
    for device in ("cpu", "cuda", "cuda"):
        own = features.float().to(device).requires_grad_()
        kernel = weight.to(device).requires_grad_()
        output = _rules(coordinates.to(device), kernel_size, stride).convolve(own, kernel)
        output.square().sum().backward()
        results.append([value.detach().cpu() for value in (output, own.grad, kernel.grad)])
    for on_cpu, once, again in zip(*results, strict=True):
        assert torch.equal(once, again)
        torch.testing.assert_close(once, on_cpu, rtol=1e-3, atol=1e-2)
