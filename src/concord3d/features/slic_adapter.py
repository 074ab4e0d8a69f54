"""SLIC adapter: superpixels of pictures by scikit-image (CMCR spec 1.4).

Shape legend: S sweeps, V pictures of each, H and W a picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from concord3d.data.storage import scratch_array
from concord3d.errors import ConfigError, DependencyMissing

# Published with the number of superpixels; sigma in pixels of the picture.
COMPACTNESS = 6.0
SIGMA = 3.0


def import_slic() -> Callable[..., NDArray[np.int64]]:
    """Import ``skimage.segmentation.slic``.

    Raises:
        DependencyMissing: scikit-image is not installed, or broken.
    """
    try:
        from skimage.segmentation import slic
    except (ImportError, OSError) as error:
        raise DependencyMissing(
            "Superpixels are made by scikit-image, which cannot be imported",
            found=error,
            next_step="make setup, or in the clone: pip install '.[superpixels]'",
        ) from error
    library: Callable[..., NDArray[np.int64]] = slic
    return library


def superpixels_of(pictures: NDArray[np.uint8], num_superpixels: int) -> NDArray[np.uint8]:
    """Cut pictures into superpixels, one picture at a time.

    Args:
        pictures: (S, V, H, W, 3), in memory or mapped.
        num_superpixels: How many a picture is asked to have; SLIC may make a few more, or fewer.

    Returns:
        (S, V, H, W) numbers from 0; a large array lies in a file of the temporary folder.

    Raises:
        ConfigError: A picture has more superpixels than a byte can count.
        DependencyMissing: scikit-image is not installed.
        DiskFull: The temporary folder has too little room.

    Source: CMCR spec 1.4.
    """
    slic = import_slic()
    found: NDArray[np.uint8] = scratch_array(pictures.shape[:4], np.uint8)
    for sweep, picture in np.ndindex(pictures.shape[:2]):
        numbers = slic(
            pictures[sweep, picture], n_segments=num_superpixels, compactness=COMPACTNESS, sigma=SIGMA, start_label=0
        )
        if numbers.max() > np.iinfo(np.uint8).max:
            raise ConfigError(
                "A picture has more superpixels than a byte can count",
                where="data.num_superpixels",
                expected="at most 256 in each picture",
                found=f"{numbers.max() + 1} where {num_superpixels} were asked for",
                next_step="ask for fewer",
            )
        found[sweep, picture] = numbers
    return found
