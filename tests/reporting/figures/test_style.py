"""What the figures of a report share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.errors import ConfigError
from concord3d.reporting.figures.style import shortened


def test_a_figure_names_what_it_measures(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    figure = "  - {id: f, kind: bars, title: T, caption: C, options: {experiments: {a: b}, datasets: [modelnet40]}}\n"
    made.report("paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + figure)
    with pytest.raises(ConfigError, match="missing key 'protocol'; missing key 'metric'"):
        svg(made, "f")


def test_a_figure_without_data_names_what_it_needs_in_few_words(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    names = ", ".join(f"experiment_{number}: experiment {number}" for number in range(60))
    options = f"{{experiments: {{{names}}}, datasets: [modelnet40], protocol: linear_svm, metric: overall_accuracy}}"
    figure = f"  - {{id: f, kind: bars, title: T, caption: C, options: {options}}}\n"
    made.report("paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + figure)
    text = svg(made, "f")
    assert "nothing to draw at scale" in text and "experiment_0" in text
    assert "experiment_59" not in text and " ..." in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a long list of words", "a long..."),
        ("short", "short"),
        ("0123456789abcdef", "0123456..."),
        ("0123456789abcdef words", "0123456..."),
        ("...", "..."),
        ("", ""),
    ],
)
def test_a_long_name_keeps_its_beginning(text: str, shown: str) -> None:
    assert shortened(text, 10) == shown
