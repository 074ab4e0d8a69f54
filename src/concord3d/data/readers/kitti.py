"""KITTI for the detection of objects: sweeps with the picture of the left colour camera (CMCR spec 1.3).

Layout: ``training/velodyne/<frame>.bin`` (P, 4) float32 x, y, z, reflectance, ``training/image_2/<frame>.png``,
``training/calib/<frame>.txt``, ``training/label_2/<frame>.txt`` and ``ImageSets/<split>.txt``, the frames of a split,
one a line. Pictures have several sizes, so all are resized to the catalogue's.

Shape legend: S frames, N points of all, O boxes of all, H and W height and width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.float_sweeps import count_points, read_points
from concord3d.data.formats.kitti_calibration import Calibration, read_calibration
from concord3d.data.formats.kitti_labels import TYPES, read_labels
from concord3d.data.formats.pictures import picture_size, read_resized, resized_intrinsics
from concord3d.data.layout import find_split, layout_folder, read_lines, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.storage import scratch_array
from concord3d.data.stores.sweeps import ANNOTATED, SweepSplit
from concord3d.data.sweep_boxes import SweepBoxes
from concord3d.errors import ConfigError, DatasetMissing
from concord3d.geometry.box_frames import numbers_inside
from concord3d.geometry.projection import project_points

_VALUES = 4


class Kitti(Reader):
    """Sweeps named ``training/<frame>``, each with one picture.

    Points have x, y, z in metres in the sensor's frame and a reflectance from 0 to 1, and no labels. ``per_sweep`` has
    ``pictures`` (S, 1, H, W, 3) uint8, ``camera_from_lidar`` (S, 1, 4, 4) with the rectification, and ``intrinsics``
    (S, 1, 3, 3) of the stored pictures, the centres of whose pixels have whole coordinates. It also has
    ``picture_sizes`` (S, 2) int64, height and width as released, and ``global_from_lidar`` (S, 4, 4), which leaves
    everything where it is.

    Boxes are in the frame of the LiDAR. Their category is the place of their type in ``TYPES`` of
    :mod:`concord3d.data.formats.kitti_labels`, their attribute that of their difficulty in ``DIFFICULTIES`` there (-1
    where they are too small or hidden for all), their visibility 4 (fully visible) to 1. Velocities are unknown. Only
    what the picture shows has boxes: ``extra["annotated"]`` (N,) says of each point whether it is shown.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            ConfigError: The catalogue names no size of pictures.
            DatasetMissing: A list, a sweep, a picture, a calibration or the labels of a frame are absent.
            UnreadableFile: A file is truncated or of another format.
            BadCloud: A sweep has no points.
        """
        if spec.picture_size is None:
            raise ConfigError("Pictures of several sizes need one", where=spec.id, expected="a key 'picture_size'")
        folder, frames = layout_folder(spec, root) / "training", _frames(spec, root, split)
        sweeps = [_existing(folder / "velodyne" / f"{frame}.bin", "A sweep") for frame in frames]
        offsets = np.cumsum([0, *(count_points(path, _VALUES) for path in sweeps)], dtype=np.int64)
        points = scratch_array((int(offsets[-1]), _VALUES), np.float32)
        for path, start, stop in zip(sweeps, offsets[:-1], offsets[1:], strict=True):
            points[start:stop] = read_points(path, _VALUES)
        calibrations = [read_calibration(_existing(folder / "calib" / f"{f}.txt", "A calibration")) for f in frames]
        per_sweep = _camera_arrays(folder, frames, calibrations, spec.picture_size)
        store = SweepSplit(
            spec.id,
            split,
            data_kind,
            offsets,
            points,
            (),
            tuple(f"training/{frame}" for frame in frames),
            extra={ANNOTATED: _shown(points, offsets, per_sweep, spec.picture_size)},
            per_sweep=per_sweep,
            intensity_range=spec.intensity_range,
            boxes=_boxes(folder, frames, calibrations, points, offsets, spec.class_names),
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


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise DatasetMissing(f"{what} of a frame is missing", where=path, next_step="unpack all parts into one folder")
    return path


def _camera_arrays(
    folder: Path, frames: list[str], calibrations: list[Calibration], stored: tuple[int, int]
) -> dict[str, NDArray[Any]]:
    pictures = scratch_array((len(frames), 1, *stored, 3), np.uint8)
    intrinsics, sizes = np.zeros((len(frames), 1, 3, 3)), np.zeros((len(frames), 2), dtype=np.int64)
    for row, (frame, found) in enumerate(zip(frames, calibrations, strict=True)):
        path = _existing(folder / "image_2" / f"{frame}.png", "A picture")
        size = picture_size(path)
        pictures[row, 0] = read_resized(path, size, stored)
        intrinsics[row, 0] = resized_intrinsics(found.intrinsics, size, stored)
        sizes[row] = size
    return {
        "pictures": pictures,
        "camera_from_lidar": np.stack([found.camera_from_lidar for found in calibrations])[:, None],
        "intrinsics": intrinsics,
        "picture_sizes": sizes,
        "global_from_lidar": np.tile(np.eye(4), (len(frames), 1, 1)),
    }


def _shown(
    points: NDArray[np.float32],
    offsets: NDArray[np.int64],
    per_sweep: dict[str, NDArray[Any]],
    stored: tuple[int, int],
) -> NDArray[np.bool_]:
    """Return (N,) whether the picture of a point's frame shows it."""
    shown = np.zeros(len(points), dtype=np.bool_)
    cameras = zip(per_sweep["camera_from_lidar"], per_sweep["intrinsics"], strict=True)
    for start, stop, (camera, intrinsics) in zip(offsets[:-1], offsets[1:], cameras, strict=True):
        shown[start + project_points(points[start:stop], camera, intrinsics, *stored, min_depth=0.0).point] = True
    return shown


def _boxes(
    folder: Path,
    frames: list[str],
    calibrations: list[Calibration],
    points: NDArray[np.float32],
    offsets: NDArray[np.int64],
    class_names: tuple[str, ...],
) -> SweepBoxes:
    """Return the boxes of all frames in the frames of their LiDARs."""
    labels = [read_labels(_existing(folder / "label_2" / f"{frame}.txt", "The labels")) for frame in frames]
    boxes = [each.lidar_boxes(found.reference_from_lidar) for each, found in zip(labels, calibrations, strict=True)]
    counts = [numbers_inside(points[offsets[row] : offsets[row + 1]], own) for row, own in enumerate(boxes)]
    every, types = np.concatenate(boxes), np.concatenate([each.types for each in labels])
    lower = [name.lower() for name in TYPES]
    class_of = np.array([class_names.index(name) if name in class_names else -1 for name in lower])
    return SweepBoxes(
        offsets=np.cumsum([0, *map(len, boxes)], dtype=np.int64),
        centres=every[:, :3],
        sizes=every[:, 3:6],
        yaws=every[:, 6],
        velocities=np.full((len(every), 2), np.nan),
        categories=types,
        classes=class_of[types],
        attributes=np.concatenate([each.difficulties for each in labels]),
        visibilities=4 - np.concatenate([each.occluded for each in labels]),
        num_points=np.concatenate(counts),
    )


READER = Kitti()
