"""Which shapes a grid shows, and their pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated
from tests.reporting.figures.kinds.test_retrieval_grid import NAMES, files_of, retrieval, retrieved, store_pictures

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.reporting.evidence.retrieved_shapes import read_pictures, shown_shapes


def test_which_shapes_need_a_picture(tmp_path: Path) -> None:
    made = retrieved(tmp_path)
    rows, names = shown_shapes(files_of(made))
    assert rows.tolist() == list(range(8)) and names == NAMES
    only = Fabricated(tmp_path / "only")
    only.write(retrieval([[1, 1, 1, 1, 1], [4, 4, 4, 4, 4]]), "left", 1, "things", "retrieval")
    rows, names = shown_shapes(files_of(only))
    assert rows.tolist() == [0, 1, 2, 3, 4, 5] and names == NAMES[:6]
    rows, names = shown_shapes([])
    assert len(rows) == 0 and names == ()


def test_retrievals_on_other_shapes_are_refused(tmp_path: Path) -> None:
    made = retrieved(tmp_path)
    result = retrieval([[1, 0, 2, 3, 4], [6, 4, 5, 7, 0]])
    other = ProtocolResult(result.records, {}, NAMES[::-1], {}, result.arrays)
    made.write(other, "other", 1, "things", "retrieval")
    with pytest.raises(ReportingError, match="different test splits"):
        shown_shapes(files_of(made))


def test_depth_pictures_are_grey(tmp_path: Path) -> None:
    depth = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4, 1)
    read = read_pictures(store_pictures(Fabricated(tmp_path), NAMES[:3], depth))
    np.testing.assert_array_equal(read[NAMES[1]], np.repeat(depth[1], 3, axis=2))


def test_pictures_that_cannot_be_right_are_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for images in (np.zeros((3, 6, 6, 3), np.float32), np.zeros((3, 6, 6), np.uint8), np.zeros((2, 6, 6, 3), np.uint8)):
        with pytest.raises(ReportingError, match="another form"):
            read_pictures(store_pictures(made, NAMES[:3], images))
    path = store_pictures(made, NAMES[:3])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableFile, match="Cannot read pictures"):
        read_pictures(path)
