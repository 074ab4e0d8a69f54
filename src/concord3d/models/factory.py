"""Build a point encoder from the ``encoder`` part of a run configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.errors import ConfigError, nearest
from concord3d.models.projected import in_tower_space
from concord3d.models.table import ENCODERS
from concord3d.models.weights import load_weights, read_tensors


def build_point_encoder(settings: Mapping[str, Any]) -> nn.Module:
    """Build a point encoder with random weights.

    Args:
        settings: ``name`` and the arguments of that encoder, e.g. ``{"name": "dgcnn", "k": 15, "emb_dims": 1024}``.

    Returns:
        A module from (B, N, in_channels) points to (B, feature_dim) features, with these two attributes.

    Raises:
        ConfigError: The name or an argument is unknown, or a value is not a positive integer.
    """
    arguments = dict(settings)
    name = arguments.pop("name", None)
    if name not in ENCODERS:
        hint = nearest(str(name), tuple(ENCODERS))
        raise ConfigError(f"Unknown point encoder '{name}'{hint}", where="encoder.name", expected=sorted(ENCODERS))
    module, _, builder_name = ENCODERS[name].partition(":")
    builder: Callable[..., nn.Module] = getattr(import_module(module), builder_name)
    known = tuple(signature(builder).parameters)
    for key, value in arguments.items():
        if key not in known:
            hint = nearest(key, known)
            raise ConfigError(f"Unknown setting '{key}' of encoder '{name}'{hint}", where="encoder", expected=known)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError("Not a positive integer", where=f"encoder.{key}", found=value)
    return builder(**arguments)


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
