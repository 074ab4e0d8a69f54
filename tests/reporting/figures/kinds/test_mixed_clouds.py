"""Mixed clouds as a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from tests.reporting.evidence.test_mixed_clouds import stored
from tests.reporting.fabricate import Fabricated, svg

from concord3d.reporting.figures.kinds.mixed_clouds import source_colors
from concord3d.reporting.figures.style import COLORS, shape_name

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: mixed_clouds
    title: T
    caption: C
    options: {file: figures/mixed_clouds.npz, labels: {point_cut_mix_r: PointCutMix-R}, num_points: 40}
"""


def test_operators_across_weights_down_and_the_realised_share_below(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    stored(made)
    text = svg(made, "f")
    assert "PointCutMix-R" in text and "fps_mix" in text, "an operator without a label keeps its name"
    assert all(f"λ = {weight:g}" in text for weight in (0.1, 0.5, 0.9)) and "0.93" in text
    assert ">first shape: chair<" in text and ">second shape: lamp<" in text and "data_kind: synthetic" in text


def test_the_same_clouds_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(REPORT)
        stored(made)
        texts.append(svg(made, "f"))
    assert texts[0] == texts[1]


def test_clouds_that_were_not_made_are_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    assert "needs the mixed clouds of figures/mixed_clouds.npz" in svg(made, "f")


def test_colours_say_which_shape_a_point_comes_from() -> None:
    colors = source_colors(np.array([1.0, 0.0, 0.5]))
    first, second = np.array(to_rgb(COLORS[0])), np.array(to_rgb(COLORS[1]))
    assert np.allclose(colors, [first, second, (first + second) / 2])


def test_a_shape_is_named_without_its_collection() -> None:
    assert shape_name("buildings_pack_3__1Story_GableRoof") == "1Story GableRoof"
    assert shape_name("office_chair") == "office chair"
