"""What happens during a training."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg, two_branches_like

from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.files import write_json
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.figures.kinds import history_curves
from concord3d.reporting.figures.kinds.history_curves import Curve, Options
from concord3d.reporting.figures.style import FigureContext

REPORT = """
paper: cross_most
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: history_curves
    title: T
    caption: C
    options:
      experiments: {cross_most_modelnet40: Both, never: Never}
      dataset: modelnet40
      protocol: two_branches
      columns:
        - {title: labels, y_label: share (%), curves: {by points: {figure: from_points, over: coverage/points}}}
        - {title: test, y_label: accuracy (%), curves: {teacher: {snapshot: teacher_point_top1}}}
"""


def context_of(made: Fabricated) -> FigureContext:
    report = made.material.report
    return FigureContext(report.figure("f"), report, load_results(made.inputs), (), made.inputs, {})


def values(made: Fabricated, seed: int = 1, **curve: str) -> dict[int, float]:
    context = context_of(made)
    options = validate(Options, context.spec.options, "f")
    return history_curves._values(context, options, "cross_most_modelnet40", seed, Curve(**curve))


def test_shares_of_figures_and_accuracies_of_snapshots(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    made.report(REPORT)
    by_points = values(made, figure="from_points", over="coverage/points")
    assert by_points[1] == pytest.approx(28.0) and by_points[6] == pytest.approx(43.0) and len(by_points) == 6
    others = values(made, figure="coverage/pictures", minus="from_points", over="coverage/pictures")
    assert others[6] == pytest.approx(57.0)
    pictures = values(
        made, figure="right/pictures", minus="right/from_points", over="coverage/pictures", over_minus="from_points"
    )
    assert pictures[6] == pytest.approx(100 * (0.82 - 0.43 * 0.72) / 0.57)
    assert values(made, figure="vote/points")[2] == pytest.approx(39.0), "a share of the whole batch"
    assert values(made, seed=2, snapshot="teacher_point_top1") == {2: 40.0, 4: 46.0, 6: 52.0}
    assert values(made, figure="nowhere") == {}


def test_an_epoch_that_keeps_no_label_has_no_share(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    made.report(REPORT)
    history = [
        {"epoch": 1, "from_points": 0.0, "coverage/points": 0.0},
        {"epoch": 2, "from_points": 0.1, "coverage/points": 0.2},
    ]
    write_json(tmp_path / "artifacts" / "train" / "cross_most_modelnet40__s1" / "train.json", {"history": history})
    assert values(made, figure="from_points", over="coverage/points") == {2: pytest.approx(50.0)}


def test_every_experiment_with_a_history_has_a_row(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    made.report(REPORT)
    text = svg(made, "f")
    assert "Both: labels" in text and "Both: test" in text and ">Never: labels<" not in text
    assert "Not run at this scale: Never." in text
    assert "by points" in text and "teacher" in text and "data_kind: synthetic" in text
    made.report(REPORT.replace("cross_most_modelnet40", "nothing"))
    assert "nothing to draw at scale" in svg(made, "f")


def test_a_curve_has_one_source() -> None:
    with pytest.raises(ConfigError, match="either figure or snapshot"):
        validate(Curve, {"figure": "a", "snapshot": "b"}, "a curve")
    with pytest.raises(ConfigError, match="either figure or snapshot"):
        validate(Curve, {}, "a curve")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        made = two_branches_like(tmp_path / name)
        made.report(REPORT)
        texts.append(svg(made, "f"))
    assert texts[0] == texts[1]


def test_figures_that_are_no_shares_stand_as_they_are(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    made.report(REPORT)
    context = context_of(made)
    options = validate(Options, context.spec.options, "f")
    arguments = (context, options, "cross_most_modelnet40", 1, Curve(figure="from_points"))
    shares, plain = history_curves._values(*arguments), history_curves._values(*arguments, factor=1.0)
    assert {epoch: 100 * value for epoch, value in plain.items()} == pytest.approx(shares)
    made.report(REPORT.replace("y_label: share (%),", "y_label: share, percent: false,"))
    assert svg(made, "f") != ""


def test_single_points_of_curves_stand_beside_each_other(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    curves = "curves: {one: {figure: from_points}, two: {figure: from_points}}"
    made.report(REPORT.replace("curves: {by points: {figure: from_points, over: coverage/points}}", curves))

    def apart(epochs: tuple[int, ...]) -> float:
        history = [{"epoch": epoch, "from_points": 0.5} for epoch in epochs]
        for seed in (1, 2):
            path = tmp_path / "artifacts" / "train" / f"cross_most_modelnet40__s{seed}" / "train.json"
            write_json(path, {"history": history})
        text = svg(made, "f")
        [first], [second] = (
            {float(x) for x in re.findall(rf'<use [^>]*x="([\d.]+)" y="[\d.]+" style="fill: {color}', text)[:1]}
            for color in ("#0072b2", "#d55e00")
        )
        return second - first

    assert apart((3, 4)) == 0
    assert apart((3,)) == pytest.approx(history_curves.SHIFT, abs=0.1)
