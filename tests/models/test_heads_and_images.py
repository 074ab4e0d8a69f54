"""Heads and image encoders."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from concord3d.errors import ConfigError
from concord3d.models.heads import ClassifierHead, projection_head_2d, projection_head_3d
from concord3d.models.image_resnet import image_encoder


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_heads_of_the_released_checkpoints():
    assert _count(projection_head_3d(2048, 1024, 512)) == 2_625_024
    assert _count(projection_head_3d(2048, 1024, 128)) == 2_231_424


def test_image_head_has_no_bias():
    head = projection_head_2d(2048, 512, 256)
    assert _count(head) == 2048 * 512 + 2 * 512 + 512 * 256
    assert head(torch.randn(3, 2048, generator=torch.Generator().manual_seed(0))).shape == (3, 256)


def test_classifier_head():
    head = ClassifierHead(32, 7)
    features = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    head.eval()
    assert head(features).shape == (4, 7)
    assert torch.equal(head(features), head(features))
    assert [module.p for module in head.modules() if isinstance(module, nn.Dropout)] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "channels", "width"),
    [("resnet18", 3, 512), ("resnet50", 3, 2048), ("resnet10_32", 3, 256), ("resnet18", 1, 512)],
)
def test_image_encoders(name, channels, width):
    encoder = image_encoder(name, channels)
    images = torch.rand(2, channels, 32, 32, generator=torch.Generator().manual_seed(0))
    assert encoder.feature_dim == width
    assert encoder(images).shape == (2, width)
    assert not any(name.startswith("network.fc") for name in encoder.state_dict())


def test_unknown_image_encoder_and_wrong_channels():
    with pytest.raises(ConfigError, match="did you mean 'resnet18'"):
        image_encoder("resnet-18")
    with pytest.raises(ConfigError, match="do not fit"):
        image_encoder("resnet10_32")(torch.zeros(1, 1, 32, 32))
