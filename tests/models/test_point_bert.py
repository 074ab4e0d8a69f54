"""Point-BERT: sizes, invariances, training and refusals (MM-Mixing spec 2.2)."""

from __future__ import annotations

import pytest
import torch
from tests.models.encoder_checks import bfloat16_error, losses_of_training, same_bits_twice
from torch import nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.factory import build_point_encoder
from concord3d.models.point_bert import GroupEmbedding, PointBERT

SMALL = {
    "name": "point_bert",
    "out_dim": 24,
    "depth": 2,
    "width": 32,
    "mlp_width": 48,
    "num_heads": 4,
    "num_groups": 8,
    "group_channels": 16,
    "group_size": 6,
    "radius_mm": 500,
}


def _points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _sized(depth, width, mlp_width, num_groups, group_channels, radius_mm, group_size) -> PointBERT:
    """One of the specification's sizes; its heads are 64 wide."""
    with torch.device("meta"):
        return PointBERT(
            depth=depth,
            width=width,
            mlp_width=mlp_width,
            num_heads=width // 64,
            num_groups=num_groups,
            group_channels=group_channels,
            radius_mm=radius_mm,
            group_size=group_size,
        )


@pytest.mark.parametrize(
    ("size", "millions"),
    [
        ((6, 256, 1024, 64, 96, 400, 256), "5.10"),
        ((6, 512, 1024, 64, 128, 400, 256), "13.35"),
        ((12, 512, 1024, 128, 128, 350, 128), "25.95"),
        ((12, 512, 1536, 384, 256, 200, 64), "32.33"),
        ((12, 768, 2304, 512, 256, 200, 64), "72.07"),
    ],
    ids=str,
)
def test_parameter_counts_of_the_specification(size, millions):
    assert f"{_count(_sized(*size)) / 1e6:.2f}" == millions


def test_the_defaults_are_the_full_size():
    with torch.device("meta"):
        encoder = PointBERT()
    assert _count(encoder) == _count(_sized(12, 512, 1536, 384, 256, 200, 64)) == 32_326_080
    assert (encoder.in_channels, encoder.feature_dim, encoder.backbone_dim) == (6, 1280, 512)
    groups = encoder.groups
    assert (groups.num_groups, groups.group_size, groups.radius) == (384, 64, 0.2)


@pytest.mark.parametrize("in_channels", [3, 6])
def test_shapes_training_and_batch_independence(in_channels):
    encoder = build_point_encoder({**SMALL, "in_channels": in_channels})
    points = _points(3, 40, in_channels)
    features = encoder(points)
    assert features.shape == (3, encoder.feature_dim) == (3, 24) and features.dtype == torch.float32
    features.square().mean().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    encoder.eval()
    backbone = encoder.backbone_features(points)
    assert backbone.shape == (3, encoder.backbone_dim) == (3, 32)
    torch.testing.assert_close(encoder.projection(backbone), encoder(points))
    torch.testing.assert_close(encoder(points[1:2]), encoder(points)[1:2], rtol=1e-4, atol=1e-5)


def test_only_the_first_point_matters_where_balls_hold_everything():
    encoder = build_point_encoder({**SMALL, "group_size": 40}).eval()
    points = _points(2, 40, 6)
    order = 1 + torch.randperm(39, generator=torch.Generator().manual_seed(1))
    permuted = points[:, torch.cat([torch.zeros(1, dtype=torch.int64), order])]
    torch.testing.assert_close(encoder(permuted), encoder(points), rtol=1e-4, atol=1e-5)


def test_two_passes_give_the_same_bits():
    assert same_bits_twice(build_point_encoder(SMALL), _points(2, 50, 6))


def test_colour_and_gradient_reach_the_points():
    encoder = build_point_encoder(SMALL).eval()
    points = _points(2, 40, 6).requires_grad_()
    encoder(points).sum().backward()
    assert (points.grad.abs().sum((0, 1)) > 0).all()
    grey = points.detach().clone()
    grey[..., 3:] = 0.4
    assert not torch.allclose(encoder(grey), encoder(points))


def test_training_lowers_a_loss():
    torch.manual_seed(0)
    encoder = build_point_encoder({**SMALL, "in_channels": 3})
    losses = losses_of_training(encoder, 24, num_clouds=8, num_points=40, num_steps=15)
    assert losses[-1] < 0.3 * losses[0]


def test_bfloat16_autocast():
    assert bfloat16_error(build_point_encoder(SMALL), _points(2, 40, 6)) < 0.1


def test_duplicated_and_collapsed_clouds_stay_finite():
    encoder = build_point_encoder(SMALL)
    points = _points(2, 40, 6)
    points[0, 5:] = points[0, 0]
    points[1] = 0.4
    output = encoder(points)
    output.sum().backward()
    assert torch.isfinite(output).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


def test_one_cloud_in_training():
    assert torch.isfinite(build_point_encoder(SMALL)(_points(1, 40, 6))).all()


def test_as_many_groups_as_points_and_more():
    encoder = build_point_encoder(SMALL).eval()
    assert encoder(_points(2, 8, 6)).shape == (2, 24)
    with pytest.raises(BadCloud, match="fewer points than groups") as caught:
        encoder(_points(2, 7, 6))
    assert "encoder.num_groups" in str(caught.value)


@pytest.mark.parametrize(
    "points",
    [
        torch.zeros(2, 10, 3),
        torch.zeros(10, 6),
        torch.full((2, 10, 6), torch.nan),
        torch.cat([torch.zeros(2, 10, 5), torch.full((2, 10, 1), torch.inf)], 2),
    ],
    ids=["channels", "axes", "nan", "infinite colour"],
)
def test_clouds_that_do_not_fit(points):
    with pytest.raises(BadCloud):
        build_point_encoder(SMALL)(points)


def test_a_single_neighbour_has_no_batch_statistics():
    groups = GroupEmbedding(3, 4, num_groups=1, group_size=1, radius=0.1)
    with pytest.raises(BadCloud, match="more than one neighbour"):
        groups(_points(1, 5, 3))
    assert groups.eval()(_points(1, 5, 3))[1].shape == (1, 1, 4)


def test_settings_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"'in_channels'.*greater than or equal to 3.*found 2"):
        build_point_encoder({**SMALL, "in_channels": 2})
    with pytest.raises(ConfigError, match=r"'num_heads' must divide 'width' \(5 heads, width 32\)"):
        build_point_encoder({**SMALL, "num_heads": 5})
    with pytest.raises(ConfigError, match=r"encoder\.num_heads"):
        PointBERT(width=32, num_heads=5)
    with pytest.raises(ConfigError, match=r"encoder\.in_channels"):
        PointBERT(in_channels=2)
    with pytest.raises(ConfigError, match="did you mean 'num_groups'"):
        build_point_encoder({**SMALL, "num_group": 8})
