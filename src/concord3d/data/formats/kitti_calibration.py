"""Files of calibration of KITTI's frames: where the left colour camera is, and what it sees (CMCR spec 1.3)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from concord3d.data.layout import NEXT_STEP, read_lines
from concord3d.errors import UnreadableFile
from concord3d.geometry.rigid import Matrix, rigid

_SHAPES = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}


class Calibration(NamedTuple):
    """Of one frame.

    Attributes:
        camera_from_lidar: (4, 4) to the frame of the left colour camera, after rectification.
        intrinsics: (3, 3).
        reference_from_lidar: (4, 4) to the frame of the reference camera after rectification, in which labels stand.
    """

    camera_from_lidar: Matrix
    intrinsics: Matrix
    reference_from_lidar: Matrix


def read_calibration(path: Path) -> Calibration:
    """Read the calibration of a frame.

    The left colour camera stands beside the reference camera; P2 = K [I | t] says where.

    Raises:
        UnreadableFile: A matrix is absent, or has another number of values.
    """
    told = dict(line.split(":", 1) for line in read_lines(path) if ":" in line)
    absent = [name for name in _SHAPES if name not in told]
    if absent:
        raise UnreadableFile(
            "A calibration lacks a matrix", where=path, expected=", ".join(_SHAPES), found=f"no {', '.join(absent)}",
            next_step=NEXT_STEP,
        )  # fmt: skip
    try:
        found = {name: np.array(told[name].split(), dtype=np.float64).reshape(shape) for name, shape in _SHAPES.items()}
        intrinsics = found["P2"][:, :3]
        beside = np.linalg.solve(intrinsics, found["P2"][:, 3])
    except (ValueError, np.linalg.LinAlgError) as error:
        raise UnreadableFile("Cannot read a calibration", where=path, found=error, next_step=NEXT_STEP) from error
    unrectified = rigid(found["Tr_velo_to_cam"][:, :3], found["Tr_velo_to_cam"][:, 3])
    reference = rigid(found["R0_rect"], [0.0, 0.0, 0.0]) @ unrectified
    return Calibration(rigid(np.eye(3), beside) @ reference, intrinsics, reference)
