"""EfficientNet-Lite0 by timm, with weights in the names of the release that the package brings.

Shape legend: B batch, H and W image height and width, C channels, s side of the encoder's input.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.errors import ConfigError, DependencyMissing
from concord3d.features.converted_weights import read_released_tensors
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.packaged_weights import PACKAGED, find_packaged_file
from concord3d.features.preprocess import Preprocess
from concord3d.features.tower import check_pictures
from concord3d.features.tower_config import PATCH_SIZE
from concord3d.models.weights import load_matching

NAME = "efficientnet_lite0"
DIM = PACKAGED[NAME].dim
# Activations of a few pictures stay in a CPU's cache: at 224 pixels 4 at a time cost half of what 32 do.
BATCHES = {"cpu": 4, "cuda": 256}
# The last map is 32 times smaller than the input; below this it has no whole pixel.
SMALLEST = 32
_MEAN, _STD = (0.498,) * 3, (0.502,) * 3
_STAGES = (1, 2, 2, 3, 3, 4, 1)
# How many of these a trunk has, and the channels of its map, by how many times smaller the map is than the picture.
_TRUNKS = {8: (3, 40), 16: (5, 112)}
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
# The first block does not widen its input; timm then counts from another layer.
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def import_timm() -> ModuleType:
    """Return timm.

    Raises:
        DependencyMissing: It is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise DependencyMissing("timm cannot be imported", found=error, next_step="pip install timm") from error
    module: ModuleType = timm
    return module


def in_names_of_timm(released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the release under timm's names, without the classifier.

    Args:
        released: Tensors as in ``efficientnet-lite-pytorch``, such as ``_blocks.3._bn0.weight``.
    """
    places = [f"blocks.{stage}.{block}" for stage, repeats in enumerate(_STAGES) for block in range(repeats)]
    names = {f"{theirs}.": f"{ours}." for theirs, ours in _OUTSIDE.items()}
    for index, place in enumerate(places):
        parts = _LATER if index else _FIRST
        names |= {f"_blocks.{index}.{theirs}.": f"{place}.{ours}." for theirs, ours in parts.items()}
    renamed = {}
    for name, value in released.items():
        prefix, _, last = name.rpartition(".")
        if prefix != "_fc":
            renamed[names.get(f"{prefix}.", f"{prefix}.") + last] = value
    return renamed


def preprocess_at(image_size: int) -> Preprocess:
    """Return what happens to pictures before the encoder sees them.

    Args:
        image_size: s.
    """
    # The authors' evaluation resizes bicubically. Nothing is cut away: rendered objects reach the border.
    return Preprocess(image_size, _MEAN, _STD, "bicubic", "squash")


def identity_at(image_size: int) -> dict[str, Any]:
    """Return everything that decides the encoder's features, as plain JSON.

    Args:
        image_size: s.
    """
    return {
        "architecture": {"name": NAME, "feature": "mean over the last map"},
        "preprocess": preprocess_at(image_size).to_config(),
        "weights_sha256": PACKAGED[NAME].files["weights"].sha256,
        "precision": "fp32",
    }


class EfficientNetLite:
    """A frozen EfficientNet-Lite0 without its classifier; the mean over its last map is the feature.

    Args:
        network: timm's model, with its weights or to receive them.
        image_size: s.
    """

    def __init__(self, network: nn.Module, image_size: int) -> None:
        self._preprocess = preprocess_at(image_size)
        self.network: Any = network.to(memory_format=torch.channels_last).eval().requires_grad_(False)
        self.dim, self.image_size, self.identity = DIM, image_size, identity_at(image_size)

    @classmethod
    def build(cls, image_size: int) -> EfficientNetLite:
        """Build the encoder; see :func:`concord3d.features.frozen_encoders.build_picture_encoder`."""
        if image_size < SMALLEST:
            raise ConfigError(
                "Pictures are too small for this encoder",
                where="image_size",
                expected=f"at least {SMALLEST} pixels",
                found=image_size,
            )
        return cls(_architecture(), image_size)

    @classmethod
    def open(cls, image_size: int, device: str, weights_folder: Path | None) -> EfficientNetLite:
        """Build the encoder with its weights; see :func:`concord3d.features.frozen_encoders.open_picture_encoder`."""
        encoder, target = cls.build(image_size), resolve_device(device)
        load_matching(encoder.network, _released(weights_folder))
        encoder.network.to(target)
        return encoder

    @torch.inference_mode()
    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, 1280) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated).

        Raises:
            BadPictures: Another form of array.
        """
        check_pictures(images)
        features = np.empty((len(images), DIM), np.float32)
        device = next(self.network.parameters()).device
        batch = BATCHES[device.type]
        for start in range(0, len(images), batch):
            rows = slice(start, start + batch)
            pixels = torch.from_numpy(np.ascontiguousarray(images[rows])).to(device)
            ready = self._preprocess.normalize(self._preprocess.resize(pixels).float() / 255)
            last_map: Tensor = self.network.forward_features(ready.contiguous(memory_format=torch.channels_last))
            features[rows] = last_map.mean((2, 3)).cpu().numpy()
        return features


def _architecture() -> Any:
    return import_timm().create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)


def _released(weights_folder: Path | None) -> dict[str, Tensor]:
    path = find_packaged_file(PACKAGED[NAME], "weights", weights_folder)
    store = None if weights_folder is None else weights_folder / "converted"
    return in_names_of_timm(read_released_tensors(path, PACKAGED[NAME].files["weights"].sha256, store))


class Lite0Trunk(nn.Module):
    """The first stages of EfficientNet-Lite0 with random weights.

    Without gradients a few pictures at a time pass through it.

    Args:
        stride: How many times smaller the map is than the picture: 16 (five stages, 112 channels), or 8 (three, 40).

    Attributes:
        patch_size: The stride.
        channels: Of the map.

    Raises:
        ConfigError: Another stride.
    """

    def __init__(self, stride: int = PATCH_SIZE) -> None:
        super().__init__()
        if stride not in _TRUNKS:
            raise ConfigError("No such trunk", where="stride", expected=" or ".join(map(str, _TRUNKS)), found=stride)
        whole = _architecture()
        stages, self.channels = _TRUNKS[stride]
        self.patch_size = stride
        self.conv_stem, self.bn1, self.blocks = whole.conv_stem, whole.bn1, whole.blocks[:stages]
        self.to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the (B, channels, H / stride, W / stride) map of (B, 3, H, W) normalised pixels."""
        ready = pixels.contiguous(memory_format=torch.channels_last)
        if torch.is_grad_enabled() or not len(ready):
            return self._map(ready)
        return torch.cat([self._map(part) for part in ready.split(BATCHES[ready.device.type])])

    def _map(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.blocks(self.bn1(self.conv_stem(pixels)))
        return found

    def load_released(self, weights_folder: Path | None) -> None:
        """Take the weights of the release; see :func:`concord3d.features.frozen_encoders.open_trunk`."""
        load_matching(self, _released(weights_folder))
