"""Pictures, hidden and rebuilt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure

from concord3d.reporting.figures.kinds.masked_pictures import hidden_pixels

OPTIONS = "{experiments: {one: ONE, two: TWO}, dataset: nuscenes, protocol: distillation}"


def test_the_error_of_a_row_is_that_of_hidden_pixels(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "masked_pictures", OPTIONS)
    pictures = np.full((2, 4, 8, 3), 100, np.uint8)
    hidden = np.zeros((2, 2, 4), np.bool_)
    hidden[:, 0, 1] = True
    rebuilt = pictures.copy()
    # Patches are of two pixels: (0:2, 2:4) is hidden, and wrong by 51 / 255 = 0.2; what is visible does not count.
    rebuilt[:, 0:2, 2:4] += 51
    rebuilt[:, 2:4, 6:8] = 0
    kept(made, "one", {"pictures": pictures, "hidden": hidden, "rebuilt": rebuilt})
    kept(made, "two", {"pictures": pictures, "hidden": hidden, "rebuilt": pictures})
    text = svg(made, "f")
    assert "ONE" in text and "error 0.0400" in text and "TWO" in text and "error 0.0000" in text
    assert text.count("<image") == 8 and "data_kind: real" in text


def test_hidden_patches_cover_their_pixels() -> None:
    patches = np.array([[[True, False], [False, False]]])
    np.testing.assert_array_equal(hidden_pixels(patches, (4, 6))[0].nonzero(), ([0, 0, 0, 1, 1, 1], [0, 1, 2] * 2))


def test_without_arrays_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "masked_pictures", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "distillation")
    assert "nothing to draw at scale" in svg(made, "f")
