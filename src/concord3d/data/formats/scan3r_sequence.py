"""``sequence.zip`` of a 3RScan scan: pictures of a phone that lay on its side, with poses (CrossOver spec 1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.json_files import form_named
from concord3d.data.formats.scan_archive import ScanArchive

# Counter-clockwise turns by 90 degrees after which the pictures stand upright (CrossOver spec 1.5).
QUARTER_TURNS = 3
_COLOR = re.compile(r"frame-(\d+)\.color\.jpg")


class Sequence3R(ScanArchive):
    """Frames in a zip file that is open inside a ``with``.

    Args:
        path: ``sequence.zip``.

    Attributes:
        size: H, W of the pictures as they lie in the file.
        intrinsics: (3, 3) float64 of these.
    """

    size: tuple[int, int]
    intrinsics: NDArray[np.float64]

    def __init__(self, path: Path) -> None:
        super().__init__(path, "pictures")

    def __enter__(self) -> Self:
        super().__enter__()
        pairs = (line.partition("=") for line in self.read("_info.txt").decode("utf-8", "replace").splitlines())
        facts = {key.strip(): value.strip() for key, _, value in pairs}
        with form_named(self.path):
            self.size = (int(facts["m_colorHeight"]), int(facts["m_colorWidth"]))
            matrix = np.array(facts["m_calibrationColorIntrinsic"].split(), dtype=np.float64).reshape(4, 4)
            if not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
                raise ValueError("intrinsics without a focal length")
            self.intrinsics = np.ascontiguousarray(matrix[:3, :3])
        return self

    def poses(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield number and pose (4, 4) of each frame, from the camera to the scan's raw frame; some are not finite.

        Raises:
            DatasetMissing: A frame has no pose.
            UnreadableFile: A pose has another form.
        """
        matches = (_COLOR.fullmatch(name) for name in self.names())
        for number in sorted(int(match[1]) for match in matches if match):
            words = self.read(f"frame-{number:06d}.pose.txt").decode("utf-8", "replace").split()
            with form_named(self.path):
                yield number, np.array([_number(word) for word in words]).reshape(4, 4)

    def picture(self, number: int) -> bytes:
        """Return the JPEG file of a frame."""
        return self.read(f"frame-{number:06d}.color.jpg")


def _number(word: str) -> float:
    """Return a number; what Windows writes for one that is not finite, such as ``-1.#IND``, is NaN."""
    return float("nan") if "#" in word else float(word)
