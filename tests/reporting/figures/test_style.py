"""What the figures of a report share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.errors import ConfigError
from concord3d.reporting.figures.style import CLASS_COLORS, class_colors, not_run_note, shortened, top_of_percents


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


def test_what_is_not_run_is_named_with_its_place_unless_that_is_every_place() -> None:
    assert not_run_note([]) == ""
    absent = [("a", "here"), ("b", "here"), ("a", "there"), "c"]
    assert not_run_note(absent, ["here", "there"]) == "Not run at this scale: a; b on here; c."


def test_an_axis_of_percents_ends_above_its_highest_value() -> None:
    assert top_of_percents([2.0, 16.0]) == pytest.approx(18.4)
    assert top_of_percents([91.0]) == top_of_percents([]) == 108.0


def test_classes_have_colours_of_their_own() -> None:
    assert len({*CLASS_COLORS}) == len(CLASS_COLORS) >= 20
    assert class_colors(20) == list(CLASS_COLORS[:20]) and len(set(class_colors(40))) == 40
