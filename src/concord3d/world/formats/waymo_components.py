"""Components of the Waymo Open Dataset, second version, as Parquet files (CMCR spec 1.3).

One file holds one component of one segment: a row for each frame and LiDAR that it speaks of. Names and types of the
columns are those of the schemas in waymo-research/waymo-open-dataset.

Shape legend: H rows, W columns of a range image, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix

# Of the LiDARs: the one on the roof.
TOP = 1
# Official classes by their numbers; 0 is "undefined".
CLASSES = (
    "car", "truck", "bus", "other-vehicle", "motorcyclist", "bicyclist", "pedestrian", "sign", "traffic-light", "pole",
    "construction-cone", "bicycle", "motorcycle", "building", "vegetation", "tree-trunk", "curb", "road", "lane-marker",
    "other-ground", "walkable", "sidewalk",
)  # fmt: skip
_SEGMENT, _FRAME, _LASER = "key.segment_context_name", "key.frame_timestamp_micros", "key.laser_name"
_FIRST, _SECOND = "range_image_return1", "range_image_return2"


@dataclass(frozen=True)
class WaymoFrame:
    """One frame of the LiDAR on the roof.

    Attributes:
        time: Microseconds.
        returns: (2, H, W, 4) float32 range in metres, intensity, elongation, whether in a zone without boxes; the first
            return of each pixel and the second, -1 where there is none.
        labels: (2, H, W, 2) int32 instance and class of each return, or None where the frame has no labels.
        pose: (H, W, 6) float32 roll, pitch, yaw, x, y, z of the vehicle on the map when a pixel was measured.
        global_from_vehicle: (4, 4) its pose at the time of the frame.
    """

    time: int
    returns: NDArray[np.float32]
    labels: NDArray[np.int32] | None
    pose: NDArray[np.float32]
    global_from_vehicle: Matrix


def write_segment(
    folder: Path,
    segment: str,
    vehicle_from_lidar: Matrix,
    inclinations: NDArray[np.float64],
    frames: Sequence[WaymoFrame],
) -> None:
    """Write all components of one segment; not synced, for the caller renames the whole.

    Args:
        folder: Of the split.
        segment: Name of the segment.
        vehicle_from_lidar: (4, 4) where the LiDAR is mounted.
        inclinations: (H,) radians above the horizontal of the beams, from the lowest.
        frames: In the order of their times.
    """
    labelled = [frame for frame in frames if frame.labels is not None]
    _write(folder, segment, "vehicle_pose", "VehiclePoseComponent", frames, _pose_columns(frames), by_laser=False)
    _write(folder, segment, "lidar", "LiDARComponent", frames, {
        _FIRST: [frame.returns[0] for frame in frames], _SECOND: [frame.returns[1] for frame in frames],
    })  # fmt: skip
    _write(folder, segment, "lidar_pose", "LiDARPoseComponent", frames, {_FIRST: [frame.pose for frame in frames]})
    _write(folder, segment, "lidar_segmentation", "LiDARSegmentationLabelComponent", labelled, {
        name: [frame.labels[number] for frame in labelled if frame.labels is not None]
        for number, name in enumerate((_FIRST, _SECOND))
    })  # fmt: skip
    _write_calibration(folder, segment, vehicle_from_lidar, inclinations)


def _pose_columns(frames: Sequence[WaymoFrame]) -> dict[str, list[Any]]:
    return {"world_from_vehicle.transform": [frame.global_from_vehicle for frame in frames]}


def _write_calibration(
    folder: Path, segment: str, vehicle_from_lidar: Matrix, inclinations: NDArray[np.float64]
) -> None:
    import pyarrow as pa

    double, prefix = pa.float64(), "[LiDARCalibrationComponent]"
    _save(folder / "lidar_calibration" / f"{segment}.parquet", {
        _SEGMENT: pa.array([segment]),
        _LASER: pa.array([TOP], pa.int8()),
        f"{prefix}.extrinsic.transform": pa.array([vehicle_from_lidar.ravel().tolist()], pa.list_(double, 16)),
        f"{prefix}.beam_inclination.min": pa.array([inclinations.min()], double),
        f"{prefix}.beam_inclination.max": pa.array([inclinations.max()], double),
        f"{prefix}.beam_inclination.values": pa.array([inclinations.tolist()], pa.list_(double)),
    })  # fmt: skip


def _write(
    folder: Path,
    segment: str,
    component: str,
    class_name: str,
    frames: Sequence[WaymoFrame],
    arrays: Mapping[str, list[Any]],
    by_laser: bool = True,
) -> None:
    """Write one component; (4, 4) matrices have one column each, images one of values and one of their shape."""
    # It takes half a second to import, and every plan imports the world.
    import pyarrow as pa

    columns = {
        _SEGMENT: pa.array([segment] * len(frames), pa.string()),
        _FRAME: pa.array([frame.time for frame in frames], pa.int64()),
    }
    if by_laser:
        columns[_LASER] = pa.array([TOP] * len(frames), pa.int8())
    for name, own in arrays.items():
        if not by_laser:
            rows = [array.ravel().tolist() for array in own]
            columns[f"[{class_name}].{name}"] = pa.array(rows, pa.list_(pa.float64(), 16))
            continue
        kind = pa.int32() if component == "lidar_segmentation" else pa.float32()
        columns[f"[{class_name}].{name}.values"] = pa.array([array.ravel() for array in own], pa.list_(kind))
        shapes = [list(array.shape) for array in own]
        columns[f"[{class_name}].{name}.shape"] = pa.array(shapes, pa.list_(pa.int32(), 3))
    _save(folder / component / f"{segment}.parquet", columns)


def _save(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path)
