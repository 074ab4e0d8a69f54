"""Simulated coverage of intervals over spaces; the whole table is in docs/STATISTICS.md."""

from __future__ import annotations

from tests.statistics.space_coverage import simulate


def test_intervals_over_spaces_cover_the_truth_where_those_over_scans_do_not() -> None:
    found = simulate(47, 300)
    # Three standard errors of the simulation.
    assert found["one"] >= 91 and found["difference"] >= 91 and found["mean over types"] >= 88
    assert found["one, scans"] < 91 < found["one"]
