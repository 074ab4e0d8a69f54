"""Several stored arrays read as one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concord3d.features.stored import ShardedRows


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.data())
def test_sharded_rows_read_as_the_joint_array_would(sizes: list[int], data: st.DataObject) -> None:
    joint = np.arange(sum(sizes) * 6).reshape(-1, 3, 2)
    rows = ShardedRows(np.split(joint, np.cumsum(sizes)[:-1]))
    assert len(rows) == len(joint) and rows.shape == joint.shape
    places = st.lists(st.integers(0, len(joint) - 1), max_size=8) if len(joint) else st.just([])
    index = np.array(data.draw(places), dtype=np.int64)
    views = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(index), max_size=len(index))), dtype=np.int64)
    assert np.array_equal(rows.read(index), joint[index])
    assert np.array_equal(rows.read(index, views), joint[index, views])
