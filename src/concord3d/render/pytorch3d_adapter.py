"""PyTorch3D adapter: batches of views on a GPU; it runs on the CPU too, tens of times slower than Open3D.

Shape legend: V views, H and W image height and width, F faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import DependencyMissing, RenderError
from concord3d.geometry.cameras import Cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render.interface import Views, shade_hits

_MAX_BINS = 21  # PyTorch3D's kernel takes fewer than 22 bins along a side
_BIN_BUDGET_BYTES = 1 << 30


@dataclass(frozen=True)
class RasterPlan:
    """How to call the rasteriser so that it cannot lose a face.

    Attributes:
        bin_size: Side of a coarse bin in pixels; 0 compares every face with every pixel.
        max_faces_per_bin: Room per bin: all faces of the mesh, because an overfull bin drops faces silently.
        views_per_call: Views rasterised together.
    """

    bin_size: int
    max_faces_per_bin: int
    views_per_call: int


def plan_rasterisation(num_faces: int, num_views: int, height: int, width: int, *, on_gpu: bool) -> RasterPlan:
    """Choose bins and batches: bins that hold every face, in at most 1 GiB, else the exhaustive method.

    Args:
        num_faces: F.
        num_views: V.
        height: H.
        width: W.
        on_gpu: The CPU kernel knows no bins.
    """
    bin_size = 8
    while -(-max(height, width) // bin_size) > _MAX_BINS:
        bin_size *= 2
    bins = -(-height // bin_size) * -(-width // bin_size)
    fitting = _BIN_BUDGET_BYTES // (4 * bins * num_faces)
    if not on_gpu or fitting == 0:
        return RasterPlan(0, num_faces, num_views if on_gpu else 1)
    return RasterPlan(bin_size, num_faces, int(min(num_views, fitting)))


class PyTorch3DRenderer:
    """Rasterises the mesh into all views together.

    Args:
        device: Torch device; ``auto`` is the GPU where there is one.

    Raises:
        DependencyMissing: PyTorch3D cannot be imported.
        RenderError: A GPU is demanded and torch sees none.
    """

    name = "pytorch3d"

    def __init__(self, device: str = "auto") -> None:
        self._pytorch3d = import_pytorch3d()
        self.library = f"pytorch3d {self._pytorch3d['version']}"
        import torch

        has_gpu = torch.cuda.is_available()
        self._device = torch.device(device if device != "auto" else "cuda" if has_gpu else "cpu")
        if self._device.type == "cuda" and not has_gpu:
            raise RenderError(
                "PyTorch3D was asked to draw on a GPU, but torch sees none",
                expected="a GPU whose driver fits the installed torch",
                found=f"torch {torch.__version__}",
                next_step="device=auto (or cpu) draws on the CPU; renderer=open3d does so much faster",
            )

    def render(self, mesh: Mesh, cameras: Cameras) -> Views:
        """Draw ``mesh`` from every camera.

        Args:
            mesh: At least one triangle; both sides of a face are seen.
            cameras: V cameras, all vertices in front of them.

        Raises:
            BadMesh: No faces, broken indices or coordinates that are not finite.
            RenderError: A vertex lies behind a camera.
        DependencyMissing: PyTorch3D was built without its GPU kernels and a GPU is used.
        """
        import torch

        mesh = mesh.validated()
        used, faces = np.unique(mesh.faces, return_inverse=True)
        corners = ndc_vertices(mesh.vertices[used], cameras)
        vertices = torch.from_numpy(corners).to(self._device)
        triangles = torch.from_numpy(faces.reshape(-1, 3).astype(np.int64)).to(self._device)
        plan = plan_rasterisation(
            len(mesh.faces), len(cameras), cameras.height, cameras.width, on_gpu=self._device.type == "cuda"
        )
        face, depth = [], []
        for part in vertices.split(plan.views_per_call):
            batch = self._pytorch3d["Meshes"](verts=list(part), faces=[triangles] * len(part))
            with _missing_gpu_kernels_named():
                pixel_face, pixel_depth, _, _ = self._pytorch3d["rasterize_meshes"](
                    batch,
                    image_size=(cameras.height, cameras.width),
                    blur_radius=0.0,
                    faces_per_pixel=1,
                    bin_size=plan.bin_size,
                    max_faces_per_bin=plan.max_faces_per_bin,
                    perspective_correct=True,
                    cull_backfaces=False,
                )
            # Faces are numbered through the batch.
            face.append(torch.where(pixel_face < 0, pixel_face, pixel_face % len(triangles))[..., 0].cpu().numpy())
            depth.append(pixel_depth[..., 0].cpu().numpy())
        return shade_hits(mesh, cameras, np.concatenate(face), np.concatenate(depth))


def ndc_vertices(vertices: NDArray[np.floating], cameras: Cameras) -> NDArray[np.float32]:
    """Project (N, 3) world points to PyTorch3D's device coordinates.

    There x points left, y up, the shorter side of the image spans [-1, 1], and z stays the depth in world units.

    Returns:
        (V, N, 3) float32.

    Raises:
        RenderError: A point lies behind a camera.
    """
    pixels, depth = cameras.project(vertices)
    if depth.min() <= 0:
        raise RenderError(
            "A mesh reaches behind a camera",
            expected="depth > 0 at every vertex",
            found=f"depth {depth.min():.4g} in view {int(depth.min(axis=1).argmin())}",
            next_step="move the camera away or draw this mesh with the open3d renderer",
        )
    middle = np.array([cameras.width / 2, cameras.height / 2])
    plane = (middle - pixels) / (min(cameras.width, cameras.height) / 2)
    return np.concatenate([plane, depth[..., None]], axis=-1).astype(np.float32)


def import_pytorch3d() -> dict[str, Any]:
    """Import the two names of PyTorch3D that are used, and its version.

    Raises:
        DependencyMissing: It is not installed, or was built for another torch.
    """
    try:
        from pytorch3d import __version__
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except (ImportError, OSError, AttributeError) as error:
        raise DependencyMissing(
            "PyTorch3D cannot be imported",
            expected="pytorch3d built for the installed torch",
            found=error,
            next_step="snakemake --sdm conda uses envs/pytorch3d.yaml; renderer=open3d does without PyTorch3D and GPU "
            "(docs/REPRODUCING.md, PyTorch3D)",
        ) from error
    return {"rasterize_meshes": rasterize_meshes, "Meshes": Meshes, "version": __version__}


@contextmanager
def _missing_gpu_kernels_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "Not compiled with GPU support" not in str(error):
            raise
        raise DependencyMissing(
            "PyTorch3D was built without its GPU kernels",
            expected="a build for CUDA",
            found=error,
            next_step="device=cpu draws on the CPU; renderer=open3d does so much faster",
        ) from error
