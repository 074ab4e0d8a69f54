"""Candidates drawn at random: bounds that need no draw."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.drawn_candidates import hit_rate_among_drawn
from concord3d.measures.ranking import Places


def test_all_candidates_give_the_rank() -> None:
    places = Places(np.array([0.0, 3, 5]), np.array([1.0, 1, 2]))
    np.testing.assert_allclose(hit_rate_among_drawn(places, 9, 9, 4), places.hit_rate(4))
    np.testing.assert_allclose(hit_rate_among_drawn(places, 9, 0, 1), 1)


def test_half_of_the_candidates_halve_what_stands_before() -> None:
    # Two better ones of ten; five drawn hold none of them with C(8, 5) / C(10, 5).
    assert hit_rate_among_drawn(Places(np.array([2.0]), np.array([1.0])), 10, 5, 1)[0] == pytest.approx(56 / 252)


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(EvaluationError, match="More candidates"):
        hit_rate_among_drawn(Places(np.zeros(1), np.ones(1)), 3, 4, 1)
