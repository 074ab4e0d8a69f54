"""Colours of arms over the figures of a paper."""

from __future__ import annotations

from pathlib import Path

from tests.reporting.fabricate import Fabricated

from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.figures.arms import looks_of
from concord3d.reporting.figures.style import COLORS, FigureContext

HEAD = "paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n"
MEASURED = "datasets: [modelnet40], protocol: linear_svm, metric: overall_accuracy"


def colors(root: Path, *figures: str) -> dict[str, str]:
    made = Fabricated(root)
    entries = [f"  - {{id: f{n}, kind: {figure}, title: T, caption: C}}\n" for n, figure in enumerate(figures)]
    made.report(HEAD + "".join(entries))
    report = made.material.report
    context = FigureContext(report.figures[0], report, load_results(made.inputs), (), made.inputs, {})
    return {label: look.color for label, look in looks_of(context).items()}


def bars(*labels: str) -> str:
    experiments = ", ".join(f"{label}_of: {label}" for label in labels)
    return f"bars, options: {{experiments: {{{experiments}}}, {MEASURED}}}"


def test_an_arm_keeps_its_colour_under_another_name(tmp_path: Path) -> None:
    curves = "{second arm: {1: b_of, 2: other}, a: {1: another}, c: {1: c_of}}"
    found = colors(tmp_path, bars("a", "b"), f"views_curve, options: {{curves: {curves}, {MEASURED}}}")
    assert list(found.values()) == [COLORS[0], COLORS[1], COLORS[1], COLORS[2]]
    assert found["second arm"] == found["b"], "they have one experiment"


def test_figures_without_arms_take_no_colours(tmp_path: Path) -> None:
    seeds = "seeds, options: {protocol: linear_svm, metric: overall_accuracy, datasets: [modelnet40]}"
    assert colors(tmp_path, seeds, bars("a")) == {"a": COLORS[0]}


def test_beyond_the_palette_arms_of_one_figure_still_differ(tmp_path: Path) -> None:
    first, second = [f"a{number}" for number in range(6)], [f"b{number}" for number in range(5)]
    found = colors(tmp_path, bars(*first), bars(*second), bars("a0", "b4", "b3"), bars("b1", "a0"))
    for together in (first, second, ("a0", "b4", "b3"), ("b1", "a0")):
        assert len({found[label] for label in together}) == len(together)


def test_more_arms_than_colours_in_one_figure_use_each_colour_once_before_any_twice(tmp_path: Path) -> None:
    found = colors(tmp_path, bars(*(f"a{number}" for number in range(9))))
    assert set(found.values()) == set(COLORS) and len(found) == 9
