"""Shares of scans whose labels may be used (CMCR spec 1.2)."""

from __future__ import annotations

import pytest

from concord3d.data.scan_fractions import SKIPS, labelled_scans
from concord3d.errors import ConfigError


@pytest.mark.parametrize(("percent", "count"), [(1, 192), (5, 957), (10, 1913), (20, 3826), (50, 9565), (100, 19130)])
def test_every_so_many_th_scan_from_the_first(percent: int, count: int) -> None:
    chosen = labelled_scans(19130, percent)
    assert len(chosen) == count and chosen[0] == 0 and set((chosen[1:] - chosen[:-1]).tolist()) == {SKIPS[percent]}


def test_few_scans_leave_one() -> None:
    assert labelled_scans(3, 1).tolist() == [0]


def test_other_percentages_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)No such fraction of scans.*1, 5, 10, 20, 50, 100.*25"):
        labelled_scans(100, 25)
