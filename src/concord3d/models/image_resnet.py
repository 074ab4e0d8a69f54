"""Image encoders: torchvision residual networks with random initialisation and no classifier (MM-Point spec 2.4).

Shapes: B images, H x W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet, resnet18, resnet50

from concord3d.errors import ConfigError, nearest
from concord3d.models.image_encoder_names import IMAGE_ENCODERS

_TEMPORARY_CLASSES = 1


class ImageEncoder(nn.Module):
    """A residual network whose output is its pooled feature.

    Args:
        network: A torchvision ResNet; its classifier is removed.
        in_channels: Image channels; other than 3 replaces the first convolution.
    """

    def __init__(self, network: ResNet, in_channels: int = 3) -> None:
        super().__init__()
        self.feature_dim = network.fc.in_features
        self.in_channels = in_channels
        network.fc = nn.Identity()
        if in_channels != network.conv1.in_channels:
            network.conv1 = _convolution_like(network.conv1, in_channels)
        # Channels innermost: the same convolutions, about 1.4 times faster on a CPU.
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Encode (B, in_channels, H, W) float images into (B, feature_dim) features.

        Raises:
            ConfigError: The images have another number of channels.
        """
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ConfigError(
                "Images do not fit the encoder", expected=f"(B, {self.in_channels}, H, W)", found=tuple(images.shape)
            )
        features: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return features


def image_encoder(name: str, in_channels: int = 3) -> ImageEncoder:
    """Build an image encoder with random weights.

    ``resnet50`` (2,048-d) is the lineage of the paper (CrossPoint's encoder; what MM-Point itself used is not
    confirmed). ``resnet18`` (512-d) is a budget option. ``resnet10_32`` (256-d) is a small budget option of ours for
    images of about 32 pixels: one block per stage, half the width, a 3x3 stem with stride 1 and no pooling;
    ``resnet10_16`` (128-d) has half of that width again and a stem of stride 2, a sixteenth of the operations.

    Args:
        name: One of the names above.
        in_channels: Image channels.

    Returns:
        The encoder, with attribute ``feature_dim``.

    Raises:
        ConfigError: The name is unknown.
    """
    builders: dict[str, Callable[[], ResNet]] = {
        "resnet18": lambda: resnet18(weights=None),
        "resnet50": lambda: resnet50(weights=None),
        "resnet10_32": lambda: _NarrowResNet(width=32, stem_stride=1),
        "resnet10_16": lambda: _NarrowResNet(width=16, stem_stride=2),
    }
    if name not in IMAGE_ENCODERS:
        raise ConfigError(
            f"Unknown image encoder '{name}'{nearest(name, IMAGE_ENCODERS)}",
            expected=sorted(IMAGE_ENCODERS),
            found=name,
        )
    if in_channels < 1:
        raise ConfigError("Images need at least one channel", found=in_channels)
    return ImageEncoder(builders[name](), in_channels)


class _NarrowResNet(ResNet):
    """ResNet with one basic block per stage and few channels, for small images.

    Args:
        width: Channels of the first stage (64 in the usual networks); they double with every stage.
        stem_stride: Stride of the 3x3 stem, which no pooling follows.
    """

    def __init__(self, width: int, stem_stride: int) -> None:
        super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=_TEMPORARY_CLASSES)
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, kernel_size=3, stride=stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, width, 1)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, 1, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, 1, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * width, 1, stride=2)
        self.fc = nn.Linear(8 * width, _TEMPORARY_CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _convolution_like(convolution: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    replaced = nn.Conv2d(
        in_channels,
        convolution.out_channels,
        kernel_size=(convolution.kernel_size[0], convolution.kernel_size[1]),
        stride=(convolution.stride[0], convolution.stride[1]),
        padding=(int(convolution.padding[0]), int(convolution.padding[1])),
        bias=False,
    )
    nn.init.kaiming_normal_(replaced.weight, mode="fan_out", nonlinearity="relu")
    return replaced
