"""Pre-trained encoders of pictures and of sentences, each with a space of features of its own, by name.

Unlike a tower (:mod:`concord3d.features.tower`), such an encoder knows pictures alone or texts alone. Its weights come
from an ordinary Python package (:mod:`concord3d.features.packaged_weights`). The lower part of a picture encoder, its
trunk, may be trained further.

Shape legend: B batch, H and W image height and width, C channels, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError, nearest

if TYPE_CHECKING:
    from torch import nn

    from concord3d.features.efficientnet_adapter import Lite0Trunk

PICTURE_ENCODERS: tuple[str, ...] = ("efficientnet_lite0",)
SENTENCE_ENCODERS: tuple[str, ...] = ("all_minilm_l6_v2", "wordllama_256")


class PictureEncoder(Protocol):
    """A frozen encoder of pictures.

    Attributes:
        dim: D.
        image_size: Pixels of each side that it sees.
        identity: Everything that decides the features: architecture, preprocessing and weights, as plain JSON.
        network: Its weights; it computes on the device that they are on.
    """

    dim: int
    image_size: int
    identity: dict[str, Any]

    @property
    def network(self) -> nn.Module: ...

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated).

        Raises:
            BadPictures: Another form of array.
        """
        ...


class SentenceEncoder(Protocol):
    """A frozen encoder of sentences.

    Attributes:
        dim: D.
        identity: Everything that decides the features: architecture, tokens and weights, as plain JSON.
    """

    dim: int
    identity: dict[str, Any]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) unit vectors; of a text longer than 256 tokens only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
        """
        ...


def picture_identity(name: str, image_size: int) -> dict[str, Any]:
    """Return the identity of an encoder of pictures, without its weights.

    Args:
        name: One of ``PICTURE_ENCODERS``.
        image_size: Pixels of each side that it sees.

    Raises:
        ConfigError: The name is unknown.
    """
    _check_name(name, PICTURE_ENCODERS, "picture encoder")
    from concord3d.features.efficientnet_adapter import identity_at

    return identity_at(image_size)


def sentence_identity(name: str) -> dict[str, Any]:
    """Return the identity of an encoder of sentences, without its weights.

    Args:
        name: One of ``SENTENCE_ENCODERS``.

    Raises:
        ConfigError: The name is unknown.
    """
    _check_name(name, SENTENCE_ENCODERS, "sentence encoder")
    from concord3d.features.sentence_encoders import identity_of

    return identity_of(name)


def open_picture_encoder(
    name: str, image_size: int = 224, device: str = "auto", weights_folder: Path | None = None
) -> PictureEncoder:
    """Build a frozen encoder of pictures in evaluation mode.

    Args:
        name: One of ``PICTURE_ENCODERS``.
        image_size: Pixels of each side that it sees, at least 32; pictures are resized to a square of this size.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        weights_folder: Where its weights may lie under their released name, and where their converted form is kept;
            None for the installed package and the hub alone, without a converted form.

    Raises:
        ConfigError: The name is unknown, the size is too small, or there is no such device.
        DependencyMissing: timm is not installed.
        TowerWeightsMissing: There are no weights; the message says which package has them.
        CheckpointCorrupt, TowerMismatch: The weights are not those that are known.
    """
    _check_name(name, PICTURE_ENCODERS, "picture encoder")
    from concord3d.features.efficientnet_adapter import EfficientNetLite

    return EfficientNetLite.open(image_size, device, weights_folder)


def new_trunk(name: str, stride: int = 16) -> Lite0Trunk:
    """Build the lower part of a picture encoder with random weights, which are then loaded from a trained tower.

    Args:
        name: One of ``PICTURE_ENCODERS``.
        stride: How many times smaller its map is than the picture.

    Raises:
        ConfigError: The name is unknown.
        DependencyMissing: timm is not installed.
    """
    _check_name(name, PICTURE_ENCODERS, "picture encoder")
    from concord3d.features.efficientnet_adapter import Lite0Trunk

    return Lite0Trunk(stride)


def open_trunk(name: str, weights_folder: Path | None = None, stride: int = 16) -> Lite0Trunk:
    """Build the lower part of a picture encoder with the weights of its release.

    Args:
        name: One of ``PICTURE_ENCODERS``.
        weights_folder: See :func:`open_picture_encoder`.
        stride: How many times smaller its map is than the picture.

    Raises:
        ConfigError: The name is unknown.
        DependencyMissing: timm is not installed.
        TowerWeightsMissing: There are no weights; the message says which package has them.
        CheckpointCorrupt, TowerMismatch: The weights are not those that are known.
    """
    trunk = new_trunk(name, stride)
    trunk.load_released(weights_folder)
    return trunk


def open_frozen_trunk(name: str, device: str = "auto", weights_folder: Path | None = None) -> Lite0Trunk:
    """Build the lower part of a picture encoder as :func:`open_trunk` does, in evaluation mode on a device."""
    from concord3d.features.open_clip_adapter import resolve_device

    return open_trunk(name, weights_folder).eval().to(resolve_device(device))


def build_picture_encoder(name: str, image_size: int = 224) -> PictureEncoder:
    """Build a frozen encoder of pictures without its weights, on the CPU: they are read into its ``network`` next.

    Args:
        name: One of ``PICTURE_ENCODERS``.
        image_size: As for :func:`open_picture_encoder`.

    Raises:
        ConfigError: The name is unknown, or the size is too small.
        DependencyMissing: timm is not installed.
    """
    _check_name(name, PICTURE_ENCODERS, "picture encoder")
    from concord3d.features.efficientnet_adapter import EfficientNetLite

    return EfficientNetLite.build(image_size)


def open_sentence_encoder(name: str, device: str = "auto", weights_folder: Path | None = None) -> SentenceEncoder:
    """Build a frozen encoder of sentences in evaluation mode.

    Args:
        name: One of ``SENTENCE_ENCODERS``.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        weights_folder: Where its weights and its tokenizer may lie under their released names; None for the installed
            package and the hub alone.

    Raises:
        ConfigError: The name is unknown, or there is no such device.
        DependencyMissing: tokenizers is not installed.
        TowerWeightsMissing: There are no weights; the message says which package has them.
        CheckpointCorrupt, TowerMismatch: The weights are not those that are known.
    """
    _check_name(name, SENTENCE_ENCODERS, "sentence encoder")
    from concord3d.features.sentence_encoders import open_encoder

    return open_encoder(name, device, weights_folder)


def _check_name(name: str, known: tuple[str, ...], kind: str) -> None:
    if name not in known:
        raise ConfigError(
            f"Unknown {kind} '{name}'{nearest(name, known)}", where="name", expected=f"one of {known}", found=name
        )
