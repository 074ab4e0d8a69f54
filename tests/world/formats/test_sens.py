"""ScanNet's streams, read byte by byte."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np

from concord3d.world.formats.sens import sens_bytes


def test_every_field_is_where_the_format_has_it() -> None:
    rng = np.random.default_rng(0)
    depth = rng.uniform(0, 5, (2, 3, 4)).astype(np.float32)
    depth[1, 0, 0] = 0
    poses = rng.normal(size=(2, 4, 4))
    matrix = np.array([[7.0, 0, 1.5], [0, 7.0, 1.0], [0, 0, 1]])
    stream = io.BytesIO(sens_bytes([b"first", b"second picture"], depth, poses, matrix))

    def take(form: str) -> tuple[object, ...]:
        return struct.unpack(form, stream.read(struct.calcsize(form)))

    version, length = take("<IQ")
    assert version == 4 and stream.read(int(length)) == b"StructureSensor"
    for expected in (matrix, np.eye(3), matrix, np.eye(3)):
        read = np.array(take("<16f")).reshape(4, 4)
        np.testing.assert_array_equal(read[:3, :3], expected)
        assert read[3].tolist() == [0, 0, 0, 1]
    assert take("<iiIIIIfQ") == (2, 1, 4, 3, 4, 3, 1000.0, 2)
    for number, picture in enumerate((b"first", b"second picture")):
        np.testing.assert_array_equal(np.array(take("<16f"), np.float32), poses[number].astype(np.float32).ravel())
        color_time, depth_time, color_size, depth_size = take("<QQQQ")
        assert color_time == depth_time and stream.read(int(color_size)) == picture
        units = np.frombuffer(zlib.decompress(stream.read(int(depth_size))), "<u2").reshape(3, 4)
        np.testing.assert_array_equal(units, np.rint(depth[number] * 1000))
    assert take("<Q") == (0,) and stream.read() == b""
