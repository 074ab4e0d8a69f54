"""The bound on mutual information over training."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
figures:
  - id: f
    kind: mutual_information
    title: T
    caption: C
    options:
      experiments: {mm_point: m = 4, single_view: m = 1}
      key: information_inter
      count: information_num_objects
"""


@pytest.mark.parametrize(
    ("values", "shown", "hidden"),
    [
        ([1.2, 3.0], "log N, N = 256", "cannot exceed"),
        ([-0.01, 0.02], "the bound cannot exceed log N = 5.55 (N = 256 objects)", "log N, N"),
    ],
)
def test_the_limit_is_a_line_or_words(tmp_path: Path, values: list[float], shown: str, hidden: str) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    made.history("mm_point", values)
    text = svg(made, "f")
    assert shown in text and hidden not in text and ">m = 4<" in text and ">m = 1<" not in text
    assert "Not run at this scale: m = 1." in text


def test_histories_of_another_key_are_not_drawn(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT.replace("key: information_inter", "key: mi_inter"))
    made.history("mm_point", [1.2, 3.0])
    assert "nothing to draw at scale" in svg(made, "f")
