"""Accuracy against the C of the linear SVM."""

from __future__ import annotations

from pathlib import Path

import matplotlib.axes
import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated, outcomes, svg

from concord3d.protocols.evaluation.results import ProtocolResult, Record

REPORT = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: cost_curve
    title: T
    caption: C
    options:
      experiments: {mm_point: Trained, random_init: Untrained}
      datasets: [modelnet40, modelnet10]
      protocol: linear_svm
      metric: overall_accuracy
      published_cost: 0.01
      printed: [{table: linear_svm, method: Random init (DGCNN)}]
"""
PRINTED = ("linear_svm", "Random init (DGCNN)", "ModelNet40", "s", "overall accuracy", "66.0", "other_paper")
COSTS = (0.001, 1.0, 1e4)


def measured(
    made: Fabricated,
    experiment: str,
    values: tuple[float, ...],
    seed: int = 1,
    dataset: str = "modelnet40",
    cost: float = 30.0,
) -> None:
    right = outcomes(200, 150)
    curve = {f"{cost:g}": value for cost, value in zip(COSTS, values, strict=True)}
    details = {
        "cost": cost,
        "feature_rms": 0.0125 * seed,
        "test_accuracy_curve": {"last": curve, "epoch_0001": {f"{cost:g}": 99.0 for cost in COSTS}},
    }
    records = (
        Record("overall_accuracy", 75.0, 200, 68.0, 81.0),
        Record("overall_accuracy", 75.0, 200, 68.0, 81.0, "best_test"),
    )
    items = {f"overall_accuracy__{selection}": right for selection in ("last", "best_test")}
    made.write(ProtocolResult(records, items, made.names(200), details), experiment, seed, dataset, "linear_svm")


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Collect the ys of every line that is drawn with a label."""
    lines: list[np.ndarray] = []
    plot = matplotlib.axes.Axes.plot

    def noting(axis: matplotlib.axes.Axes, *args: object, **options: object) -> object:
        if "label" in options:
            lines.append(np.asarray(args[1]))
        return plot(axis, *args, **options)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", noting)
    return lines


def test_means_of_the_last_checkpoint_with_the_printed_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, lines = Fabricated(tmp_path), drawn(monkeypatch)
    made.report(REPORT)
    made.published(
        [("linear_svm", "Random init (DGCNN)", "ModelNet40", "s", "overall accuracy", "66.0", "other_paper")]
    )
    measured(made, "mm_point", (40.0, 72.0, 73.0))
    measured(made, "random_init", (4.0, 20.0, 80.0))
    measured(made, "random_init", (6.0, 30.0, 84.0), seed=2)
    text = svg(made, "f")
    assert [line.tolist() for line in lines] == [[40.0, 72.0, 73.0], [5.0, 25.0, 82.0]]
    assert "Trained (PointNet): feature RMS 0.013" in text and "Untrained (PointNet): feature RMS 0.019" in text
    assert "Random init (DGCNN) 66.0" in text and "C of the notebooks" in text and "data_kind: real" in text
    assert "modelnet10" not in text, "a data set that was not evaluated on has no panel"


def test_a_ring_stands_on_a_marker_also_where_one_seed_alone_has_this_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, lines = Fabricated(tmp_path), drawn(monkeypatch)
    made.report(REPORT)
    measured(made, "random_init", (4.0, 20.0, 80.0))
    measured(made, "random_init", (6.0, 30.0, 84.0), seed=2, cost=1e5)
    svg(made, "f")
    # The accuracy at the C of cross-validation is 75.
    assert [line.tolist() for line in lines] == [[5.0, 25.0, 82.0, 75.0]]


def test_printed_values_do_not_stand_beside_synthetic_data(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    made.published(
        [("linear_svm", "Random init (DGCNN)", "ModelNet40", "s", "overall accuracy", "66.0", "other_paper")]
    )
    measured(made, "random_init", (4.0, 20.0, 80.0))
    text = svg(made, "f")
    assert "printed" not in text and "Trained (PointNet):" not in text and "data_kind: synthetic" in text


def test_evaluations_without_a_curve_are_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    made.accuracy("mm_point", outcomes(200, 150))
    assert "nothing to draw at scale" in svg(made, "f")
