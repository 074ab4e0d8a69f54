"""Picture files as arrays of RGB, and the choice of some of a folder.

Shape legend: V pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP, natural_order, without_side_files
from concord3d.errors import DatasetMissing, UnreadableFile

if TYPE_CHECKING:
    import PIL.Image

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


def picture_files(folder: Path) -> list[Path]:
    """List the JPEG and PNG files of a folder, which may be absent, in natural order (9 before 10)."""
    if not folder.is_dir():
        return []
    files = without_side_files(folder.iterdir(), folder)
    found = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    return sorted(found, key=lambda path: natural_order(Path(path.name)))


def evenly_spaced(files: Sequence[Path], num_views: int, where: Path, next_step: str | None = None) -> list[Path]:
    """Choose ``num_views`` of some pictures at even distances, the first among them.

    Args:
        files: The pictures in their order.
        num_views: V.
        where: Their folder, for an error.
        next_step: What to do where there are too few, if something is known.

    Raises:
        DatasetMissing: There are fewer.
    """
    if len(files) < num_views:
        raise DatasetMissing(
            "An object has too few pictures",
            where=where,
            expected=f"at least {num_views} JPEG or PNG files",
            found=len(files),
            next_step=next_step or "obtain the pictures again, or leave the object out of the lists of the splits",
        )
    return [files[view * len(files) // num_views] for view in range(num_views)]


def read_squares(files: Sequence[Path], image_size: int) -> NDArray[np.uint8]:
    """Read pictures of any size: the short side is resized, the long one cut to the middle.

    Args:
        files: V pictures; transparency is dropped, and 16-bit grey becomes 8-bit.
        image_size: Side of the square in pixels.

    Returns:
        (V, image_size, image_size, 3) uint8 RGB.

    Raises:
        UnreadableFile: A file is absent, truncated, or no picture.
    """
    from PIL import Image, ImageOps

    views = np.empty((len(files), image_size, image_size, 3), dtype=np.uint8)
    for view, path in enumerate(files):
        try:
            with Image.open(path) as image:
                square = ImageOps.fit(rgb8(image), (image_size, image_size), Image.Resampling.BILINEAR)
                views[view] = np.asarray(square)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UnreadableFile("Cannot read an image", where=path, found=error, next_step=NEXT_STEP) from error
    return views


def read_resized(path: Path, size: tuple[int, int], stored: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a whole picture, resized where it is to be stored in another size.

    Args:
        path: The file.
        size: Height and width that it has.
        stored: Height and width to be had; its proportions may change.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        UnreadableFile: The file is absent, truncated, no picture, or of another size.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.size != size[::-1]:
                raise ValueError(f"{image.height} x {image.width} pixels where {size[0]} x {size[1]} belong")
            picture = image.convert("RGB")
            if stored != size:
                picture = picture.resize(stored[::-1], Image.Resampling.BILINEAR)
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableFile("Cannot read an image", where=path, found=error, next_step=NEXT_STEP) from error


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width of a picture, from the head of its file.

    Raises:
        UnreadableFile: The file is absent, or no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableFile("Cannot read an image", where=path, found=error, next_step=NEXT_STEP) from error


def resized_intrinsics(
    intrinsics: NDArray[np.float64], size: tuple[int, int], stored: tuple[int, int]
) -> NDArray[np.float64]:
    """Return intrinsics for resized pictures: their edges, 0.5 before the first centre, stay edges.

    Args:
        intrinsics: (..., 3, 3) of pictures, the centres of whose pixels have whole coordinates.
        size: Height and width of the pictures.
        stored: Height and width that they were given.
    """
    down, across = stored[0] / size[0], stored[1] / size[1]
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    resized: NDArray[np.float64] = np.linalg.inv(shift) @ np.diag([across, down, 1.0]) @ shift @ intrinsics
    return resized


def rgb8(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture as 8-bit RGB: 16-bit grey is scaled, a palette is resolved, transparency is dropped."""
    from PIL import Image

    # PIL clips 16-bit gray to 255 instead of scaling it.
    if image.mode.startswith("I"):
        high = np.asarray(image, dtype=np.float64)
        return Image.fromarray((high / 257).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    return image.convert("RGB")
