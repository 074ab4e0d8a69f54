"""Recordings of ScanNet: frames come back, and what cannot be read is refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from concord3d.data.formats.sens import SensFile
from concord3d.errors import UnreadableFile

POSES = [np.eye(4), np.full((4, 4), -np.inf), np.diag([1.0, -1, -1, 1])]
PICTURES = [b"\xff\xd8 first", b"\xff\xd8 second, longer", b"\xff\xd8"]
INTRINSICS = np.array([[50, 0, 31.5, 0], [0, 51, 23.5, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def sens(version: int = 4, compression: int = 2, pictures: list[bytes] = PICTURES, name: bytes = b"Sensor") -> bytes:
    content = struct.pack("<IQ", version, len(name)) + name
    for matrix in (INTRINSICS, np.eye(4), 2 * INTRINSICS, np.eye(4)):
        content += matrix.astype("<f4").tobytes()
    content += struct.pack("<iiIIIIfQ", compression, 1, 64, 48, 32, 24, 1000.0, len(pictures))
    for pose, picture in zip(POSES, pictures, strict=False):
        depth = zlib.compress(np.zeros((24, 32), "<u2").tobytes())
        content += pose.astype("<f4").tobytes() + struct.pack("<QQQQ", 1, 2, len(picture), len(depth)) + picture + depth
    return content + struct.pack("<Q", 0)


def test_frames_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    path.write_bytes(sens())
    recording = SensFile(path)
    assert recording.size == (48, 64) and [frame.number for frame in recording.frames] == [0, 1, 2]
    np.testing.assert_array_equal(recording.intrinsics, INTRINSICS[:3, :3])
    assert [recording.picture(frame) for frame in reversed(recording.frames)] == PICTURES[::-1]
    for frame, pose in zip(recording.frames, POSES, strict=True):
        np.testing.assert_array_equal(frame.pose, pose)
    path.write_bytes(sens(pictures=[]))
    assert SensFile(path).frames == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sens(version=5), r"another form(.|\n)*a\.sens(.|\n)*version 4(.|\n)*version 5"),
        (sens(compression=1), "JPEG(.|\n)*compression 1"),
        (sens(name=b"x" * 5000), "5000 characters"),
        (b"", "truncated"),
        (sens()[:200], "truncated"),
        (sens()[:-60], "truncated"),
        (sens()[:-12], r"truncated(.|\n)*frame 2 of 3"),
        (b"PK\x03\x04" + sens(), "version 67324752"),
    ],
)
def test_what_is_no_recording_of_version_4_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.sens").write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        SensFile(tmp_path / "a.sens")


def test_an_absent_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"a\.sens"):
        SensFile(tmp_path / "a.sens")
