"""Which shapes retrieval grids can show, and their pictures.

Shape legend: n shapes with a picture, H and W height and width of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.errors import ReportingError

Pictures = Mapping[str, NDArray[np.uint8]]


def shown_shapes(evaluations: Sequence[Path]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return which test shapes the grids of some retrieval evaluations can show.

    Args:
        evaluations: Their ``.npz`` files, all on one data set.

    Returns:
        Ascending rows of the test split, and the names of these shapes.

    Raises:
        UnreadableFile: A file is missing or damaged.
        ReportingError: The files are of different test splits.
    """
    rows: set[int] = set()
    names: tuple[str, ...] = ()
    for path in evaluations:
        arrays = read_arrays(path, "outcomes of a retrieval")
        found = tuple(str(name) for name in arrays.get("item_names", ()))
        if names and found != names:
            raise ReportingError(
                "Retrievals are on different test splits", where=path, expected=len(names), found=len(found)
            )
        names = found
        for key, values in arrays.items():
            if key.endswith("_examples") or "_top" in key:
                rows |= {int(row) for row in values.reshape(-1)}
    index = np.array(sorted(rows), dtype=np.int64)
    return index, tuple(names[row] for row in index)


def read_pictures(path: Path) -> Pictures:
    """Read pictures of shapes.

    Args:
        path: An ``.npz`` with ``names`` (n,) and ``images`` (n, H, W, C) uint8, C = 3 or, of depth, 1.

    Returns:
        (H, W, 3) picture per name; depth as grey.

    Raises:
        UnreadableFile: The file is damaged.
        ReportingError: An array is missing or has another form.
    """
    arrays = read_arrays(path, "pictures of shapes")
    names, images = arrays.get("names", np.zeros(0)), arrays.get("images", np.zeros(0))
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or names.shape != images.shape[:1]:
        raise ReportingError(
            "Pictures of shapes have another form",
            where=path,
            expected="names (n,) and images uint8 (n, H, W, 3), or (n, H, W, 1) of depth",
            found=f"names {names.shape}, images {images.dtype} {images.shape}",
        )
    coloured = np.broadcast_to(images, (*images.shape[:3], 3))
    return {str(name): image for name, image in zip(names, coloured, strict=True)}
