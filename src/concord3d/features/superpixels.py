"""The file that holds the superpixels of pictures.

Shape legend: S sweeps, V pictures of each, H and W a picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.errors import BadCloud, UnreadableFile

_ARRAY = "superpixels"


def write_superpixels(path: Path, superpixels: NDArray[np.uint8]) -> None:
    """Write (S, V, H, W) superpixels, complete or not at all."""
    write_arrays(path, {_ARRAY: superpixels})


def read_superpixels(path: Path) -> NDArray[np.uint8]:
    """Read what :func:`write_superpixels` wrote; a large array is mapped.

    Returns:
        (S, V, H, W).

    Raises:
        UnreadableFile: The file is absent, damaged, or holds something else.
    """
    arrays = read_arrays(path, _ARRAY)
    found: NDArray[Any] | None = arrays.get(_ARRAY)
    if found is None or found.dtype != np.uint8 or found.ndim != 4:
        raise UnreadableFile(
            "Not the superpixels of pictures",
            where=path,
            expected=f"'{_ARRAY}', (S, V, H, W) uint8",
            found=", ".join(f"'{name}', {array.shape} {array.dtype}" for name, array in arrays.items()),
            next_step="run the encoding step again",
        )
    return found


def require_fit(superpixels: NDArray[np.uint8], pictures: NDArray[np.uint8], where: object) -> None:
    """Refuse superpixels of other pictures.

    Args:
        superpixels: (S, V, H, W).
        pictures: (S, V, H, W, 3).
        where: Place for the message.

    Raises:
        BadCloud: They have another size than the pictures.
    """
    if superpixels.shape != pictures.shape[:4]:
        raise BadCloud(
            "Superpixels have another size than the pictures",
            where=where,
            expected=pictures.shape[:4],
            found=superpixels.shape,
            next_step="run the encoding step again",
        )
