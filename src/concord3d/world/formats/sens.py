"""ScanNet's ``.sens``: a stream of colour and depth frames with their poses, version 4 (CrossOver spec 1.2).

Layout, little-endian: version u32; length u64 and characters of the sensor's name; four 4 x 4 float32 (intrinsic and
extrinsic of colour, then of depth); compression of colour i32 (2: JPEG) and of depth i32 (1: zlib of u16); width and
height u32 of colour, then of depth; float32 depth units in a metre; number of frames u64. A frame: camera to world
4 x 4 float32, two u64 times in microseconds, sizes u64 of colour and depth, their bytes. Last the number u64 of
inertial measurements.

Shape legend: N frames, H and W height and width.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

VERSION = 4
DEPTH_UNITS = 1000.0
_SENSOR = b"StructureSensor"
_FRAME_US = 33_333


def sens_bytes(
    pictures: Sequence[bytes], depth: NDArray[np.floating], poses: NDArray[np.floating], intrinsic: NDArray[np.floating]
) -> bytes:
    """Return a stream whose colour and depth come from one camera.

    Args:
        pictures: N files in JPEG.
        depth: (N, H, W) metres, 0 where there is none.
        poses: (N, 4, 4) world_from_camera.
        intrinsic: (3, 3), in which the centre of a pixel has whole coordinates.
    """
    height, width = depth.shape[1:]
    matrix = np.eye(4, dtype="<f4")
    matrix[:3, :3] = intrinsic
    same = np.eye(4, dtype="<f4").tobytes()
    parts = [struct.pack("<IQ", VERSION, len(_SENSOR)), _SENSOR, matrix.tobytes(), same, matrix.tobytes(), same]
    parts.append(struct.pack("<iiIIIIfQ", 2, 1, width, height, width, height, DEPTH_UNITS, len(pictures)))
    units = np.rint(depth * DEPTH_UNITS).clip(0, 65535).astype("<u2")
    for number, picture in enumerate(pictures):
        packed = zlib.compress(units[number].tobytes(), 1)
        time = number * _FRAME_US
        parts += [poses[number].astype("<f4").tobytes(), struct.pack("<QQQQ", time, time, len(picture), len(packed))]
        parts += [picture, packed]
    return b"".join([*parts, struct.pack("<Q", 0)])
