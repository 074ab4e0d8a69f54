"""What the files of ScanNet and 3RScan have in common: segments of meshes, pictures, archives, colours of classes.

Shape legend: V vertices, N frames, H and W image height and width.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

# Colours of the classes of NYU40 in the label meshes, by the number of the class.
LABEL_COLORS = np.concatenate([[[0, 0, 0]], np.random.default_rng(40).integers(40, 256, (40, 3))]).astype(np.uint8)
_SEGMENT_M = 0.8
_ZIP_TIME = (2020, 1, 1, 0, 0, 0)


def over_segmentation(
    vertices: NDArray[np.float32], instance: NDArray[np.int32]
) -> tuple[NDArray[np.int64], Mapping[int, list[int]]]:
    """Cut a mesh into segments that belong to one object each.

    Args:
        vertices: (V, 3).
        instance: (V,) number of the object, 0 where there is none.

    Returns:
        (V,) number of the segment of every vertex, and the segments of every object by its number.
    """
    cells = np.floor((vertices - vertices.min(axis=0)) / _SEGMENT_M).astype(np.int64)
    key = ((instance.astype(np.int64) * 64 + cells[:, 0]) * 64 + cells[:, 1]) * 64 + cells[:, 2]
    unique, segments = np.unique(key, return_inverse=True)
    owners = unique // 64**3
    return segments.ravel(), {int(owner): np.flatnonzero(owners == owner).tolist() for owner in np.unique(owners)}


def jpegs(pictures: NDArray[np.uint8]) -> list[bytes]:
    """Return (N, H, W, 3) pictures as JPEG files."""
    from PIL import Image

    files = []
    for picture in pictures:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=92)
        files.append(stream.getvalue())
    return files


def zip_bytes(files: Mapping[str, bytes | str]) -> bytes:
    """Return an archive of named files that does not depend on the clock."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content)
    return stream.getvalue()
