"""Masks of objects by casting rays at a labelled mesh (CrossOver spec 1.5).

Shape legend: N vertices, T triangles, H and W height and width of pictures, h and w of masks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.data.scans.votes import counted_pixels
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster


class LabelMasks:
    """Sees the objects of a mesh from cameras of one kind.

    Args:
        caster: Casts the rays.
        mesh: (N,) vertices and (T,) triangles in the frame of the scan; without triangles nothing is seen.
        instance: (N,) identifier of each vertex's object, 0 for none.
        intrinsics: (3, 3) of pictures, the centres of whose pixels have whole coordinates.
        size: H, W of the pictures.
        quarter_turns: Counter-clockwise turns by 90 degrees of the masks.
    """

    def __init__(
        self,
        caster: RayCaster,
        mesh: Mesh,
        instance: NDArray[np.integer],
        intrinsics: NDArray[np.float64],
        size: tuple[int, int],
        quarter_turns: int,
    ) -> None:
        rows, columns = counted_pixels(size)
        self._size, self._turns = (len(rows), len(columns)), quarter_turns
        self._scene = caster.scene(mesh) if len(mesh.faces) else None
        # A triangle belongs to the object of its first vertex; what rays miss, to none.
        self._of_face = np.append(instance[mesh.faces[:, 0]], 0)
        pixels = np.stack([*np.meshgrid(columns, rows), np.ones(self._size)], axis=-1)
        self._directions = pixels.reshape(-1, 3) @ np.linalg.inv(intrinsics).T

    def seen(self, pose: NDArray[np.float64]) -> NDArray[np.integer]:
        """Return (h, w), or (w, h) after an odd number of turns: the identifier of each pixel's object, 0 for none.

        Of large pictures only the pixels that are counted are looked at.

        Args:
            pose: (4, 4) from the camera to the frame of the scan.
        """
        if self._scene is None:
            return np.rot90(np.zeros(self._size, np.int32), self._turns)
        rays = np.empty((len(self._directions), 6), np.float32)
        rays[:, :3] = pose[:3, 3]
        rays[:, 3:] = self._directions @ pose[:3, :3].T
        face = self._scene.cast(rays).face
        return np.rot90(self._of_face[face].reshape(self._size), self._turns)
