"""Views per second. Run: ``pytest benchmarks/bench_render.py``; ``extra_info`` holds the views per round.

Open3D is timed twice: by the clock with all cores, and in seconds of one core's time, which a loaded machine does not
change much.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from concord3d.geometry.mesh import Mesh
from concord3d.render import points as points_module
from concord3d.render.open3d_adapter import Open3DRenderer
from concord3d.render.points import realistic_projection
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import ViewSet, open_view_set
from concord3d.render.view_spec import cloud_view_spec, mesh_view_spec


def body(num_faces: int) -> Mesh:
    """A sphere pulled to an ellipsoid with about ``num_faces`` triangles."""
    side = int(np.sqrt(num_faces / 2))
    u, v = np.meshgrid(2 * np.pi * np.arange(side) / side, np.pi * np.arange(side + 1) / side)
    vertices = np.stack([np.sin(v) * np.sin(u), 0.6 * np.cos(v), 0.5 * np.sin(v) * np.cos(u)], axis=-1).reshape(-1, 3)
    a = (np.arange(side)[:, None] * side + np.arange(side)).ravel()
    b = (np.arange(side)[:, None] * side + (np.arange(side) + 1) % side).ravel()
    faces = np.concatenate([np.stack([a, a + side, b], 1), np.stack([b, a + side, b + side], 1)])
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


@pytest.mark.parametrize(("view_set", "image_size"), [("ring12", 224), ("ring24", 64)])
@pytest.mark.parametrize(
    "num_threads",
    [
        pytest.param(0, id="wall-all-cores"),
        pytest.param(1, id="one-core-cpu-time", marks=pytest.mark.benchmark(timer=time.process_time)),
    ],
)
def test_open3d(benchmark, num_threads: int, view_set: str, image_size: int) -> None:
    renderer, mesh = Open3DRenderer(num_threads), body(5000)
    cameras = mesh_view_spec(view_set, image_size).cameras()
    views = benchmark(renderer.render, mesh, cameras)
    benchmark.extra_info["views"] = len(views.mask)
    benchmark.extra_info["views_per_second"] = round(len(views.mask) / benchmark.stats.stats.min, 1)
    assert views.mask.any()


def plain_projection(points: torch.Tensor, image_size: int) -> torch.Tensor:
    """The same pictures by ready-made 3D pooling and convolution, one cloud after the other."""
    cells = image_size // 2
    window = points_module.pooling_window(cells)
    pool = nn.MaxPool3d((1, window, window), stride=1, padding=(0, (window - 3) // 2, (window - 3) // 2))
    side = np.exp(-1 / 18)
    kernel = torch.tensor(np.outer([side, 1, side], [side, 1, side]), dtype=torch.float32)
    pictures = []
    for cloud in points:
        grid = points_module._fill_grid(cloud[None], cells)[0][:, None]
        smooth = nn.functional.conv3d(pool(grid), (kernel / kernel.sum())[None, None, None], padding=(0, 1, 1))
        picture = smooth.amax(dim=(1, 2))
        picture = 1 - picture / picture.amax(dim=(1, 2), keepdim=True)
        picture = nn.functional.interpolate(picture[None], size=image_size, mode="bilinear", align_corners=True)[0]
        pictures.append((picture * 255).round().byte())
    return torch.stack(pictures)


@pytest.mark.parametrize("method", [realistic_projection, plain_projection])
def test_realistic_projection(benchmark, method) -> None:
    torch.set_num_threads(1)
    clouds = torch.from_numpy(np.random.default_rng(0).normal(size=(32, 1024, 3)).astype(np.float32))
    out = benchmark(method, clouds, 64)
    benchmark.extra_info["views"] = 320
    assert (out.int() - realistic_projection(clouds, 64).int()).abs().max() <= 1


@pytest.fixture(scope="module")
def view_set(tmp_path_factory: pytest.TempPathFactory) -> ViewSet:
    """2,000 clouds of ten views at 64 x 64."""
    folder: Path = tmp_path_factory.mktemp("views")
    clouds = np.random.default_rng(0).normal(size=(2000, 128, 3)).astype(np.float32)
    render_cloud_views(clouds, cloud_view_spec(), folder / "store", folder / "index.json")
    return open_view_set(folder / "index.json")


def read_one_by_one(views: ViewSet, objects: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The same pictures, one at a time."""
    picked = [views.images[i // 512][i % 512, v] for i, row in zip(objects, chosen, strict=True) for v in row]
    return np.stack(picked).reshape(*chosen.shape, *picked[0].shape)


@pytest.mark.parametrize("method", [ViewSet.read, read_one_by_one])
def test_read(benchmark, view_set: ViewSet, method) -> None:
    rng = np.random.default_rng(1)
    objects, chosen = rng.integers(0, 2000, 128), rng.integers(0, 10, (128, 4))
    out = benchmark(method, view_set, objects, chosen)
    benchmark.extra_info["views"] = 512
    assert np.array_equal(out, view_set.read(objects, chosen))
