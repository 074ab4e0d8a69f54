"""An even choice of sweeps: how it spreads, that larger choices hold smaller ones, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from concord3d.data.even_spread import even_spread
from concord3d.errors import ConfigError


@pytest.mark.parametrize("num_items", [1, 2, 3, 5, 8, 23, 24, 100])
def test_larger_choices_hold_smaller_ones_and_the_largest_is_everything(num_items: int) -> None:
    chosen = [even_spread(num_items, count) for count in range(1, num_items + 1)]
    for count, rows in enumerate(chosen, 1):
        assert len(rows) == count and (np.diff(rows) > 0).all() and 0 <= rows[0] <= rows[-1] < num_items
    for fewer, more in pairwise(chosen):
        assert set(fewer) < set(more)


def test_powers_of_two_are_equally_far_apart() -> None:
    assert even_spread(100, 4).tolist() == [0, 25, 50, 75]
    assert even_spread(6019, 8).tolist() == [6019 * k // 8 for k in range(8)]


@pytest.mark.parametrize("count", [0, 4])
def test_more_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=r"(?s)fewer sweeps.*data\.num_sweeps.*expected: .*3.*found: \d"):
        even_spread(3, count, "data.num_sweeps")
