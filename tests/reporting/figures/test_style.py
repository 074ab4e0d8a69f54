"""What the figures of a report share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.errors import ConfigError


def test_a_figure_names_what_it_measures(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    figure = "  - {id: f, kind: bars, title: T, caption: C, options: {experiments: {a: b}, datasets: [modelnet40]}}\n"
    made.report("paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + figure)
    with pytest.raises(ConfigError, match="missing key 'protocol'; missing key 'metric'"):
        svg(made, "f")
