"""From the buffers of a renderer to the pictures that a view specification asks for.

Shape legend: V views, H and W image height and width, C channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.photo import photo_background
from concord3d.render.interface import Views
from concord3d.render.view_spec import ViewSpec

_CAMERA_DISTANCE = 2.6  # of orbit_cameras
_DEPTH_GREY_RANGE = 200


def finished_pictures(views: Views, spec: ViewSpec, object_hash: str) -> NDArray[np.uint8]:
    """Return (V, H, W, C) pictures of one object.

    Args:
        views: What the renderer saw.
        spec: Says whether colours, depths or photographs are wanted.
        object_hash: Hex digest of the object; with ``spec.seed`` it decides lights and backgrounds of photographs.
    """
    if spec.content == "depth":
        return depth_to_grey(views.depth)
    if spec.content == "color":
        return views.color
    rng = np.random.default_rng([spec.seed, int(object_hash[:16], 16)])
    return photo_background(views.color, views.mask, views.normal, rng)


def depth_to_grey(depth: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Map (…, H, W) depths of an object in the unit sphere to (…, H, W, 1) grey: near 0, far 200, background 255."""
    fraction = np.clip((depth - (_CAMERA_DISTANCE - 1)) / 2, 0, 1)
    return np.where(depth > 0, np.rint(_DEPTH_GREY_RANGE * fraction), 255).astype(np.uint8)[..., None]
