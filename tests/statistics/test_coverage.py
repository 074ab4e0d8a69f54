"""Simulated coverage of the intervals: a few settings always, all of them where time does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from tests.statistics.coverage import UNEQUAL, Found, Setting, accepted, covered_by_freedom, simulate

ACCEPTED = (0.94, 0.96)


def within(share: float, replicates: int) -> bool:
    """Whether a share lies in 94 to 96 %, up to three standard errors of the simulation."""
    error = 3 * np.sqrt(0.95 * 0.05 / replicates)
    return bool(ACCEPTED[0] - error <= share <= ACCEPTED[1] + error)


def assert_accepted(found: Found, replicates: int) -> None:
    assert within(found.one, replicates) and within(found.difference, replicates), found


@pytest.mark.parametrize(
    "setting",
    [Setting(210, 0.6), Setting(210, 0.9, (3,) * 6, 0.006, 0.006), Setting(210, 0.3, UNEQUAL, 0.006, 0.006)],
    ids=["no spread of seeds", "three seeds", "unequal numbers of seeds"],
)
def test_intervals_cover_the_truth_as_often_as_they_say(setting: Setting) -> None:
    found = simulate(setting, 1000)
    assert_accepted(found, 1000)
    assert not within(found.difference_twice, 1000), "the interaction of items and seeds, counted twice, would pass"


@pytest.mark.parametrize(("freedom", "least"), [(1, 0.86), (2, 0.915), (3, 0.93), (5, 0.94), (10, 0.945)])
def test_few_degrees_of_freedom_cover_less(freedom: int, least: float) -> None:
    shares = [covered_by_freedom(freedom, ratio, 1000) for ratio in (0.0, 1.0, 16.0)]
    assert least <= min(shares) and max(shares) <= 0.955


def chosen() -> list[Setting]:
    """Some settings of the printed table."""
    extremes = [setting for setting in accepted() if setting.accuracy == 0.6 and setting.own != 0.003]
    return [setting for setting in extremes if setting.seeds in ((2,) * 6, (5,) * 6, UNEQUAL)]


@pytest.mark.slow
@pytest.mark.parametrize("setting", chosen(), ids=str)
def test_more_settings_are_covered(setting: Setting) -> None:
    assert_accepted(simulate(setting, 4000), 4000)
