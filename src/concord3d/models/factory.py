"""Build a point encoder from the ``encoder`` part of a run configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.errors import ConfigError, nearest
from concord3d.models.dgcnn import DGCNN
from concord3d.models.dgcnn_partseg import DGCNNPartSeg
from concord3d.models.dgcnn_semseg import DGCNNSemSeg
from concord3d.models.mink_resnet import MinkResNet34
from concord3d.models.point_bert import PointBERT
from concord3d.models.pointnet import PointNet
from concord3d.models.projected import in_tower_space
from concord3d.models.weights import load_weights, read_tensors

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "dgcnn": DGCNN,
    "pointnet": PointNet,
    "dgcnn_partseg": DGCNNPartSeg,
    "dgcnn_semseg": DGCNNSemSeg,
    "point_bert": PointBERT,
    "mink_resnet34": MinkResNet34,
}


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
    if name not in _BUILDERS:
        hint = nearest(str(name), tuple(_BUILDERS))
        raise ConfigError(f"Unknown point encoder '{name}'{hint}", where="encoder.name", expected=sorted(_BUILDERS))
    builder = _BUILDERS[name]
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
