"""What tests of the readers of filmed objects write: clouds and frames, with plain libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_cloud(path: Path, num_points: int, seed: int = 0) -> np.ndarray:
    """Write and return a cloud that is 1 wide, 2 high and 3 deep (x, y, z)."""
    points = (np.random.default_rng(seed).random((num_points, 3)) * [1, 2, 3]).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, points)
    return points


def write_frames(folder: Path, count: int, size: tuple[int, int] = (48, 64)) -> None:
    """Write frames whose grey is five times their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(np.full((*size, 3), 5 * number, np.uint8)).save(folder / f"frame{number}.jpg", quality=95)


def greys(pictures: np.ndarray) -> list[int]:
    """Return the number of the frame that each picture is."""
    return [round(float(picture.mean()) / 5) for picture in pictures]
