"""``sequence.zip`` of a 3RScan scan: pictures of a phone that lay on its side, with poses (CrossOver spec 1.2)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.json_files import form_named
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import DatasetMissing, UnreadableFile

# Counter-clockwise turns by 90 degrees after which the pictures stand upright (CrossOver spec 1.5).
QUARTER_TURNS = 3
_COLOR = re.compile(r"(?:.*/)?frame-(\d+)\.color\.jpg")


class Sequence3R:
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
        self.path = path

    def __enter__(self) -> Sequence3R:
        if not self.path.is_file():
            raise DatasetMissing("A scan has no pictures", where=self.path, next_step="download sequence.zip again")
        try:
            self._archive = zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise self._damaged(error) from error
        self._members = {Path(name).name: name for name in self._archive.namelist()}
        pairs = (line.partition("=") for line in self._read("_info.txt").decode("utf-8", "replace").splitlines())
        facts = {key.strip(): value.strip() for key, _, value in pairs}
        with form_named(self.path):
            self.size = (int(facts["m_colorHeight"]), int(facts["m_colorWidth"]))
            matrix = np.array(facts["m_calibrationColorIntrinsic"].split(), dtype=np.float64).reshape(4, 4)
            if not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
                raise ValueError("intrinsics without a focal length")
            self.intrinsics = np.ascontiguousarray(matrix[:3, :3])
        return self

    def __exit__(self, *_: Any) -> None:
        self._archive.close()

    def poses(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield number and pose (4, 4) of each frame, from the camera to the scan's raw frame; some are not finite.

        Raises:
            DatasetMissing: A frame has no pose.
            UnreadableFile: A pose has another form.
        """
        matches = (_COLOR.fullmatch(name) for name in self._archive.namelist())
        for number in sorted(int(match[1]) for match in matches if match):
            words = self._read(f"frame-{number:06d}.pose.txt").decode("utf-8", "replace").split()
            with form_named(self.path):
                yield number, np.array([_number(word) for word in words]).reshape(4, 4)

    def picture(self, number: int) -> bytes:
        """Return the JPEG file of a frame."""
        return self._read(f"frame-{number:06d}.color.jpg")

    def _read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None:
            raise DatasetMissing(
                "A sequence lacks a file", where=self.path, expected=name, next_step="download sequence.zip again"
            )
        try:
            return self._archive.read(member)
        except (OSError, zipfile.BadZipFile, EOFError) as error:
            raise self._damaged(f"{name}: {error}") from error

    def _damaged(self, error: object) -> UnreadableFile:
        return UnreadableFile("Cannot read a sequence", where=self.path, found=error, next_step=NEXT_STEP)


def _number(word: str) -> float:
    """Return a number; what Windows writes for one that is not finite, such as ``-1.#IND``, is NaN."""
    return float("nan") if "#" in word else float(word)
