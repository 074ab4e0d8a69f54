"""A point encoder with a linear projection into the space of a frozen tower.

Shapes: B clouds, N points, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from concord3d.errors import ConfigError


class ProjectedEncoder(nn.Module):
    """Give an encoder whose output belongs to no tower's space an output that does.

    Args:
        backbone: Encoder with integers ``feature_dim`` and ``in_channels``, (B, N, in_channels) -> (B, feature_dim).
        out_dim: Width of the projection.

    Attributes:
        in_channels: Channels per input point.
        backbone_dim: Width before the projection.
        feature_dim: Width of the output.
    """

    def __init__(self, backbone: nn.Module, out_dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.in_channels = _integer(backbone, "in_channels")
        self.backbone_dim = _integer(backbone, "feature_dim")
        self.feature_dim = out_dim
        self.projection = nn.Linear(self.backbone_dim, out_dim)

    def backbone_features(self, points: Tensor) -> Tensor:
        """Return (B, backbone_dim) features of (B, N, in_channels) clouds, before the projection."""
        features: Tensor = self.backbone(points)
        return features

    def forward(self, points: Tensor) -> Tensor:
        """Return (B, feature_dim) projected features of (B, N, in_channels) clouds."""
        projected: Tensor = self.projection(self.backbone_features(points))
        return projected


def _integer(module: nn.Module, name: str) -> int:
    value = getattr(module, name, None)
    if not isinstance(value, int):
        raise TypeError(f"{type(module).__name__} has no integer {name}")
    return value


def in_tower_space(encoder: nn.Module, target_dim: int) -> nn.Module:
    """Return an encoder whose output has the width of a tower's features.

    Args:
        encoder: Point encoder with ``feature_dim``. One that projects by itself has ``backbone_dim``.
        target_dim: Width of the tower's features.

    Returns:
        The encoder, or a :class:`ProjectedEncoder` around one of another width that does not project by itself.

    Raises:
        ConfigError: The encoder projects to another width.
    """
    width = _integer(encoder, "feature_dim")
    if width == target_dim:
        return encoder
    if hasattr(encoder, "backbone_dim"):
        raise ConfigError(
            "The encoder's output and the tower's features differ in width",
            where="encoder.out_dim",
            expected=target_dim,
            found=width,
            next_step=f"set encoder.out_dim: {target_dim}",
        )
    return ProjectedEncoder(encoder, target_dim)


def input_channels(encoder: nn.Module) -> int:
    """Return an encoder's ``in_channels``.

    Raises:
        ConfigError: It is neither 3 (coordinates) nor 6 (coordinates and colour).
    """
    channels = getattr(encoder, "in_channels", None)
    if not isinstance(channels, int) or channels not in (3, 6):
        raise ConfigError(
            f"{type(encoder).__name__} does not take clouds with or without colour",
            where="encoder.in_channels",
            expected="3 (xyz) or 6 (xyz and rgb)",
            found=channels,
        )
    return channels


def require_same_form(teacher: nn.Module, encoder: nn.Module) -> nn.Module:
    """Return the teacher.

    Raises:
        ConfigError: It takes other clouds or gives features of another width than the encoder.
    """
    own, other = ((_integer(module, "feature_dim"), input_channels(module)) for module in (encoder, teacher))
    if own != other:
        raise ConfigError(
            "The teacher's output width or input channels differ from the encoder's",
            where="teacher",
            expected=own,
            found=other,
        )
    return teacher
