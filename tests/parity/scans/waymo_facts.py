"""What the code of the Waymo Open Dataset reads of a split. It runs in `.venv-parity`, without Concord3D.

Arguments: the folder of a split, and an `.npz` that receives for each labelled frame, by its name
`<segment>/<microseconds>`, `<name>.points` (P, 6) range, intensity, elongation, x, y, z of the first return and then of
the second, and `<name>.labels` (P, 2) instance and class.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from waymo_open_dataset import v2
from waymo_open_dataset.v2.perception.utils import lidar_utils


def rows(folder, segment, kind):
    """Every row of a component of a segment, as an object of its class, whose schema the file must have."""
    table = pq.read_table(folder / v2.TAG_BY_COMPONENT[kind] / f"{segment}.parquet", partitioning=None)
    assert table.schema.equals(kind.schema()), f"{kind.__name__}\n{table.schema}\n{kind.schema()}"
    return [kind.from_dict(row) for row in table.to_pylist()]


def frames(folder, segment):
    top = v2.perception.lidar.LaserName.TOP.value
    [calibration] = [c for c in rows(folder, segment, v2.LiDARCalibrationComponent) if c.key.laser_name == top]
    poses = {p.key.frame_timestamp_micros: p for p in rows(folder, segment, v2.VehiclePoseComponent)}
    pixels = {p.key: p for p in rows(folder, segment, v2.LiDARPoseComponent)}
    images = {i.key: i for i in rows(folder, segment, v2.LiDARComponent)}
    for told in rows(folder, segment, v2.LiDARSegmentationLabelComponent):
        points, labels = [], []
        for image, label in zip(images[told.key].range_image_returns, told.range_image_returns, strict=True):
            cloud = lidar_utils.convert_range_image_to_point_cloud(
                image,
                calibration,
                pixels[told.key].range_image_return1,
                poses[told.key.frame_timestamp_micros],
                keep_polar_features=True,
            )
            points.append(cloud.numpy())
            labels.append(label.tensor.numpy()[image.tensor.numpy()[..., 0] > 0])
        yield told.key.frame_timestamp_micros, np.concatenate(points), np.concatenate(labels)


folder, facts = Path(sys.argv[1]), {}
for path in sorted((folder / "lidar_segmentation").glob("*.parquet")):
    for time, points, labels in frames(folder, path.stem):
        facts |= {f"{path.stem}/{time}.points": points, f"{path.stem}/{time}.labels": labels}
np.savez(sys.argv[2], **facts)
