"""What happens to a picture before the image encoder sees it; part of a tower's identity.

Shape legend: B batch, H and W image height and width, C channels, s side of the encoder's input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as pictures

from concord3d.errors import ConfigError

RESIZE_MODES = ("shortest", "longest", "squash")
# "random" is a way of training; such encoders are used with bicubic.
INTERPOLATIONS = {
    "bicubic": InterpolationMode.BICUBIC,
    "bilinear": InterpolationMode.BILINEAR,
    "random": InterpolationMode.BICUBIC,
}


@dataclass(frozen=True)
class Preprocess:
    """Size and normalisation of an image encoder's input.

    Attributes:
        size: s.
        mean: Subtracted per channel, of values in [0, 1].
        std: Divided by per channel.
        interpolation: ``bicubic``, ``bilinear`` or ``random``, always with antialiasing.
        resize_mode: ``shortest`` (then the middle is cut out), ``longest`` (then the border is filled) or ``squash``.
        fill_color: Grey of the filled border.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Preprocess:
        """Read open_clip's form.

        Raises:
            ConfigError: A value is not one that can be carried out.
        """
        size = config["size"]
        sides = {int(side) for side in size} if isinstance(size, (tuple, list)) else {int(size)}
        mean, std = tuple(map(float, config["mean"])), tuple(map(float, config["std"]))
        known = config["interpolation"] in INTERPOLATIONS and config["resize_mode"] in RESIZE_MODES
        if len(sides) != 1 or not known or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ConfigError(
                "A tower's preprocessing cannot be carried out",
                where="preprocess_cfg",
                expected="a square size, three means and positive deviations, "
                f"interpolation among {[*INTERPOLATIONS]}, resize_mode among {RESIZE_MODES}",
                found=dict(config),
            )
        fill = int(config["fill_color"])
        return cls(sides.pop(), mean, std, config["interpolation"], config["resize_mode"], fill)

    def to_config(self) -> dict[str, Any]:
        """Return open_clip's form, as plain JSON."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std), "mode": "RGB"}

    def resize(self, images: Tensor) -> Tensor:
        """Bring pictures to the encoder's size, rounded to whole values as image libraries do.

        Args:
            images: (B, H, W, C) uint8, C = 3 or 1 (repeated).

        Returns:
            (B, 3, s, s) uint8.
        """
        stack = images.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        height, width = stack.shape[2:]
        if height == width == self.size:
            return stack
        mode = INTERPOLATIONS[self.interpolation]
        if self.resize_mode == "squash":
            return pictures.resize(stack, [self.size, self.size], mode, antialias=True)
        if self.resize_mode == "shortest":
            return pictures.center_crop(pictures.resize(stack, [self.size], mode, antialias=True), [self.size])
        scale = self.size / max(height, width)
        target = [max(1, round(height * scale)), max(1, round(width * scale))]
        small = pictures.resize(stack, target, mode, antialias=True)
        rest_y, rest_x = self.size - target[0], self.size - target[1]
        border = [rest_x // 2, rest_y // 2, rest_x - rest_x // 2, rest_y - rest_y // 2]
        return pictures.pad(small, border, fill=self.fill_color)

    def normalize(self, images: Tensor) -> Tensor:
        """Remove mean and deviation from (B, 3, s, s) floats in [0, 1]."""
        mean = torch.tensor(self.mean, dtype=images.dtype, device=images.device)[:, None, None]
        std = torch.tensor(self.std, dtype=images.dtype, device=images.device)[:, None, None]
        return (images - mean) / std
