"""KITTI for the detection of objects: sweeps with the picture of the left colour camera (CMCR spec 1.3).

Layout: ``training/velodyne/<frame>.bin`` (P, 4) float32 x, y, z, reflectance, ``training/image_2/<frame>.png``,
``training/calib/<frame>.txt`` and ``ImageSets/<split>.txt``, the frames of a split, one a line. Pictures have several
sizes, so all are resized to the catalogue's.

Shape legend: S frames, P points of one, H and W height and width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.kitti_calibration import Calibration, read_calibration
from concord3d.data.formats.pictures import picture_size, read_resized, resized_intrinsics
from concord3d.data.layout import NEXT_STEP, find_split, layout_folder, read_lines, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.storage import scratch_array
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError, DatasetMissing, UnreadableFile

_VALUES = 4
_POINT_BYTES = 4 * _VALUES


class Kitti(Reader):
    """Sweeps named ``training/<frame>``, each with one picture.

    Points have x, y, z in metres in the sensor's frame and a reflectance from 0 to 1, and no labels. ``per_sweep`` has
    ``pictures`` (S, 1, H, W, 3) uint8, ``camera_from_lidar`` (S, 1, 4, 4) with the rectification, and ``intrinsics``
    (S, 1, 3, 3) of the stored pictures, the centres of whose pixels have whole coordinates.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            ConfigError: The catalogue names no size of pictures.
            DatasetMissing: A list, a sweep, a picture or a calibration is absent.
            UnreadableFile: A file is truncated or of another format.
            BadCloud: A sweep has no points.
        """
        if spec.picture_size is None:
            raise ConfigError("Pictures of several sizes need one", where=spec.id, expected="a key 'picture_size'")
        folder, frames = layout_folder(spec, root) / "training", _frames(spec, root, split)
        sweeps = [folder / "velodyne" / f"{frame}.bin" for frame in frames]
        offsets = np.cumsum([0, *(_count(path) for path in sweeps)], dtype=np.int64)
        points = scratch_array((int(offsets[-1]), _VALUES), np.float32)
        for path, start, stop in zip(sweeps, offsets[:-1], offsets[1:], strict=True):
            points[start:stop] = np.fromfile(path, "<f4").reshape(-1, _VALUES)
        store = SweepSplit(
            spec.id,
            split,
            data_kind,
            offsets,
            points,
            (),
            tuple(f"training/{frame}" for frame in frames),
            per_sweep=_camera_arrays(folder, frames, spec.picture_size),
            intensity_range=spec.intensity_range,
        )
        return Reading(store, "float32")

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return Census(len(_frames(spec, root, split)), dtype="float32")


def _frames(spec: DatasetSpec, root: Path, split: str) -> list[str]:
    list_file = find_split(spec, split).list_file or f"ImageSets/{split}.txt"
    path = required_file(spec, layout_folder(spec, root), list_file)
    frames = read_lines(path)
    if not frames:
        raise DatasetMissing(f"No frames of {spec.id}/{split}", where=path, expected="a number on each line")
    return frames


def _count(path: Path) -> int:
    size = _existing(path, "A sweep").stat().st_size
    if size % _POINT_BYTES:
        raise UnreadableFile(
            "A sweep is truncated", where=path, expected=f"a multiple of {_POINT_BYTES} bytes", found=size,
            next_step=NEXT_STEP,
        )  # fmt: skip
    if not size:
        raise BadCloud("A sweep has no points", where=path, expected="at least one", found=0, next_step=NEXT_STEP)
    return size // _POINT_BYTES


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise DatasetMissing(f"{what} of a frame is missing", where=path, next_step="unpack all parts into one folder")
    return path


def _camera_arrays(folder: Path, frames: list[str], stored: tuple[int, int]) -> dict[str, NDArray[Any]]:
    pictures = scratch_array((len(frames), 1, *stored, 3), np.uint8)
    cameras, intrinsics = np.zeros((len(frames), 1, 4, 4)), np.zeros((len(frames), 1, 3, 3))
    for row, frame in enumerate(frames):
        found: Calibration = read_calibration(_existing(folder / "calib" / f"{frame}.txt", "A calibration"))
        path = _existing(folder / "image_2" / f"{frame}.png", "A picture")
        size = picture_size(path)
        pictures[row, 0] = read_resized(path, size, stored)
        cameras[row, 0] = found.camera_from_lidar
        intrinsics[row, 0] = resized_intrinsics(found.intrinsics, size, stored)
    return {"pictures": pictures, "camera_from_lidar": cameras, "intrinsics": intrinsics}


READER = Kitti()
