"""MinkResNet34: composition, invariances, training and refusals (MM-Mixing spec 2.3)."""

from __future__ import annotations

import pytest
import torch
from tests.models.encoder_checks import bfloat16_error, losses_of_training, same_bits_twice
from torch import nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.factory import build_point_encoder
from concord3d.models.mink_resnet import MinkResNet34
from concord3d.models.sparse_conv import SparseConv

SMALL = {"name": "mink_resnet34", "width": 4, "out_dim": 24, "voxel_mm": 150}


def _points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _count(modules: list[nn.Module]) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters(recurse=False))


@pytest.fixture(scope="module")
def full() -> MinkResNet34:
    with torch.device("meta"):
        return MinkResNet34()


def test_parameter_count_of_the_specification(full):
    modules = list(full.modules())
    assert _count(modules) == 41_327_104
    head = [layer for layer in full.head if isinstance(layer, nn.Linear)]
    shortcuts = [m for m in modules if isinstance(m, nn.Linear) and m not in head]
    convolutions = [m for m in modules if isinstance(m, SparseConv)] + shortcuts
    assert (len(convolutions), len(head)) == (42, 3)
    assert _count(convolutions) == 36_853_184 and _count(head) == 4_457_728
    assert _count([m for m in modules if isinstance(m, nn.BatchNorm1d)]) == 16_192
    # The specification counts 41.31M without the normalisations.
    assert f"{(_count(convolutions) + _count(head)) / 1e6:.2f}" == "41.31"


def test_widths_of_the_full_size(full):
    assert (full.in_channels, full.feature_dim, full.backbone_dim) == (6, 1280, 2048)
    assert [layer.conv.in_channels for layer in full.tail] == [480, 512]


def test_shapes_training_and_batch_independence():
    encoder = build_point_encoder(SMALL)
    points = _points(3, 60, 6)
    features = encoder(points)
    assert features.shape == (3, encoder.feature_dim) == (3, 24) and features.dtype == torch.float32
    features.square().mean().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    encoder.eval()
    backbone = encoder.backbone_features(points)
    assert backbone.shape == (3, encoder.backbone_dim) == (3, 256)
    torch.testing.assert_close(encoder.head(backbone), encoder(points))
    torch.testing.assert_close(encoder(points[1:2]), encoder(points)[1:2], rtol=1e-4, atol=1e-5)


def test_the_order_of_the_points_does_not_matter():
    encoder = build_point_encoder(SMALL).eval()
    points = _points(2, 80, 6)
    permuted = points[:, torch.randperm(80, generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(encoder(permuted), encoder(points), rtol=1e-4, atol=1e-5)


def test_two_passes_give_the_same_bits():
    encoder = build_point_encoder(SMALL)
    encoder.head[3].p = 0.0
    assert same_bits_twice(encoder, _points(2, 200, 6))


def test_colour_and_gradient_reach_the_points():
    encoder = build_point_encoder(SMALL).eval()
    points = _points(2, 50, 6).requires_grad_()
    encoder(points).sum().backward()
    assert (points.grad.abs().sum((0, 1)) > 0).all()
    grey = points.detach().clone()
    grey[..., 3:] = 0.4
    assert not torch.allclose(encoder(grey), encoder(points))


def test_training_lowers_a_loss():
    torch.manual_seed(0)
    encoder = MinkResNet34(in_channels=3, out_dim=16, voxel_mm=200, width=2)
    losses = losses_of_training(encoder, 16, num_clouds=6, num_points=40, num_steps=10)
    assert losses[-1] < 0.3 * losses[0]


def test_bfloat16_autocast():
    assert bfloat16_error(build_point_encoder(SMALL), _points(2, 80, 6)) < 0.1


def test_one_cloud_in_training_and_in_evaluation():
    encoder = build_point_encoder(SMALL)
    points = _points(1, 60, 6)
    with pytest.raises(BadCloud, match="more than one cloud"):
        encoder(points)
    assert encoder.backbone_features(points).shape == (1, 256)
    assert torch.isfinite(encoder.eval()(points)).all()


def test_clouds_of_one_voxel():
    encoder = build_point_encoder(SMALL)
    points = torch.full((2, 8, 6), 0.4)
    assert torch.isfinite(encoder(points)).all()
    with pytest.raises(BadCloud, match="more than one voxel"):
        encoder(points[:1])
    assert torch.isfinite(encoder.eval()(points[:1])).all()


@pytest.mark.parametrize(
    "points",
    [
        torch.zeros(2, 10, 3),
        torch.zeros(10, 6),
        torch.zeros(2, 0, 6),
        torch.full((2, 10, 6), torch.nan),
        torch.full((2, 10, 6), torch.inf),
    ],
    ids=["channels", "axes", "empty", "nan", "infinite"],
)
def test_clouds_that_do_not_fit(points):
    with pytest.raises(BadCloud):
        build_point_encoder(SMALL).eval()(points)


def test_settings_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"'in_channels'.*greater than or equal to 3.*found 2"):
        build_point_encoder({**SMALL, "in_channels": 2})
    with pytest.raises(ConfigError, match=r"encoder\.in_channels"):
        MinkResNet34(in_channels=2)
    with pytest.raises(ConfigError, match="did you mean 'voxel_mm'"):
        build_point_encoder({**SMALL, "voxel_nm": 2})
    encoder = build_point_encoder(SMALL)
    encoder.path = "spconf"
    with pytest.raises(ConfigError, match="convolution path"):
        encoder(_points(2, 10, 6))
