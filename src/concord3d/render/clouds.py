"""Depth pictures of bare clouds as a view specification asks for them.

Shape legend: B clouds, N points, V views, H and W image height and width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.render.pictures import depth_to_grey
from concord3d.render.points import depth_views, realistic_projection
from concord3d.render.view_spec import POINT_SETS, ViewSpec


def cloud_pictures(points: Tensor, spec: ViewSpec) -> Tensor:
    """Draw depth pictures of clouds.

    Args:
        points: (B, N, 3) float, any position and scale, y up.
        spec: A set of bare points, or a ring drawn by ``points`` (splats of the cloud scaled to the unit sphere).

    Returns:
        (B, V, H, W, 1) uint8.

    Raises:
        BadCloud: Wrong shape, or coordinates that are not finite.
        ConfigError: ``spec`` is not for clouds.
    """
    if spec.renderer != "points":
        raise ConfigError("These views cannot be drawn from clouds", where="renderer", found=spec.renderer)
    if spec.view_set in POINT_SETS:
        return realistic_projection(points, spec.image_size, POINT_SETS[spec.view_set])[..., None]
    clouds = points.cpu().numpy()
    centred = clouds - (clouds.min(axis=1, keepdims=True) + clouds.max(axis=1, keepdims=True)) / 2
    radius = np.linalg.norm(centred, axis=2).max(axis=1)[:, None, None]
    unit = torch.from_numpy(centred / np.maximum(radius, 1e-12))
    splat = max(1, round(spec.image_size / 64))
    return torch.from_numpy(depth_to_grey(depth_views(unit, spec.cameras(), radius_px=splat).numpy()))
