"""Build a point encoder from the ``encoder`` part of a run configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from torch import nn

from concord3d.errors import ConfigError, nearest
from concord3d.models.dgcnn import DGCNN
from concord3d.models.dgcnn_partseg import DGCNNPartSeg
from concord3d.models.dgcnn_semseg import DGCNNSemSeg
from concord3d.models.pointnet import PointNet

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "dgcnn": DGCNN,
    "pointnet": PointNet,
    "dgcnn_partseg": DGCNNPartSeg,
    "dgcnn_semseg": DGCNNSemSeg,
}


def build_point_encoder(settings: Mapping[str, Any]) -> nn.Module:
    """Build a point encoder with random weights.

    Args:
        settings: ``name`` and the arguments of that encoder, e.g. ``{"name": "dgcnn", "k": 15, "emb_dims": 1024}``.

    Returns:
        A module from (B, N, 3) points to (B, feature_dim) features, with attribute ``feature_dim``.

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
