"""Waymo Open Dataset, components of its second version: labelled frames of the LiDAR on the roof (CMCR spec 1.3).

Layout: ``<split>/<component>/<segment>.parquet``. A split's files are those of the component ``lidar_segmentation``;
each of the others has a file of the same name. Facts of the format: the schemas and geometry of the repository
waymo-research/waymo-open-dataset (``v2/perception``, ``utils/range_image_utils.py``).

Shape legend: S frames, N points of all frames together, P points of one, H rows and W columns of a range image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.label_numbers import classes_of, told_labels
from concord3d.data.formats.parquet_tables import ParquetTable, read_parquet
from concord3d.data.layout import NEXT_STEP, split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.storage import ScratchRows
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, DatasetCorrupt, DatasetMissing
from concord3d.geometry.range_images import places, uniform_inclinations
from concord3d.geometry.rigid import Matrix

# Number of the LiDAR on the roof, the only one with labels.
_TOP = 1
_RETURNS = ("range_image_return1", "range_image_return2")
_FRAME, _LASER = "key.frame_timestamp_micros", "key.laser_name"
# Channels of images: range, intensity, elongation, in a zone without boxes; roll, pitch, yaw, x, y, z; instance, class.
_CHANNELS = {"lidar": 4, "lidar_pose": 6, "lidar_segmentation": 2}
_CLASS_NAMES = {
    "lidar": "LiDARComponent", "lidar_pose": "LiDARPoseComponent",
    "lidar_segmentation": "LiDARSegmentationLabelComponent", "lidar_calibration": "LiDARCalibrationComponent",
    "vehicle_pose": "VehiclePoseComponent",
}  # fmt: skip


@dataclass(frozen=True)
class _Frame:
    """What one frame holds: (P, 4) points, (P,) labels of the files, (P,) instances."""

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    instances: NDArray[np.int32]


class Waymo(Reader):
    """Labelled frames named ``<segment>/<microseconds>``, by segment and time; frames without labels are left out.

    Points have x, y, z in metres in the vehicle's frame at the time of the frame (x in front, y to the left, z up, the
    origin on the ground below the rear axle) and the hyperbolic tangent of the intensity, as those take it who segment
    them: the intensity itself has no bound. The first return of all pixels comes before the second. ``extra`` has
    ``instance``, 0 where there is none.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: A component of a segment is absent, or no frame has labels.
            UnreadableFile: A file is truncated, or lacks a column.
            DatasetCorrupt: An image has another shape, or a segment lacks its calibration or a frame in a component.
            WrongRelease: A label is none of the catalogue.
            BadCloud: A frame has no points.
        """
        told, names, sizes = told_labels(spec), [], [0]
        points, labels = ScratchRows(np.float32, (4,)), ScratchRows(np.int64)
        instances = ScratchRows(np.int32)
        for path in split_files(spec, root, split):
            for time, frame in _frames(path):
                name = f"{path.stem}/{time}"
                if not len(frame.points):
                    raise BadCloud("A frame has no points", where=f"{path}, frame {time}", next_step=NEXT_STEP)
                points.append(frame.points)
                labels.append(classes_of(told, frame.labels, f"{path}, frame {time}"))
                instances.append(frame.instances)
                names.append(name)
                sizes.append(len(frame.points))
        if not names:
            raise _no_frame(spec, root, split)
        store = SweepSplit(
            spec.id, split, data_kind, np.cumsum(sizes, dtype=np.int64), points.array(), (), tuple(names),
            labels.array(), {"instance": instances.array()}, intensity_range=spec.intensity_range,
        )  # fmt: skip
        return Reading(store, "float32")

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        count = sum(len(_labelled(_labels_of(path))) for path in split_files(spec, root, split))
        if not count:
            raise _no_frame(spec, root, split)
        return Census(count, dtype="float32")


def _no_frame(spec: DatasetSpec, root: Path, split: str) -> DatasetMissing:
    return DatasetMissing(
        f"No frame of {spec.id}/{split} has labels", where=root, expected="frames in the component lidar_segmentation",
        found="none", next_step=f"obtain '{spec.id}' again, with the segments that have labels",
    )  # fmt: skip


def _column(component: str, *parts: str) -> str:
    return ".".join((f"[{_CLASS_NAMES[component]}]", *parts))


def _component(labels: Path, component: str) -> Path:
    """Return the file of a component of the segment whose labels lie at a path."""
    path = labels.parent.parent / component / labels.name
    if not path.is_file():
        raise DatasetMissing(
            f"A segment lacks its component '{component}'", where=path, expected="a file for each file of labels",
            found="no such file", next_step=f"obtain the folder {component} of the same split and release",
        )  # fmt: skip
    return path


def _labels_of(path: Path, *more: str) -> ParquetTable:
    """Return the labels of the LiDAR on the roof, with more columns than the shapes of the images."""
    shapes = [_column("lidar_segmentation", each, "shape") for each in _RETURNS]
    return read_parquet(path, [_FRAME, _LASER, *shapes, *more], [(_LASER, "=", _TOP)])


def _labelled(labels: ParquetTable) -> dict[int, int]:
    """Return the rows of frames with labels by time, in the order of the times."""
    shape = _column("lidar_segmentation", _RETURNS[0], "shape")
    rows = {int(time): row for row, time in enumerate(labels.numbers(_FRAME)) if labels.listed(shape, row) is not None}
    return dict(sorted(rows.items()))


def _frames(path: Path) -> Iterator[tuple[int, _Frame]]:
    """Yield the labelled frames of a segment with their times."""
    labels = _labels_of(path, *(_column("lidar_segmentation", each, "values") for each in _RETURNS))
    labelled = _labelled(labels)
    if not labelled:
        return
    parts = {
        component: _of_frames(path, component, list(labelled), columns)
        for component, columns in (
            ("lidar", [f"{each}.{part}" for each in _RETURNS for part in ("values", "shape")]),
            ("lidar_pose", [f"{_RETURNS[0]}.{part}" for part in ("values", "shape")]),
            ("vehicle_pose", ["world_from_vehicle.transform"]),
        )
    }
    calibration = _Calibration(_component(path, "lidar_calibration"))
    for time, row in labelled.items():
        rows = {component: (table, found[time]) for component, (table, found) in parts.items()}
        yield time, _frame({**rows, "lidar_segmentation": (labels, row)}, calibration)


def _of_frames(
    labels: Path, component: str, times: list[int], columns: list[str]
) -> tuple[ParquetTable, dict[int, int]]:
    """Return a component of some frames, and the row of each time."""
    path, of_lidar = _component(labels, component), component != "vehicle_pose"
    only: list[tuple[str, str, Any]] = [(_FRAME, "in", times)]
    only += [(_LASER, "=", _TOP)] if of_lidar else []
    keys = [_FRAME, *([_LASER] if of_lidar else [])]
    table = read_parquet(path, [*keys, *(_column(component, each) for each in columns)], only)
    rows = {int(time): row for row, time in enumerate(table.numbers(_FRAME))}
    if lacking := sorted(set(times) - set(rows)):
        raise DatasetCorrupt(
            f"Labelled frames are absent from the component '{component}'", where=path,
            expected=f"all {len(times)} frames that lidar_segmentation has",
            found=f"{len(lacking)} absent, first: {lacking[0]}", next_step=NEXT_STEP,
        )  # fmt: skip
    return table, rows


class _Calibration:
    """Mounting and beams of the LiDAR on the roof.

    Args:
        path: File of the component.

    Raises:
        DatasetCorrupt: It has no row for this LiDAR.
    """

    def __init__(self, path: Path) -> None:
        extrinsic = _column("lidar_calibration", "extrinsic", "transform")
        self._beams = _column("lidar_calibration", "beam_inclination")
        ends = [f"{self._beams}.{part}" for part in ("min", "max", "values")]
        self._table = read_parquet(path, [_LASER, extrinsic, *ends], [(_LASER, "=", _TOP)])
        if not len(self._table):
            raise DatasetCorrupt(
                "A segment has no calibration of the LiDAR on the roof", where=path,
                expected=f"a row whose {_LASER} is {_TOP}", found="none", next_step=NEXT_STEP,
            )  # fmt: skip
        self.vehicle_from_lidar = _matrix(self._table, extrinsic, 0)

    def inclinations(self, height: int) -> NDArray[np.float64]:
        """Return (H,) angles of the rows; files have them from the lowest beam, rows begin with the highest."""
        values = self._table.listed(f"{self._beams}.values", 0)
        if values is None:
            ends = [self._table.number(f"{self._beams}.{end}", 0) for end in ("min", "max")]
            if ends[0] is None or ends[1] is None:
                raise DatasetCorrupt(
                    "A LiDAR has no inclinations of beams", where=self._table.path, expected="values, or min and max",
                    found=f"min {ends[0]}, max {ends[1]}, no values", next_step=NEXT_STEP,
                )  # fmt: skip
            values = uniform_inclinations(ends[0], ends[1], height)
        if len(values) != height:
            raise DatasetCorrupt(
                "A range image has another number of rows than the LiDAR has beams", where=self._table.path,
                expected=len(values), found=height, next_step=NEXT_STEP,
            )  # fmt: skip
        return np.asarray(values[::-1], np.float64)


def _matrix(table: ParquetTable, column: str, row: int) -> Matrix:
    values = table.listed(column, row)
    if values is None or len(values) != 16 or not np.isfinite(values).all():
        raise DatasetCorrupt(
            "A pose is no matrix", where=f"{table.path}, {column}", expected="16 finite numbers",
            found="none" if values is None else f"{len(values)} numbers", next_step=NEXT_STEP,
        )  # fmt: skip
    return np.asarray(values, np.float64).reshape(4, 4)


def _frame(rows: dict[str, tuple[ParquetTable, int]], calibration: _Calibration) -> _Frame:
    """Return the points of one frame: those of the first return, then those of the second."""
    pose = _image(rows, "lidar_pose", _RETURNS[0])
    table, row = rows["vehicle_pose"]
    vehicle = _matrix(table, _column("vehicle_pose", "world_from_vehicle", "transform"), row)
    points, labels = [], []
    for each in _RETURNS:
        image = _image(rows, "lidar", each)
        if image is None and each != _RETURNS[0]:
            continue
        told = _image(rows, "lidar_segmentation", each)
        for other in (told, pose):
            if image is None or other is None or other.shape[:2] != image.shape[:2]:
                component = "lidar_segmentation" if other is told else "lidar_pose"
                raise _other_shape(*rows[component], component, image, other)
        assert image is not None and told is not None and pose is not None
        met = image[..., 0] > 0
        inclinations = calibration.inclinations(len(image))
        found = np.empty((int(met.sum()), 4), np.float32)
        found[:, :3] = places(image[..., 0], inclinations, calibration.vehicle_from_lidar, pose, vehicle)[met]
        found[:, 3] = np.tanh(image[..., 1][met])
        points.append(found)
        labels.append(told[met])
    numbers = np.concatenate(labels)
    return _Frame(np.concatenate(points), numbers[:, 1].astype(np.int64), numbers[:, 0].astype(np.int32))


def _image(rows: dict[str, tuple[ParquetTable, int]], component: str, which: str) -> NDArray[Any] | None:
    """Return (H, W, C) an image of a component, or None where there is none."""
    table, row = rows[component]
    values, shape = (table.listed(_column(component, which, part), row) for part in ("values", "shape"))
    if values is None or shape is None:
        return None
    sides = shape.tolist()
    if len(sides) != 3 or sides[2] != _CHANNELS[component] or np.prod(sides) != len(values):
        raise DatasetCorrupt(
            f"An image of the component '{component}' has another shape", where=f"{table.path}, {which}",
            expected=f"(H, W, {_CHANNELS[component]}), and as many values", found=f"{sides}, {len(values)} values",
            next_step=NEXT_STEP,
        )  # fmt: skip
    return values.reshape(sides)


def _other_shape(
    table: ParquetTable, row: int, component: str, image: NDArray[Any] | None, other: NDArray[Any] | None
) -> DatasetCorrupt:
    shapes = ["no image" if each is None else f"{each.shape[0]} x {each.shape[1]}" for each in (image, other)]
    return DatasetCorrupt(
        f"A range image and that of '{component}' differ in shape", where=f"{table.path}, row {row}",
        expected=f"{shapes[0]}, as in the component 'lidar'", found=shapes[1], next_step=NEXT_STEP,
    )  # fmt: skip


READER = Waymo()
