"""Build a point encoder from the ``encoder`` part of a run configuration."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

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
    encoder = build_point_encoder(settings)
    projection = read_tensors(path)[0].get("projection.weight")
    if projection is not None and not hasattr(encoder, "backbone_dim"):
        encoder = in_tower_space(encoder, len(projection))
    load_weights(encoder, path)
    return encoder
