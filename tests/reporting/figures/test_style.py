"""What the figures of a report share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes, svg

from concord3d.errors import ConfigError


def test_a_figure_names_what_it_measures(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    figure = "  - {id: f, kind: bars, title: T, caption: C, options: {experiments: {a: b}, datasets: [modelnet40]}}\n"
    made.report("paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + figure)
    with pytest.raises(ConfigError, match="missing key 'protocol'; missing key 'metric'"):
        svg(made, "f")


def test_signs_of_formulas_in_words_stand_as_they_are(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    options = "{experiments: {a: 'a $_ b ^$'}, datasets: [modelnet40], protocol: linear_svm, metric: overall_accuracy}"
    figure = f"  - {{id: f, kind: bars, title: 'costs $5 or $6', caption: C, options: {options}}}\n"
    made.report("paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + figure)
    made.accuracy("a", outcomes(200, 101))
    text = svg(made, "f")
    assert "costs $5 or $6" in text and "a $_ b ^$" in text


def test_a_figure_without_data_names_what_it_needs_in_few_words(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    names = ", ".join(f"experiment_{number}: experiment {number}" for number in range(60))
    options = f"{{experiments: {{{names}}}, datasets: [modelnet40], protocol: linear_svm, metric: overall_accuracy}}"
    figure = f"  - {{id: f, kind: bars, title: T, caption: C, options: {options}}}\n"
    made.report("paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + figure)
    text = svg(made, "f")
    assert "nothing to draw at scale" in text and "experiment_0" in text
    assert "experiment_59" not in text and " ..." in text
