"""The sparse network of whole scans: size, invariances, scans without points, refusals (CrossOver spec 3.4)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud
from concord3d.models.factory import build_point_encoder
from concord3d.models.scene_resnet import SceneResNet
from concord3d.models.sparse_conv import SparseConv

SMALL = {"name": "scene_resnet", "voxel_mm": 100, "width": 4, "blocks": [2, 1]}


def scans(*sizes: int, seed: int = 0) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.rand((size, 6), generator=draw) * torch.tensor([4.0, 3, 2, 1, 1, 1]) for size in sizes]


def small() -> SceneResNet:
    torch.manual_seed(0)
    network = build_point_encoder(SMALL)
    assert isinstance(network, SceneResNet)
    return network


def test_the_size_of_the_paper() -> None:
    with torch.device("meta"):
        network = SceneResNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 70_554_816
    convolutions = [module for module in network.modules() if isinstance(module, SparseConv)]
    # 34 layers less the linear one, and one above the stages; shortcuts are linear maps.
    assert len(convolutions) == 34 and network.feature_dim == 512
    assert len([module for module in network.modules() if isinstance(module, nn.Linear)]) == 4


def test_the_last_map_has_voxels_of_192() -> None:
    network = SceneResNet(width=2, blocks=(1, 1, 1, 1)).eval()
    seen = []
    network.last.register_forward_hook(lambda module, told, output: seen.append(output))
    points = torch.zeros(2, 6)
    # In a scan that is counted from its lowest voxel, 191 voxels of 0.02 m further is the same one, 192 is another.
    for distance, expected in ((191.5, 1), (192.5, 2)):
        points[1, 0] = 0.02 * distance
        network([points + 0.001])
        assert len(seen[-1].features) == expected
    assert seen[-1].stride == 192


def test_shapes_gradients_and_independence_of_the_batch() -> None:
    network, clouds = small(), scans(200, 300, 150)
    features = network(clouds)
    assert features.shape == (3, network.feature_dim) == (3, 8)
    features.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    network.eval()
    torch.testing.assert_close(network(clouds[1:2]), network(clouds)[1:2], rtol=1e-4, atol=1e-5)


def test_a_scan_may_lie_anywhere_and_has_the_colours_of_first_points() -> None:
    network, [cloud] = small().eval(), scans(200)
    moved = cloud.clone()
    # By whole voxels, and not by a whole voxel of the coarser grids.
    moved[:, :3] += torch.tensor([0.7, -1.3, 0.5])
    torch.testing.assert_close(network([moved]), network([cloud]), rtol=1e-3, atol=1e-4)
    doubled = torch.cat([cloud, torch.cat([cloud[:, :3], 1 - cloud[:, 3:]], 1)])
    assert torch.equal(network([doubled]), network([cloud]))
    assert not torch.allclose(network([doubled.flip(0)]), network([cloud]))


def test_scans_without_points_are_zeros() -> None:
    network, [one, other] = small().eval(), scans(100, 120)
    features = network([one[:0], one, one[:0], other, one[:0]])
    assert not features[[0, 2, 4]].any()
    torch.testing.assert_close(features[[1, 3]], network([one, other]))


def test_two_passes_give_the_same_bits() -> None:
    network, clouds = small(), scans(200, 150)
    results = []
    for _ in range(2):
        network.zero_grad()
        output = network(clouds)
        output.square().sum().backward()
        results.append([output.detach(), *(parameter.grad.clone() for parameter in network.parameters())])
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))


@pytest.mark.parametrize(
    "clouds", [[torch.rand(5, 4)], [torch.rand(0, 6)], [torch.full((3, 6), float("nan"))], [torch.rand(5, 6) * 1e5]]
)
def test_what_is_no_scan_is_refused(clouds: list[Tensor]) -> None:
    with pytest.raises(BadCloud):
        small().eval()(clouds)
