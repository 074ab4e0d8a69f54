"""Single photographs, as people keep them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import UnreadableFile


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read a picture in its own size, turned upright as its camera recorded; transparency lies on white.

    Args:
        path: A file that Pillow opens, with 8 bits per channel.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UnreadableFile: The file is absent, truncated, no picture, or has more bits per channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"a picture of mode {image.mode}, which has more than 8 bits per channel")
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
            return np.array(upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableFile(
            "Cannot read a picture", where=path, found=error, next_step="name a JPEG or PNG file that can be opened"
        ) from error
