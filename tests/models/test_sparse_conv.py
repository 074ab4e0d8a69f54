"""Rulebooks and sparse convolution: invariants, types, determinism, refusals; parity is in tests/parity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.voxel import MAX_COORDINATE, voxelise
from concord3d.models import sparse_conv
from concord3d.models.sparse_conv import SparseConv, SparseTensor, TorchPath, sparse_convolve
from concord3d.models.sparse_rulebook import Rulebook, kernel_offsets, parent_rows, strided_rules, submanifold_rules


def _voxels(num_points: int = 80, num_channels: int = 4, seed: int = 0) -> SparseTensor:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(2, num_points, 3, generator=generator)
    coordinates = voxelise(points, 0.4).coordinates
    return SparseTensor(coordinates, torch.randn(len(coordinates), num_channels, generator=generator))


@given(num_points=st.integers(1, 60), kernel_size=st.sampled_from([1, 3, 5]), seed=st.integers(0, 2**16))
@settings(max_examples=25)
def test_rulebook_pairs_are_the_steps_of_the_kernel(num_points, kernel_size, seed):
    coordinates = _voxels(num_points, seed=seed).coordinates
    book = submanifold_rules(coordinates, kernel_size)
    steps = kernel_offsets(kernel_size)
    assert len(book.counts) == kernel_size**3 and sum(book.counts) == len(book.in_rows) == len(book.out_rows)
    pieces = zip(book.in_rows.split(book.counts), book.out_rows.split(book.counts), strict=True)
    for offset, (in_rows, out_rows) in enumerate(pieces):
        x, rest = divmod(offset, kernel_size**2)
        step = torch.tensor([0, steps[x], *(steps[axis] for axis in divmod(rest, kernel_size))])
        assert ((coordinates[in_rows] - coordinates[out_rows]) == step).all()
        assert (in_rows.diff() > 0).all() and (out_rows.diff() > 0).all()
    assert book.identity is not None and book.counts[book.identity] == len(coordinates)


def test_every_input_voxel_reaches_an_output():
    coordinates = _voxels().coordinates
    for kernel_size in (2, 3):
        book = strided_rules(coordinates, kernel_size, 2)
        assert torch.equal(book.in_rows.unique(), torch.arange(len(coordinates)))
        assert torch.equal(book.out_rows.unique(), torch.arange(len(book.out_coordinates)))
    for stride in (2, 3, 5):
        assert sum(strided_rules(coordinates, stride, stride).counts) == len(coordinates)


def test_clouds_do_not_see_each_other():
    both = _voxels()
    layer, path = SparseConv(4, 6, 3), TorchPath()
    joint = layer(both, path.submanifold(both.coordinates, 3)).features
    for cloud in (0, 1):
        own = both.coordinates[:, 0] == cloud
        single = SparseTensor(both.coordinates[own], both.features[own])
        alone = layer(single, path.submanifold(single.coordinates, 3)).features
        torch.testing.assert_close(alone, joint[own])


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 1), (1, 1), (2, 2), (3, 2), (3, 3)])
def test_rulebooks_of_clouds_join_to_that_of_their_batch(kernel_size, stride):
    clouds = [_voxels(num_points, seed=num_points).coordinates for num_points in (40, 1, 90)]
    clouds = [cloud[cloud[:, 0] == 0] for cloud in clouds]
    batch = torch.cat([cloud + torch.tensor([number, 0, 0, 0]) for number, cloud in enumerate(clouds)]).int()

    def build(coordinates):
        if stride == 1:
            return submanifold_rules(coordinates, kernel_size)
        return strided_rules(coordinates, kernel_size, stride)

    for change in (lambda book: book, Rulebook.transposed):
        joint, expected = Rulebook.joined([change(build(cloud)) for cloud in clouds]), change(build(batch))
        for name in ("in_rows", "out_rows", "in_coordinates", "out_coordinates"):
            assert torch.equal(getattr(joint, name), getattr(expected, name)), name
        assert joint.in_coordinates.dtype == torch.int32
        assert joint.counts == expected.counts and joint.stride == expected.stride
        assert joint.is_transposed == expected.is_transposed and joint.identity == expected.identity


def test_rulebooks_that_do_not_join():
    coordinates = _voxels().coordinates
    own = coordinates[coordinates[:, 0] == 0]
    one = submanifold_rules(own, 3)
    for parts in ([], [one, submanifold_rules(own, 5)], [one, strided_rules(own, 3, 2)]):
        with pytest.raises(BadCloud, match="joined"):
            Rulebook.joined(parts)
    with pytest.raises(BadCloud, match="single clouds"):
        Rulebook.joined([one, submanifold_rules(coordinates, 3)])


def test_transposed_rules_refine():
    voxels, path = _voxels(), TorchPath()
    down = path.strided(voxels.coordinates, 2, 2)
    coarse = SparseConv(4, 6, 2)(voxels, down)
    fine = SparseConv(6, 4, 2)(coarse, down.transposed())
    assert torch.equal(fine.coordinates, voxels.coordinates) and (coarse.stride, fine.stride) == (2, 1)
    assert down.book.transposed().identity is None and down.transposed().transposed() == down


def test_strides_multiply():
    voxels, path = _voxels(), TorchPath()
    once = SparseConv(4, 4, 2)(voxels, path.strided(voxels.coordinates, 2, 2))
    twice = SparseConv(4, 4, 3)(once, path.strided(once.coordinates, 3, 2))
    assert (once.stride, twice.stride) == (2, 4)
    rows = parent_rows(voxels.coordinates, twice.coordinates, twice.stride)
    assert torch.equal(twice.coordinates[rows, 1:], voxels.coordinates[:, 1:].div(4, rounding_mode="floor"))


@pytest.mark.parametrize("deterministic", [True, False])
def test_the_same_bits_and_an_unchanged_global_setting(deterministic):
    voxels = _voxels(400)
    book = submanifold_rules(voxels.coordinates, 3)
    weight = torch.randn(27, 4, 5, generator=torch.Generator().manual_seed(1))
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(deterministic, warn_only=deterministic)
    try:
        results = []
        for _ in range(2):
            features, kernel = voxels.features.clone().requires_grad_(), weight.clone().requires_grad_()
            output = sparse_convolve(features, kernel, book)
            output.square().sum().backward()
            results.append((output.detach(), features.grad, kernel.grad))
            assert torch.are_deterministic_algorithms_enabled() is deterministic
            assert torch.is_deterministic_algorithms_warn_only_enabled() is deterministic
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    assert all(torch.equal(first, second) for first, second in zip(*results, strict=True))


@pytest.mark.parametrize("two_threads", [False, True], ids=["one thread", "two threads"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kernel_size, stride", [(3, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("widths", [(8, 6), (4, 8), (8, 8), (16, 24), (48, 32)])
def test_groups_of_offsets_give_the_bits_of_single_ones(monkeypatch, widths, kernel_size, stride, dtype, two_threads):
    voxels = _voxels(900, widths[0])
    book = (
        strided_rules(voxels.coordinates, kernel_size, stride)
        if stride > 1
        else submanifold_rules(voxels.coordinates, 3)
    )
    weight = torch.randn(len(book.counts), *widths, generator=torch.Generator().manual_seed(1)).to(dtype)
    threads = torch.get_num_threads()
    torch.set_num_threads(1 + two_threads)
    results = []
    try:
        # Each offset alone, some together, all at once.
        for room in (0, 1 << 13, 1 << 18):
            monkeypatch.setattr(sparse_conv, "_CPU_GROUP_ELEMENTS", room)
            features, kernel = voxels.features.to(dtype, copy=True).requires_grad_(), weight.clone().requires_grad_()
            output = sparse_convolve(features, kernel, book)
            (output * torch.arange(output.numel()).view_as(output)).sum().backward()
            results.append((output.detach(), features.grad, kernel.grad))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(*pair) for others in results[1:] for pair in zip(results[0], others, strict=True))


def test_bfloat16_products_are_summed_in_single_precision():
    voxels = _voxels(300)
    book = submanifold_rules(voxels.coordinates, 3)
    layer = SparseConv(4, 8, 3)
    features = voxels.features.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = sparse_convolve(features, layer.weight, book)
    assert output.dtype == torch.bfloat16
    output.float().sum().backward()
    assert features.grad.dtype == layer.weight.grad.dtype == torch.float32
    exact = sparse_convolve(voxels.features, layer.weight.detach(), book)
    assert (output.float() - exact).abs().max() < 0.03 * exact.abs().max()


def test_gradients_are_computed_only_where_wanted():
    voxels = _voxels()
    book = submanifold_rules(voxels.coordinates, 3)
    weight = torch.randn(27, 4, 2, requires_grad=True, generator=torch.Generator().manual_seed(0))
    sparse_convolve(voxels.features, weight, book).sum().backward()
    assert weight.grad is not None and voxels.features.grad is None
    features = voxels.features.clone().requires_grad_()
    sparse_convolve(features, weight.detach(), book).sum().backward()
    assert features.grad is not None


def test_weights_start_with_the_variance_of_the_full_kernel():
    weight = SparseConv(64, 64, 3).weight
    assert weight.std().item() == pytest.approx((2 / (27 * 64)) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    "coordinates",
    [
        torch.zeros(0, 4, dtype=torch.int32),
        torch.zeros(3, 3, dtype=torch.int32),
        torch.zeros(2, 4, dtype=torch.int32),
        torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0]], dtype=torch.int32),
        torch.tensor([[-1, 0, 0, 0]], dtype=torch.int32),
        torch.tensor([[0, MAX_COORDINATE + 1, 0, 0]], dtype=torch.int32),
    ],
    ids=["empty", "no cloud", "repeated", "unsorted", "negative cloud", "far"],
)
def test_voxels_that_no_rulebook_takes(coordinates):
    for build in (lambda: submanifold_rules(coordinates, 3), lambda: strided_rules(coordinates, 2, 2)):
        with pytest.raises(BadCloud):
            build()


@pytest.mark.parametrize(("kernel_size", "stride"), [(2, 1), (0, 1), (-1, 1), (1, 2), (3, 4), (2, 3), (3, 0)])
def test_kernels_that_miss_voxels(kernel_size, stride):
    coordinates = _voxels().coordinates
    with pytest.raises(ConfigError):
        submanifold_rules(coordinates, kernel_size) if stride == 1 else strided_rules(coordinates, kernel_size, stride)


def test_features_that_do_not_fit():
    voxels = _voxels()
    book = submanifold_rules(voxels.coordinates, 3)
    for features, weight in (
        (voxels.features[1:], torch.zeros(27, 4, 2)),
        (voxels.features, torch.zeros(27, 5, 2)),
        (voxels.features, torch.zeros(8, 4, 2)),
    ):
        with pytest.raises(BadCloud, match="do not fit"):
            sparse_convolve(features, weight, book)
    with pytest.raises(ConfigError):
        SparseConv(0, 4, 3)


def test_a_voxel_without_parent():
    coordinates = _voxels().coordinates
    coarse = strided_rules(coordinates, 2, 2).out_coordinates
    with pytest.raises(BadCloud, match="coarser"):
        parent_rows(coordinates, coarse[1:], 2)
