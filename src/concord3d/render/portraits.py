"""One picture of an object for people: larger than the views that encoders learn from, in colour if it has some.

Shape legend: n pictured objects, N points, H = W = ``PORTRAIT_PIXELS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.errors import RenderError
from concord3d.geometry.cameras import orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render.interface import Renderer
from concord3d.render.points import realistic_projection

PORTRAIT_PIXELS = 224
# A little to the side of the front and above it: three faces of a box are seen.
AZIMUTH, ELEVATION = 30.0, 25.0
# PointCLIP V2's view from an azimuth of 45 degrees.
CLOUD_VIEW = 0


def mesh_portraits(meshes: Iterable[tuple[str, Mesh]], names: Sequence[str], renderer: Renderer) -> NDArray[np.uint8]:
    """Draw some meshes in colour, each scaled to the unit sphere.

    Args:
        meshes: Meshes with their names, y up, among them all that are drawn; others are passed over.
        names: n names of those that are drawn.
        renderer: Draws.

    Returns:
        (n, H, W, 3), in the order of ``names``.

    Raises:
        BadMesh: A mesh cannot be drawn.
        RenderError: There is no mesh of a name.
    """
    camera = orbit_cameras([AZIMUTH], [ELEVATION], image_size=PORTRAIT_PIXELS)
    wanted = set(names)
    drawn = {
        name: renderer.render(mesh.validated(name).normalized(), camera).color[0]
        for name, mesh in meshes
        if name in wanted
    }
    absent = [name for name in names if name not in drawn]
    if absent:
        raise RenderError(
            "There are no meshes of shapes to be drawn",
            expected=f"{len(wanted)} names of the split",
            found=f"{len(absent)} without a mesh, such as '{absent[0]}'",
        )
    return np.stack([drawn[name] for name in names])


def cloud_portraits(points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Draw depth pictures of bare clouds: near is dark.

    Args:
        points: (n, N, 3), any position and scale, y up.

    Returns:
        (n, H, W, 1).

    Raises:
        BadCloud: Wrong shape, or coordinates that are not finite.
    """
    clouds = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))
    return realistic_projection(clouds, PORTRAIT_PIXELS, (CLOUD_VIEW,))[:, 0, :, :, None].numpy()
