"""Tables of numbers as lines of text."""

from __future__ import annotations

import numpy as np

from concord3d.world.formats.text_rows import text_rows


def test_each_row_is_a_line() -> None:
    table = [np.array([1, 2]), np.array([0.5, -0.25])]
    assert text_rows("v %d %.3f\n", table) == "v 1 0.500\nv 2 -0.250\n"
    assert text_rows("v %d\n", [np.array([], dtype=int)]) == ""
