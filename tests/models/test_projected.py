import pytest
import torch
from torch import nn

from concord3d.errors import ConfigError
from concord3d.models.pointnet import PointNet
from concord3d.models.projected import ProjectedEncoder, in_tower_space, input_channels, require_same_form


@pytest.mark.parametrize("in_channels", [3, 6])
def test_the_output_is_a_linear_map_of_the_backbones(in_channels: int) -> None:
    encoder = ProjectedEncoder(PointNet(in_channels), 7).eval()
    assert (encoder.in_channels, encoder.backbone_dim, encoder.feature_dim) == (in_channels, 1024, 7)
    points = torch.randn(2, 20, in_channels, generator=torch.Generator().manual_seed(0))
    before = encoder.backbone_features(points)
    assert before.shape == (2, 1024)
    expected = before @ encoder.projection.weight.T + encoder.projection.bias
    torch.testing.assert_close(encoder(points), expected, atol=1e-5, rtol=1e-5)


def test_a_backbone_must_say_its_widths() -> None:
    with pytest.raises(TypeError, match="Linear has no integer in_channels"):
        ProjectedEncoder(nn.Linear(3, 4), 7)


def test_only_encoders_of_another_width_that_do_not_project_are_wrapped() -> None:
    plain = PointNet()
    assert in_tower_space(plain, 1024) is plain
    wrapped = in_tower_space(plain, 8)
    assert isinstance(wrapped, ProjectedEncoder) and wrapped.backbone is plain and wrapped.feature_dim == 8
    assert in_tower_space(wrapped, 8) is wrapped
    with pytest.raises(ConfigError, match=r"encoder\.out_dim: 9"):
        in_tower_space(wrapped, 9)


def test_channels_and_forms_are_compared() -> None:
    assert input_channels(PointNet()) == 3 and input_channels(PointNet(6)) == 6
    with pytest.raises(ConfigError, match="does not take clouds"):
        input_channels(nn.Linear(3, 4))
    teacher = PointNet()
    assert require_same_form(teacher, PointNet()) is teacher
    with pytest.raises(ConfigError, match="teacher"):
        require_same_form(PointNet(6), PointNet())
