"""Boxes and arrows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.errors import ConfigError

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: diagram
    title: T
    caption: C
    options:
      panels:
        - title: left
          size: [6, 4]
          boxes: {a: {text: "first\\nline", at: [1, 1]}, b: {text: second, at: [4, 3], paint: blue}}
          arrows: [{start: a, end: b, text: beside, both: true, dashed: true}]
"""


def test_boxes_and_arrows_with_their_words(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    text = svg(made, "f")
    assert all(word in text for word in ("left", "first", "line", "second", "beside"))
    assert "data_kind: none" in text, "no data are in a diagram"
    made.report(REPORT.replace("dashed: true", "dashed: false"))
    assert text.count("stroke-dasharray") > svg(made, "f").count("stroke-dasharray")


def test_an_arrow_to_nowhere_names_the_nearest_box(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT.replace("boxes: {a:", "boxes: {start:").replace("start: a", "start: stort"))
    with pytest.raises(ConfigError, match="unknown box 'stort'; did you mean 'start'"):
        svg(made, "f")


def test_the_same_words_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(REPORT)
        texts.append(svg(made, "f"))
    assert texts[0] == texts[1]
