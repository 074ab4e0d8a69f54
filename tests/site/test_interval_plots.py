"""Claims on an axis."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from concord3d.errors import ReportingError
from concord3d.site.interval_plots import plots_of


def _part(**facts: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("difference", "ci_low", "ci_high", "ci_high_corrected"))
    return {"name": "a", "margin": 0.0, "unit": "points", "basis": "items", "verdict": "undecided", **empty, **facts}


def _claim(*parts: dict[str, Any]) -> dict[str, Any]:
    said = [f"{part['name']}: {part['verdict']}, {part['difference']} (9 items, 2 seeds)." for part in parts]
    return {"parts": parts, "details": " ".join(said)}


def test_values_lie_on_the_axis_in_their_order_and_in_proportion() -> None:
    first = _part(difference=2.0, ci_low=1.0, ci_high=3.0, ci_high_corrected=4.0)
    second = _part(difference=-1.0, ci_low=-2.0, ci_high=0.0, ci_high_corrected=0.0, margin=1.0)
    (plot,) = plots_of(_claim(first, second))
    a, b = plot.parts
    assert 0 < b.low < b.value < a.threshold < a.low < a.value < a.high < a.corrected < 100
    assert a.high - a.low == pytest.approx(2 * (a.value - a.low), abs=0.02)
    # A margin of one point moves what a part must exceed to minus one.
    assert b.threshold == b.value and b.corrected is None
    places = [place for place, _ in plot.ticks]
    assert all(x < y for x, y in pairwise(places))
    assert ("0" in [label for _, label in plot.ticks]) and a.threshold in places


def test_parts_of_other_units_have_an_axis_of_their_own_and_parts_without_numbers_none() -> None:
    parts = [_part(difference=1.0, ci_low=0.5, ci_high=2.0), _part(difference=0.1, unit="nats"), _part()]
    plots = plots_of(_claim(*parts))
    assert [plot.unit for plot in plots] == ["points", "nats", ""]
    assert plots[-1].ticks == () and plots[-1].parts[0].value is None and plots[-1].parts[0].text == ""


def test_numbers_in_words_are_those_of_the_part(repository: Path) -> None:
    files = sorted((repository / "results").glob("*/*/claims.json"))
    claims = [claim for path in files for claim in json.loads(path.read_text())]
    shown = [part for claim in claims for plot in plots_of(claim) for part in plot.parts if part.text]
    for part in shown:
        if part.text == "no difference on any test item":
            assert part.facts["difference"] == part.facts["ci_low"] == part.facts["ci_high"] == 0
            continue
        wanted = [part.facts[key] for key in ("difference", "ci_low", "ci_high") if part.facts[key] is not None]
        said = [float(number) for number in re.findall(r"[+-]\d+\.\d+", re.split(", needs|, upper end", part.text)[0])]
        assert said == pytest.approx(wanted, abs=0.0051), part
    assert len(shown) > 100


def test_a_part_that_details_lack_is_refused() -> None:
    claim = _claim(_part(difference=1.0))
    with pytest.raises(ReportingError, match="lacks its part 'b'"):
        plots_of({**claim, "parts": [_part(name="b", difference=1.0)]})
