"""Intervals of small proportions cover the truth, and are not made of Student's quantile for one degree of freedom."""

from __future__ import annotations

import pytest
from tests.statistics.extreme_coverage import Setting, simulate


@pytest.mark.parametrize("deviation", [0.05, 1.0])
def test_extremes_are_covered_and_short_where_seeds_hardly_matter(deviation: float) -> None:
    found = simulate(Setting(47, 0.01, deviation, 2), 300)
    assert found.covered > 0.93 and found.covered_plain - found.covered < 0.02 and found.extreme > 0.2
    assert (found.end < 0.5 * found.end_plain) == (deviation == 0.05)
