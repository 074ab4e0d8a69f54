"""VoxelNet computes what dense convolutions do at the places that hold something, and refuses another grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.models.encoder_settings import encoder_settings
from concord3d.models.factory import build_point_encoder
from concord3d.models.sparse_conv import sparse_convolve
from concord3d.models.sparse_spreading import Spreading, Steps
from concord3d.models.voxel_net import STRIDE, VoxelNet, bilinear_at
from concord3d.models.weights import load_weights, save_weights

SMALL = {"name": "voxel_net", "reach_mm": 3200, "cell_mm": [400, 200], "widths": [4, 4, 4, 4], "out_width": 6}


def sweeps(seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, 4, generator=generator) for count in (90, 60)]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((3, 3, 3), (2, 2, 2), (1, 1, 1)), ((3, 3, 3), (2, 2, 2), (1, 1, 0)), ((1, 1, 3), (1, 1, 2), (0, 0, 0))],
)
def test_spreading_is_a_dense_convolution(kernel: Steps, stride: Steps, padding: Steps) -> None:
    shape = (7, 6, 9)
    generator = torch.Generator().manual_seed(0)
    occupied = (torch.rand(2, *shape, generator=generator) < 0.1).nonzero().int()
    features = torch.randn(len(occupied), 3, generator=generator)
    weight = torch.randn(kernel[0] * kernel[1] * kernel[2], 3, 5, generator=generator)
    spreading = Spreading(kernel, stride, padding)
    book = spreading.rules(occupied, shape)
    found = sparse_convolve(features, weight, book)
    dense = torch.zeros(2, *shape, 3)
    dense[tuple(occupied.long().T)] = features
    filters = weight.view(*kernel, 3, 5).permute(4, 3, 0, 1, 2)
    expected = functional.conv3d(dense.permute(0, 4, 1, 2, 3), filters, stride=stride, padding=padding)
    assert tuple(expected.shape[2:]) == spreading.out_shape(shape)
    sweep, x, y, z = book.out_coordinates.long().T
    torch.testing.assert_close(found, expected[sweep, :, x, y, z], atol=1e-4, rtol=1e-4)
    # Where it has no voxel the dense result is 0.
    rest = expected.clone()
    rest[sweep, :, x, y, z] = 0
    assert not rest.any()


def test_the_published_shape() -> None:
    network = VoxelNet()
    assert network.map_shape == (128, 128) and network.feature_dim == 128
    assert [shape[2] for shape in network._shapes] == [40, 20, 10, 4, 1]
    convolutions = sum(p.numel() for name, p in network.named_parameters() if "conv" in name)
    assert (
        convolutions == 27 * (4 * 16 + 16 * 16 + 16 * 32 + 2 * 32**2 + 32 * 64 + 2 * 64**2 + 3 * 64**2) + 3 * 64 * 128
    )


def test_maps_hold_what_lies_there_and_batches_are_sweeps_side_by_side() -> None:
    torch.manual_seed(0)
    network = build_point_encoder(SMALL).eval()
    assert isinstance(network, VoxelNet)
    maps = network.maps(sweeps())
    assert maps.shape == (2, 6, 2, 2) and maps.abs().max() > 0
    torch.testing.assert_close(maps, torch.cat([network.maps([each]) for each in sweeps()]))
    # Points in the corner at the greatest x and the least y are seen in that corner alone.
    corner = torch.tensor([[2.9, -2.9, 0.0, 0.5]])
    seen = VoxelNet(reach_mm=12800, cell_mm=(400, 200), widths=(4, 4, 4, 4), out_width=6).eval()
    there = seen.maps([corner * torch.tensor([4.0, 4.0, 1, 1])])[0].abs().sum(0).nonzero()
    assert len(there) and (there[:, 0] >= 6).all() and (there[:, 1] <= 1).all()


def test_points_take_what_is_around_them() -> None:
    torch.manual_seed(0)
    network = build_point_encoder(SMALL).eval()
    assert isinstance(network, VoxelNet)
    points = [*sweeps(), torch.tensor([[-3.2, -3.2, 0.0, 0.0], [40.0, 0.0, 0.0, 0.0]])]
    voxels, features = network.encode(points)
    assert features.shape == (152, 6)
    maps = network.maps(points)
    # A map's first value lies at the corner of the grid; far outside there is nothing.
    torch.testing.assert_close(features[150], maps[2, :, 0, 0])
    assert not features[151].any()
    rows = voxels.rows(torch.tensor([1, 0]), torch.tensor([5, 7]))
    assert rows.tolist() == [95, 7]
    place = network.grid.scaled(points[1][5:6, :3])[:, :2] / STRIDE
    torch.testing.assert_close(features[95:96], bilinear_at(maps, torch.tensor([1]), place))


def test_bilinear_values() -> None:
    maps = torch.arange(12.0).view(1, 1, 3, 4)
    places = torch.tensor([[0.0, 0.0], [1.25, 2.5], [2.0, 3.0], [2.5, 3.0], [-0.5, 0.0], [9.0, 9.0]])
    found = bilinear_at(maps, torch.zeros(6, dtype=torch.long), places)[:, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 7.5, 11.0, 5.5, 0.0, 0.0]))


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    network = build_point_encoder(SMALL).train()
    assert isinstance(network, VoxelNet)
    network.encode(sweeps())[1].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_another_grid_is_refused(tmp_path: Path) -> None:
    save_weights(build_point_encoder(SMALL), tmp_path / "weights")
    with pytest.raises(ConfigError, match=r"(?s)another grid.*cell_mm"):
        load_weights(build_point_encoder({**SMALL, "cell_mm": [800, 200]}), tmp_path / "weights")
    with pytest.raises(CheckpointCorrupt):
        load_weights(build_point_encoder({**SMALL, "out_width": 8}), tmp_path / "weights")


@pytest.mark.parametrize(
    ("told", "words"),
    [({"reach_mm": 3000}, "reach_mm"), ({"span_mm": [0, 1000]}, "span_mm"), ({"voxel_mm": 3}, "voxel_mm")],
)
def test_impossible_settings(told: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        encoder_settings({**SMALL, **told})
