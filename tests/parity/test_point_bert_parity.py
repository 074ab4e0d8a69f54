"""Sampling, balls and Point-BERT against literal transcriptions, forward and backward (MM-Mixing spec 2.2)."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
import torch
from tests.parity import literal_point_bert as literal
from torch import Tensor, nn

from concord3d.geometry import grouping
from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.grouping import ball_query, gather_points
from concord3d.models.point_bert import PointBERT


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _cloud(kind: str, num_clouds: int, num_points: int, dtype: torch.dtype, seed: int) -> Tensor:
    points = torch.rand(num_clouds, num_points, 3, generator=_generator(seed)) * 2 - 1
    if kind == "lattice":
        # Multiples of 1/4: exact ties of distances, and points at exactly the radius.
        points = (points * 4).round() / 4
    if kind == "duplicates":
        points[:, num_points // 3 :] = points[:, :1]
    if kind == "far":
        points = points + torch.tensor([700.0, -300.0, 50.0])
    return points.to(dtype)


KINDS = ("uniform", "lattice", "duplicates", "far")
SIZES = [(1, 1, 1), (2, 7, 7), (3, 40, 9), (1, 90, 30), (4, 33, 5)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_farthest_points(size, kind, dtype):
    num_clouds, num_points, num_samples = size
    points = _cloud(kind, num_clouds, num_points, dtype, seed=num_points)
    found = farthest_point_sample(points, num_samples)
    assert torch.equal(found, literal.literal_farthest_points(points, num_samples))


@pytest.mark.parametrize("search", [grouping._members_by_tree, grouping._members_by_distances])
@pytest.mark.parametrize("radius", [0.25, 0.75, 5.0])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "num_neighbours"), list(zip(SIZES, (1, 10, 4, 64, 6), strict=True)), ids=str)
def test_balls(monkeypatch, size, num_neighbours, kind, radius, search):
    monkeypatch.setattr(grouping, "_members_by_distances", search)
    num_clouds, num_points, num_centres = size
    points = _cloud(kind, num_clouds, num_points, torch.float64, seed=num_points + 1)
    centres = points[:, :num_centres]
    found = ball_query(points, centres, radius, num_neighbours)
    assert torch.equal(found, literal.literal_ball_query(points, centres, radius, num_neighbours))


@pytest.mark.parametrize("kind", KINDS)
def test_both_searches_agree_in_single_precision(kind):
    points = _cloud(kind, 3, 500, torch.float32, seed=5)
    centres = gather_points(points, farthest_point_sample(points, 20))
    results = []
    for search in (grouping._members_by_tree, grouping._members_by_distances):
        found = [grouping._first_of_each(*piece, 16) for piece in search(points, centres, 0.5)]
        results.append(torch.cat(found))
    assert torch.equal(*results)


def test_real_shapes_and_the_search_by_tree(mirror: Path):
    with h5py.File(next((mirror / "modelnet40_ply_hdf5_2048").glob("*test*.h5")), "r") as store:
        points = torch.from_numpy(store["data"][:3].astype("float32"))
    assert points.shape[1] * 200 > grouping._CPU_CHUNK_ELEMENTS
    samples = farthest_point_sample(points, 200)
    assert torch.equal(samples[:, :25], literal.literal_farthest_points(points, 25))
    centres = gather_points(points, samples)
    found = ball_query(points, centres, 0.2, 32)
    exact = points.double(), centres[:, :25].double()
    assert torch.equal(found[:, :25], literal.literal_ball_query(*exact, 0.2, 32))


def _pair(in_channels: int, generator: torch.Generator) -> tuple[PointBERT, nn.Module]:
    settings = {"in_channels": in_channels, "out_dim": 7, "depth": 2, "width": 12, "mlp_width": 10, "num_heads": 3}
    fast = PointBERT(**settings, num_groups=6, group_channels=5, group_size=8, radius_mm=700).double()
    with torch.no_grad():
        for norm in fast.groups.norms:
            norm.weight.copy_(torch.randn(norm.weight.shape, generator=generator))
            norm.bias.copy_(0.3 * torch.randn(norm.bias.shape, generator=generator))
            norm.running_mean.copy_(torch.randn(norm.bias.shape, generator=generator))
            norm.running_var.copy_(0.5 + torch.rand(norm.bias.shape, generator=generator))
        fast.class_token.copy_(torch.randn(12, generator=generator))
    slow = literal.LiteralPointBERT(**settings, groups=(6, 5, 8, 0.7)).double()
    literal.copy_point_bert(fast, slow)
    return fast, slow


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("in_channels", [3, 6])
def test_network_equals_literal(in_channels, training):
    generator = _generator(in_channels)
    fast, slow = _pair(in_channels, generator)
    points = torch.rand(3, 40, in_channels, dtype=torch.float64, generator=generator)
    upstream = torch.randn(3, 7, dtype=torch.float64, generator=generator)
    results = []
    for module in (fast.train(training), slow.train(training)):
        own = points.clone().requires_grad_()
        output = module(own)
        (output * upstream).sum().backward()
        results.append((output.detach(), own.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    gradients = [
        (fast.lift.weight.grad, slow.lift.weight.grad[:, :, 0]),
        (fast.class_token.grad, slow.class_token.grad),
    ]
    for linear, convolution in zip(fast.groups.linears, slow.convolutions, strict=True):
        gradients.append((linear.weight.grad, convolution.weight.grad[:, :, 0, 0]))
    for ours, theirs in zip(fast.groups.norms, slow.norms, strict=True):
        gradients.append((ours.weight.grad, theirs.weight.grad))
    for ours, theirs in zip(fast.blocks, slow.blocks, strict=True):
        parts = [layer.weight.grad for layer in (theirs.queries, theirs.keys, theirs.values)]
        gradients.append((ours.to_queries_keys_values.weight.grad, torch.cat(parts)))
        gradients.append((ours.to_output.weight.grad, theirs.output.weight.grad))
    for ours, theirs in gradients:
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)
    for ours, theirs in zip(fast.groups.norms, slow.norms, strict=True):
        torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_groups_on_a_gpu_equal_those_on_a_cpu():
    points = _cloud("uniform", 4, 600, torch.float32, seed=11)
    samples = farthest_point_sample(points, 40)
    centres = gather_points(points, samples)
    assert torch.equal(farthest_point_sample(points.cuda(), 40).cpu(), samples)
    assert torch.equal(ball_query(points.cuda(), centres.cuda(), 0.4, 16).cpu(), ball_query(points, centres, 0.4, 16))
