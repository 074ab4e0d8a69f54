"""What of the PyTorch3D adapter can be tested without the library: projection, bins, and its absence."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from concord3d.errors import DependencyMissing, RenderError
from concord3d.geometry.cameras import Cameras, orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render import pytorch3d_adapter
from concord3d.render.pytorch3d_adapter import PyTorch3DRenderer, ndc_vertices, plan_rasterisation


@given(st.integers(1, 3_000_000), st.integers(1, 64), st.integers(8, 2048), st.integers(8, 2048))
def test_no_bin_can_overflow(num_faces: int, num_views: int, height: int, width: int) -> None:
    plan = plan_rasterisation(num_faces, num_views, height, width, on_gpu=True)
    assert plan.views_per_call >= 1
    if plan.bin_size:
        assert plan.max_faces_per_bin >= num_faces
        bins = [-(-side // plan.bin_size) for side in (height, width)]
        assert max(bins) < 22
        assert 4 * bins[0] * bins[1] * num_faces * plan.views_per_call <= 1 << 30
    assert plan_rasterisation(num_faces, num_views, height, width, on_gpu=False).bin_size == 0


def test_device_coordinates_point_left_and_up() -> None:
    square = orbit_cameras([0], 0, image_size=40)
    cameras = Cameras(square.rotation, square.translation, square.focal, 40, 60)
    right, up, middle = ndc_vertices(np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]), cameras)[0]
    expected = 0.5 / 2.6 / np.tan(np.radians(49 / 2))
    assert right == pytest.approx([-expected, 0, 2.6], abs=1e-6)
    assert up == pytest.approx([0, expected, 2.6], abs=1e-6)
    assert middle == pytest.approx([0, 0, 2.1], abs=1e-6)


def test_points_behind_a_camera_are_refused() -> None:
    with pytest.raises(RenderError, match="view 1"):
        ndc_vertices(np.array([[0, 0, -3.0]]), orbit_cameras([0, 180], 0, image_size=16))


def test_absence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pytorch3d", "pytorch3d.structures", "pytorch3d.renderer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DependencyMissing, match="renderer=open3d"):
        PyTorch3DRenderer("cpu")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names taken from PyTorch3D, in place of the library."""
    names = {"Meshes": dict, "rasterize_meshes": None, "version": "0.7.9"}
    monkeypatch.setattr(pytorch3d_adapter, "import_pytorch3d", lambda: names)
    return names


def test_the_library_is_named_with_its_version(stand_in: dict[str, Any]) -> None:
    assert PyTorch3DRenderer("cpu").library == "pytorch3d 0.7.9"


def test_a_gpu_that_is_demanded_and_absent_is_named(stand_in: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RenderError, match="torch sees none"):
        PyTorch3DRenderer("cuda")


def test_a_build_without_gpu_kernels_is_named(stand_in: dict[str, Any]) -> None:
    triangle = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))
    cameras = orbit_cameras([0], 0, image_size=16)
    for message, expected in (("Not compiled with GPU support", DependencyMissing), ("out of memory", RuntimeError)):

        def fail(*_: object, message: str = message, **__: object) -> None:
            raise RuntimeError(message)

        stand_in["rasterize_meshes"] = fail
        with pytest.raises(expected):
            PyTorch3DRenderer("cpu").render(triangle, cameras)
