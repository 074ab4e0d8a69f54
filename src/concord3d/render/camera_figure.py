"""The picture of ``docs/CAMERAS.md``: where the cameras stand and what they see, drawn by the code itself.

Run ``python -m concord3d.render.camera_figure <file.png>``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.files import atomic_path
from concord3d.geometry.cameras import orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render.shards import make_renderer
from concord3d.render.view_spec import mesh_view_spec

_AXIS_COLORS = ((204, 51, 51), (51, 160, 44), (51, 90, 204))
_VIEW_DEG = ((0, 0), (90, 0), (0, 27), (45, 27), (180, 27), (45, 85))


def axes_mesh() -> Mesh:
    """Return three bars along +x (red), +y (green) and +z (blue), each ending in a cube, and a grey middle."""
    bars = [((0.0, 0.0, 0.0), (0.12, 0.12, 0.12), (150, 150, 150))]
    for axis, color in enumerate(_AXIS_COLORS):
        step = np.eye(3)[axis]
        bars.append((tuple(0.42 * step), tuple(0.04 + 0.34 * step), color))
        bars.append((tuple(0.82 * step), (0.09, 0.09, 0.09), color))
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    box_faces = np.array([[quad[0], quad[i], quad[i + 1]] for quad in quads for i in (1, 2)])
    vertices = np.concatenate([corners * np.array(half) + np.array(middle) for middle, half, _ in bars])
    faces = np.concatenate([box_faces + 8 * index for index in range(len(bars))])
    colors = np.repeat(np.array([color for _, _, color in bars], np.uint8), len(box_faces), axis=0)
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32), colors)


def draw_camera_figure(path: Path) -> None:
    """Write the figure as PNG; the bytes depend on the code and the versions of the libraries alone.

    Args:
        path: The file to write.

    Raises:
        DependencyMissing: Open3D is absent.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    azimuth, elevation = zip(*_VIEW_DEG, strict=True)
    cameras = orbit_cameras(list(azimuth), list(elevation), image_size=256)
    views = make_renderer("open3d").render(axes_mesh(), cameras)
    figure = Figure(figsize=(11, 5.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 5, width_ratios=(1.25, 1.25, 1, 1, 1))
    _draw_world(figure.add_subplot(grid[:, :2], projection="3d"))
    for index, picture in enumerate(views.color):
        panel = figure.add_subplot(grid[index // 3, 2 + index % 3])
        _draw_picture(panel, picture, f"azimuth {azimuth[index]}°, elevation {elevation[index]}°", arrows=index == 0)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_world(panel: Any) -> None:
    """Draw the ring of 24 cameras around the axes; matplotlib's z is our y."""

    def place(points: NDArray[np.floating]) -> tuple[NDArray[np.floating], ...]:
        # A turn about x, so that our y points up on the page and the axes stay right-handed.
        return points[..., 2], points[..., 0], points[..., 1]

    ring = mesh_view_spec("ring24").cameras()
    panel.scatter(*place(ring.centers), s=14, color="0.35")
    for index in range(0, 24, 3):
        center, rotation = ring.centers[index], ring.rotation[index]
        for row, style in ((0, "--"), (1, ":"), (2, "-")):
            length = 0.75 if row == 2 else 0.35
            panel.plot(*place(np.stack([center, center + length * rotation[row]])), style, color="0.35", linewidth=1)
        panel.text(*place(center * 1.22), f"{15 * index}°", fontsize=8, ha="center", color="0.35")
    for axis, (name, color) in enumerate(zip("xyz", _AXIS_COLORS, strict=True)):
        tip = np.eye(3)[axis] * 1.2
        shade = np.array(color) / 255
        panel.plot(*place(np.stack([np.zeros(3), tip])), color=shade, linewidth=3)
        label = {"x": "x", "y": "y (up)", "z": "z (front)"}[name]
        panel.text(*place(tip * 1.2), label, color=shade, fontsize=10, ha="center")
    panel.set_box_aspect((1, 1, 0.6), zoom=1.25)
    panel.set_xlim(-2.4, 2.4)
    panel.set_ylim(-2.4, 2.4)
    panel.set_zlim(-0.9, 2.0)
    panel.view_init(elev=24, azim=25)
    panel.set_axis_off()
    panel.set_title("ring24, every third camera drawn\nsolid: forward z, dashed: right x, dotted: down y", fontsize=9)


def _draw_picture(panel: Any, picture: NDArray[np.uint8], title: str, *, arrows: bool) -> None:
    panel.imshow(picture)
    panel.set_title(title, fontsize=9)
    panel.set_xticks([])
    panel.set_yticks([])
    if arrows:
        style = {"arrowstyle": "->", "color": "black"}
        panel.annotate("", xy=(80, 6), xytext=(6, 6), arrowprops=style)
        panel.annotate("", xy=(6, 80), xytext=(6, 6), arrowprops=style)
        panel.text(86, 10, "pixel x", fontsize=8, va="center")
        panel.text(12, 84, "pixel y", fontsize=8, va="center")


if __name__ == "__main__":
    draw_camera_figure(Path(sys.argv[1]))
