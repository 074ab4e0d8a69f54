"""Equal arms: "holds" and "fails" are each wrong in at most 2.5 % of cases, for claims with several parts."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reporting.claims.error_rates import SHOWN, parts_at_paper_scale, shares_from_outcomes, simulate

NUM_TRIALS = 4000
NOMINAL = 0.025


def tolerance(num_trials: int) -> float:
    """Three standard errors of a share of 2.5 %."""
    return float(3 * np.sqrt(NOMINAL * (1 - NOMINAL) / num_trials))


@pytest.mark.parametrize(("paper", "claim"), [(paper, claim) for paper, claims in SHOWN.items() for claim in claims])
def test_equal_arms_give_no_verdict(paper: str, claim: str) -> None:
    rates = simulate(parts_at_paper_scale(paper, claim), NUM_TRIALS, seed=1)
    most = NOMINAL + tolerance(NUM_TRIALS)
    assert rates.num_parts > 1
    assert rates.holds <= most and rates.fails <= most
    assert abs(rates.holds_at_worst - NOMINAL) <= tolerance(NUM_TRIALS), "one inequality decides, at its own level"
    assert rates.fails_uncorrected > most, "the correction is needed"
    assert rates.fails > NOMINAL / 4, "and leaves a claim that can fail"


def test_equal_arms_judged_from_their_outcomes() -> None:
    shares = shares_from_outcomes(200, 300, 2, 0.006)
    assert max(shares.values()) <= NOMINAL + tolerance(200)
