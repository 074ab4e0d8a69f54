"""Open3D adapter: pictures of what exact ray casting on the CPU meets.

Shape legend: V views, H and W image height and width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster
from concord3d.render.interface import Views, directions_to_camera, shade_hits


class Open3DRenderer:
    """Shades what the rays through the pixels of all views meet.

    Args:
        num_threads: Threads; 0 uses all cores. The pictures do not depend on it.
    """

    name = "open3d"

    def __init__(self, num_threads: int = 0) -> None:
        self._caster = RayCaster(num_threads)
        self.library = self._caster.library
        self._cameras: Cameras | None = None
        self._toward_camera: NDArray[np.float32] = np.empty((3, 0), np.float32)

    def render(self, mesh: Mesh, cameras: Cameras) -> Views:
        """Draw ``mesh`` from every camera.

        Args:
            mesh: At least one triangle; both sides of a face are seen.
            cameras: V cameras.

        Raises:
            BadMesh: No faces, broken indices or coordinates that are not finite.
        """
        hits = self._caster.cast(mesh, cameras)
        if self._cameras is not cameras:
            # Lines of sight of the last cameras are kept, they serve a whole data set.
            self._cameras, self._toward_camera = cameras, directions_to_camera(cameras)
        return shade_hits(mesh, cameras, hits.face, hits.depth, self._toward_camera, self._caster.num_threads)
