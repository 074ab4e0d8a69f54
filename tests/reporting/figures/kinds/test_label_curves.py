"""What a teacher's labels are worth by how many are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tests.reporting.fabricate import Fabricated, outcomes, svg

from concord3d.reporting.figures.kinds import label_curves

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: label_curves
    title: T
    caption: C
    options:
      experiments: {old: before it, new: after it}
      dataset: modelnet40
      protocol: linear_svm
      votes: {image: of pictures, joint: of the surer branch}
      levels: {a published threshold: 0.84}
"""


def curve(right: float) -> dict[str, list[float]]:
    return {"coverage": [50.0, 100.0], "right": [right, right - 20], "confidence": [0.9, 0.5]}


def measured(root: Path, after: dict[str, Any] | None = None) -> Fabricated:
    made = Fabricated(root, "demo", "synthetic")
    made.report(REPORT)
    for seed in (1, 2):
        told = {"image": curve(80 + 4 * seed), "point": curve(60), "joint": curve(90)}
        made.accuracy("old", outcomes(100, 50), seed, details={"label_curves": told})
        made.accuracy("new", outcomes(100, 50), seed, details=told if after is None else after)
    return made


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The panels of the figure that is drawn next."""
    kept: list[Axes] = []

    def panels(*arguments: Any, **options: Any) -> tuple[Figure, list[Axes]]:
        figure, axes = original(*arguments, **options)
        kept.extend(axes)
        return figure, axes

    original = label_curves.panels
    monkeypatch.setattr(label_curves, "panels", panels)
    return kept


def test_curves_are_means_over_seeds_with_the_threshold_beside_them(tmp_path: Path, drawn: list[Axes]) -> None:
    told = {"label_curves": {"image": curve(70), "joint": curve(75)}}
    text = svg(measured(tmp_path, told), "f")
    worth, sure = drawn
    assert [list(line.get_ydata()) for line in worth.lines] == [[86, 66], [90, 70], [70, 50], [75, 55]]
    assert [line.get_linestyle() for line in worth.lines] == ["-", "-", "--", "--"]
    assert list(sure.lines[0].get_xdata()) == [50, 100] and list(sure.lines[0].get_ydata()) == [90, 50]
    assert list(sure.lines[-1].get_ydata()) == [84, 84]
    for name in ("of pictures", "of the surer branch", "before it", "after it", "a published threshold"):
        assert f">{name}<" in text


def test_an_experiment_that_tells_nothing_of_labels_is_named(tmp_path: Path, drawn: list[Axes]) -> None:
    text = svg(measured(tmp_path), "f")
    assert len(drawn[0].lines) == 2 and "after it" in text and text.count(">after it<") == 0


def test_without_any_there_is_nothing_to_draw(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    made.accuracy("old", outcomes(100, 50))
    assert "nothing to draw at scale 'demo'" in svg(made, "f")
