"""ScanNet's ``.sens``, version 4: colour and depth frames of a recording with their poses (CrossOver spec 1.2).

Little-endian: version u32; length u64 and name of the sensor; four (4, 4) float32, of colour intrinsics and extrinsics,
then of depth; compression i32 of colour (2 is JPEG) and of depth; width and height u32 of colour, then of depth; depth
units in a metre f32; number of frames u64. Then of each frame the pose (4, 4) float32, two times u64, sizes u64 of its
colour and depth, and these; last the measurements of motion, which are not read.

Shape legend: H and W height and width.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile

VERSION = 4
_JPEG = 2
_START = struct.Struct("<IQ")
_MATRICES = struct.Struct("<64f")
_FORMS = struct.Struct("<iiIIIIfQ")
_FRAME = struct.Struct("<16fQQQQ")
_LONGEST_NAME = 4096


@dataclass(frozen=True)
class SensFrame:
    """One frame.

    Attributes:
        number: From 0, in the order of the recording.
        pose: (4, 4) float64 from the camera to the scan's raw frame; not finite where tracking was lost.
        start: First byte of its colour picture in the file.
        size: Bytes of its colour picture.
    """

    number: int
    pose: NDArray[np.float64]
    start: int
    size: int


class SensFile:
    """A recording; of its pictures only those asked for are read.

    Args:
        path: The file.

    Attributes:
        intrinsics: (3, 3) float64 of the colour pictures, the centres of whose pixels have whole coordinates.
        size: H, W of the colour pictures.
        frames: All frames.

    Raises:
        UnreadableFile: The file is absent, truncated, of another version, or its pictures are no JPEG files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                length = path.stat().st_size
                version, name_length = _START.unpack(stream.read(_START.size))
                if version != VERSION:
                    raise _refused(path, f"version {VERSION}", f"version {version}")
                if name_length > _LONGEST_NAME:
                    raise _refused(path, "the name of a sensor", f"{name_length} characters")
                stream.seek(name_length, 1)
                matrices = np.array(_MATRICES.unpack(stream.read(_MATRICES.size))).reshape(4, 4, 4)
                compression, _, width, height, _, _, _, count = _FORMS.unpack(stream.read(_FORMS.size))
                if compression != _JPEG:
                    raise _refused(path, f"colour compressed as JPEG ({_JPEG})", f"compression {compression}")
                self.intrinsics: NDArray[np.float64] = matrices[0, :3, :3]
                self.size = (height, width)
                self.frames = tuple(_frames(stream, count, length))
        except (OSError, struct.error, EOFError) as error:
            raise UnreadableFile("A .sens file is truncated", where=path, found=error, next_step=NEXT_STEP) from error

    def picture(self, frame: SensFrame) -> bytes:
        """Return the JPEG file of a frame."""
        with self.path.open("rb") as stream:
            stream.seek(frame.start)
            return stream.read(frame.size)


def _frames(stream: BinaryIO, count: int, length: int) -> Iterator[SensFrame]:
    for number in range(count):
        *pose, _, _, color, depth = _FRAME.unpack(stream.read(_FRAME.size))
        start = stream.tell()
        if start + color + depth > length:
            raise EOFError(f"{length} bytes end in frame {number} of {count}")
        stream.seek(color + depth, 1)
        yield SensFrame(number, np.array(pose).reshape(4, 4), start, color)


def _refused(path: Path, expected: str, found: str) -> UnreadableFile:
    return UnreadableFile(
        "A .sens file is of another form", where=path, expected=expected, found=found, next_step=NEXT_STEP
    )
