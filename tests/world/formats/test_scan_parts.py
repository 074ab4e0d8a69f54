"""What files of ScanNet and 3RScan have in common."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from concord3d.world.formats.scan_parts import LABEL_COLORS, over_segmentation, zip_bytes


def test_a_segment_belongs_to_one_object_and_reaches_no_farther_than_a_cell() -> None:
    rng = np.random.default_rng(0)
    vertices = rng.uniform(-2, 2, (400, 3)).astype(np.float32)
    instance = rng.integers(0, 4, 400).astype(np.int32)
    segments, of_object = over_segmentation(vertices, instance)
    assert set(of_object) == {0, 1, 2, 3}
    assert sorted(one for own in of_object.values() for one in own) == list(range(segments.max() + 1))
    for number, own in of_object.items():
        np.testing.assert_array_equal(np.isin(segments, own), instance == number)
    assert max(np.ptp(vertices[segments == one], axis=0).max() for one in range(segments.max() + 1)) < 0.81
    assert len(of_object[1]) > 10


def test_archives_do_not_depend_on_the_clock() -> None:
    files = {"a.txt": "one", "b/c.bin": b"\x00\x01"}
    content = zip_bytes(files)
    assert content == zip_bytes(files)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("a.txt") == b"one" and archive.read("b/c.bin") == b"\x00\x01"
        assert {info.date_time for info in archive.infolist()} == {(2020, 1, 1, 0, 0, 0)}


def test_classes_have_colours_of_their_own() -> None:
    assert LABEL_COLORS.shape == (41, 3) and len({tuple(color) for color in LABEL_COLORS}) == 41
    assert LABEL_COLORS[0].tolist() == [0, 0, 0]
