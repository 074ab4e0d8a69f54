"""Hidden parts and predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.evidence.test_reconstructions import stored
from tests.reporting.fabricate import Fabricated, svg

from concord3d.reporting.figures.kinds.reconstructions import shown_hidden

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: reconstructions
    title: T
    caption: C
    options:
      experiments: {one: pictures, other: clouds}
      explained: {one: Patches., other: Groups.}
      num_objects: 2
      protocol: linear_svm
"""


def test_pictures_of_one_experiment_and_clouds_of_another(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    stored(made, "one", with_points=False)
    stored(made, "other")
    text = svg(made, "f")
    assert text.count(">seen<") == text.count(">left to the network<") == text.count(">predicted<") == 2
    assert text.count(">shape 0<") == text.count(">shape 2<") == 2 and "shape 1" not in text, "spread evenly"
    assert "data_kind: synthetic" in text and "Patches. Groups." in text and "Not run" not in text


def test_clouds_whose_groups_are_not_predicted_as_points_are_left_out(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    stored(made, "other", with_points=False)
    assert "needs reconstructions of one, other" in svg(made, "f")
    stored(made, "one", with_points=False)
    text = svg(made, "f")
    assert text.count(">predicted<") == 1
    assert "Patches. Not run at this scale: clouds of other." in text, "what is not drawn is not explained"


def test_a_hidden_patch_covers_its_pixels() -> None:
    hidden = shown_hidden(np.array([[True, False], [False, False]]), np.zeros((1, 4, 4, 3), np.uint8))
    assert hidden.tolist() == [[True, True, False, False]] * 2 + [[False] * 4] * 2


def test_the_same_examples_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(REPORT)
        stored(made, "one")
        texts.append(svg(made, "f"))
    assert texts[0] == texts[1]
