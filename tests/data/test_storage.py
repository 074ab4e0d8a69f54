"""Rows that grow in a temporary file."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.data.storage import ScratchRows


@pytest.mark.parametrize("mapped", [False, True])
def test_rows_come_back_in_their_order(monkeypatch: pytest.MonkeyPatch, mapped: bool) -> None:
    if mapped:
        monkeypatch.setattr("concord3d.data.storage.MAPPED_BYTES", 8)
    rows, parts = ScratchRows(np.float32, (2, 3)), [np.full((n, 2, 3), n) for n in (3, 0, 2)]
    for part in parts:
        rows.append(part)
    found = rows.array()
    assert len(rows) == 5 and found.dtype == np.float32 and isinstance(found, np.memmap) == mapped
    np.testing.assert_array_equal(found, np.concatenate(parts))
    with pytest.raises(ValueError, match=r"\(3,\) where \(2, 3\)"):
        rows.append(np.zeros((1, 3)))
    assert ScratchRows(np.int64, (4,)).array().shape == (0, 4)
