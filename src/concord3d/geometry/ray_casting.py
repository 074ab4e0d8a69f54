"""Which face of a mesh a ray meets first, by exact ray casting on the CPU; no window and no GPU needed.

Shape legend: V views, H and W image height and width, R rays.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import DependencyMissing, SystemLibraryMissing
from concord3d.geometry.cameras import Cameras, pixel_directions
from concord3d.geometry.mesh import Mesh

# Debian's packages of the libraries that Open3D loads.
SYSTEM_PACKAGES = {"libusb": "libusb-1.0-0", "libGL": "libgl1", "libEGL": "libegl1", "libgomp": "libgomp1"}
_ABSENT = "cannot open shared object file"


@dataclass(frozen=True)
class Hits:
    """What the rays through the pixel centres meet first.

    Attributes:
        face: (V, H, W) int32 index of the face seen, -1 where there is none.
        depth: (V, H, W) float32 z in the camera frame, 0 where there is no face.
    """

    face: NDArray[np.int32]
    depth: NDArray[np.float32]


@dataclass(frozen=True)
class RayHits:
    """What single rays meet first.

    Attributes:
        face: (R,) int32 index of the face, -1 where there is none.
        distance: (R,) float32 in lengths of the ray's direction, infinite where there is no face.
    """

    face: NDArray[np.int32]
    distance: NDArray[np.float32]


class RayScene:
    """A mesh that many rays are cast at; :meth:`RayCaster.scene` makes it."""

    def __init__(self, open3d: ModuleType, mesh: Mesh, num_threads: int) -> None:
        mesh = mesh.validated()
        self._core, self._num_threads = open3d.core, num_threads
        self._scene = open3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._core.Tensor(np.ascontiguousarray(mesh.vertices, dtype=np.float32)),
            self._core.Tensor(np.ascontiguousarray(mesh.faces, dtype=np.uint32)),
        )

    def cast(self, rays: NDArray[np.float32]) -> RayHits:
        """Cast rays.

        Args:
            rays: (R, 6) float32 origin and direction; both sides of a face are hit.
        """
        hits = self._scene.cast_rays(self._core.Tensor.from_numpy(rays), nthreads=self._num_threads)
        # The mark of a miss, the greatest unsigned number, is -1 when read as signed.
        return RayHits(hits["primitive_ids"].numpy().view(np.int32), hits["t_hit"].numpy())


class RayCaster:
    """Casts rays at meshes; of cameras, one ray through the middle of each pixel of all views at once.

    Args:
        num_threads: Threads; 0 uses all cores. What is seen does not depend on it.
    """

    def __init__(self, num_threads: int = 0) -> None:
        self._open3d = import_open3d()
        self.library = f"open3d {self._open3d.__version__}"
        self.num_threads = num_threads or len(os.sched_getaffinity(0))
        self._cameras: Cameras | None = None
        self._rays: NDArray[np.float32] = np.empty((0, 0, 0, 6), np.float32)

    def scene(self, mesh: Mesh) -> RayScene:
        """Return a mesh made ready for rays.

        Args:
            mesh: At least one triangle.

        Raises:
            BadMesh: No faces, broken indices or coordinates that are not finite.
        """
        return RayScene(self._open3d, mesh, self.num_threads)

    def cast(self, mesh: Mesh, cameras: Cameras) -> Hits:
        """Look at ``mesh`` from every camera.

        Args:
            mesh: At least one triangle; both sides of a face are seen.
            cameras: V cameras.

        Raises:
            BadMesh: No faces, broken indices or coordinates that are not finite.
        """
        scene = self.scene(mesh)
        windows = _windows(mesh, cameras)
        rays = self._rays_of(cameras)
        packed = np.concatenate([rays[view, rows, columns].reshape(-1, 6) for view, rows, columns in windows])
        hits = scene.cast(packed)
        # Rays have z = 1 in the camera frame, so the distance is the depth.
        seen_depth, seen_face = hits.distance, hits.face
        depth = np.zeros(rays.shape[:3], np.float32)
        face = np.full(rays.shape[:3], -1, np.int32)
        start = 0
        for view, rows, columns in windows:
            shape = face[view, rows, columns].shape
            stop = start + shape[0] * shape[1]
            face[view, rows, columns] = seen_face[start:stop].reshape(shape)
            depth[view, rows, columns] = np.where(
                seen_face[start:stop] >= 0, seen_depth[start:stop], np.float32(0)
            ).reshape(shape)
            start = stop
        return Hits(face, depth)

    def _rays_of(self, cameras: Cameras) -> NDArray[np.float32]:
        """Rays of the last cameras are kept, they serve a whole data set."""
        if self._cameras is not cameras:
            self._cameras, self._rays = cameras, pixel_rays(cameras)
        return self._rays


def _windows(mesh: Mesh, cameras: Cameras) -> list[tuple[int, slice, slice]]:
    """Return the rectangle of pixels that the mesh can touch in each view: rays elsewhere need not be cast."""
    used = np.zeros(len(mesh.vertices), bool)
    used[mesh.faces] = True
    camera = cameras.rotation.astype(np.float32) @ np.ascontiguousarray(mesh.vertices[used].T)
    camera += cameras.translation.astype(np.float32)[:, :, None]
    windows = []
    for view, (x, y, z) in enumerate(camera):
        rows, columns = slice(0, cameras.height), slice(0, cameras.width)
        # A mesh that reaches behind the camera has no bounded picture.
        if z.min() > 1e-6:
            columns = _interval(cameras.focal * (x / z) + cameras.width / 2, cameras.width)
            rows = _interval(cameras.focal * (y / z) + cameras.height / 2, cameras.height)
        windows.append((view, rows, columns))
    return windows


def _interval(positions: NDArray[np.float32], limit: int) -> slice:
    """Return the pixels from the least to the greatest position, one more on each side, inside [0, limit)."""
    bounds = np.clip([np.floor(positions.min()) - 1, np.ceil(positions.max()) + 1], 0, limit)
    return slice(int(bounds[0]), int(bounds[1]))


def pixel_rays(cameras: Cameras) -> NDArray[np.float32]:
    """Return (V, H, W, 6) float32: origin and direction in the world, direction with z = 1 in the camera frame."""
    rays = np.empty((len(cameras), cameras.height, cameras.width, 6), np.float32)
    rays[..., :3] = cameras.centers[:, None, None]
    rays[..., 3:] = np.einsum("hwi,vij->vhwj", pixel_directions(cameras), cameras.rotation)
    return rays


def install_line() -> str:
    """Return the command that installs what Open3D loads, on Debian and its relatives."""
    return f"sudo apt-get install -y {' '.join(SYSTEM_PACKAGES.values())}"


def import_open3d() -> ModuleType:
    """Import Open3D.

    Raises:
        SystemLibraryMissing: A system library it loads is absent; the message gives the command that installs it.
        DependencyMissing: It is not installed.
    """
    try:
        import open3d
    except ModuleNotFoundError as error:
        raise DependencyMissing(
            "Open3D is not installed",
            found=error,
            next_step="make setup, or in the clone: pip install '.[render]'",
        ) from error
    except (ImportError, OSError) as error:
        missing = [package for library, package in SYSTEM_PACKAGES.items() if library in str(error)]
        if not missing and _ABSENT not in str(error):
            raise DependencyMissing(
                "Open3D is installed but cannot be imported",
                found=error,
                next_step="pip install --force-reinstall open3d-cpu==0.20.0",
            ) from error
        raise SystemLibraryMissing(
            "A system library that Open3D needs is absent",
            expected=", ".join(missing) or "the system's package that has this file",
            found=error,
            next_step=install_line() if missing else "install that package, then the same command again",
        ) from error
    return open3d
