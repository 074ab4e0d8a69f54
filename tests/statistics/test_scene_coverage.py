"""Simulated coverage of the intervals of mIoU over scenes; the whole table is in docs/STATISTICS.md."""

from __future__ import annotations

from tests.statistics.scene_coverage import simulate


def test_intervals_over_scenes_cover_the_truth_where_drawn_scenes_do_not() -> None:
    found = simulate(12, 150)
    # Three standard errors of the simulation.
    assert found.one >= 90 and found.difference >= 92
    assert found.one_drawn < found.one
