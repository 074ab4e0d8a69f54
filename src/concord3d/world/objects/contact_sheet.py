"""A picture with one rendering per category: can a person name the world's objects?"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from concord3d.errors import ConfigError
from concord3d.files import atomic_path
from concord3d.geometry.cameras import Cameras, orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.world.objects.generation import CATEGORIES, generate

_LABEL_HEIGHT = 14


class ColorViews(Protocol):
    """Rendered pictures; ``color`` is (V, H, W, 3) uint8."""

    @property
    def color(self) -> NDArray[np.uint8]: ...


class SheetRenderer(Protocol):
    """What the sheet needs from a renderer; those of ``concord3d.render`` have it."""

    def render(self, mesh: Mesh, cameras: Cameras) -> ColorViews: ...


def contact_sheet(
    renderer: SheetRenderer,
    out: Path,
    seed: int,
    columns: int,
    *,
    index: int = 0,
    categories: tuple[str, ...] = CATEGORIES,
    image_size: int = 160,
    labels: bool = True,
) -> None:
    """Draw one object per category, seen from its front and a little from above, into a PNG.

    Args:
        renderer: Draws a mesh from cameras.
        out: Path of the PNG.
        seed: Seed of the world.
        columns: Pictures side by side.
        index: Which object of every category.
        categories: What to draw, in this order.
        image_size: Side of one picture in pixels.
        labels: Write the category below every picture; off for a naming test.

    Raises:
        ConfigError: ``columns`` or ``categories`` is empty.
    """
    if columns < 1 or not categories:
        raise ConfigError("A contact sheet needs at least one column and one category", found=(columns, categories))
    cell_height = image_size + (_LABEL_HEIGHT if labels else 0)
    rows = -(-len(categories) // columns)
    sheet = Image.new("RGB", (columns * image_size, rows * cell_height), "white")
    pen = ImageDraw.Draw(sheet)
    for position, category in enumerate(categories):
        made = generate(category, index, seed)
        # Many categories are turned as in the real set; the camera follows their front.
        heading = float(made.style["heading_deg"])
        cameras = orbit_cameras([heading + 35.0], 22.0, image_size=image_size)
        picture = renderer.render(made.mesh.normalized(), cameras).color[0]
        x, y = position % columns * image_size, position // columns * cell_height
        sheet.paste(Image.fromarray(picture), (x, y))
        if labels:
            pen.text((x + 4, y + image_size), category, fill="black")
    with atomic_path(out) as temporary:
        sheet.save(temporary, format="PNG")
