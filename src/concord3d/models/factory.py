"""Build a point encoder from the ``encoder`` part of a run configuration."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from concord3d.models.encoder_settings import encoder_settings
from concord3d.models.projected import in_tower_space
from concord3d.models.weights import load_weights, read_tensors


def build_point_encoder(settings: Mapping[str, Any]) -> nn.Module:
    """Build a point encoder with random weights.

    Args:
        settings: The ``encoder`` section, e.g. ``{"name": "dgcnn", "k": 15, "emb_dims": 1024}``.

    Returns:
        A module from (B, N, in_channels) points to (B, feature_dim) features, with these two attributes.

    Raises:
        ConfigError: See :func:`concord3d.models.encoder_settings.encoder_settings`.
    """
    parsed = encoder_settings(settings)
    module, _, name = parsed.builder.partition(":")
    encoder: nn.Module = getattr(import_module(module), name)(**parsed.model_dump())
    return encoder


def load_point_encoder(settings: Mapping[str, Any], path: Path) -> nn.Module:
    """Build a point encoder and load weights of a training into it.

    An encoder that its training gave a projection into a tower's space gets it here too; only the weights know how wide
    that is.

    Args:
        settings: The ``encoder`` section of the training.
        path: Weights written by the training.

    Raises:
        ConfigError: See :func:`build_point_encoder`.
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    encoder = point_encoder_of(settings, read_tensors(path)[0])
    load_weights(encoder, path)
    return encoder


def point_encoder_of(settings: Mapping[str, Any], tensors: Mapping[str, Tensor], prefix: str = "") -> nn.Module:
    """Build a point encoder with random weights, in the form that weights of a training have.

    Args:
        settings: The ``encoder`` section of the training.
        tensors: The weights.
        prefix: What the names of the encoder's tensors begin with.

    Raises:
        ConfigError: See :func:`build_point_encoder`.
    """
    encoder = build_point_encoder(settings)
    projection = tensors.get(f"{prefix}projection.weight")
    if projection is not None and not hasattr(encoder, "backbone_dim"):
        encoder = in_tower_space(encoder, len(projection))
    return encoder
