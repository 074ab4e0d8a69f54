"""The rule is wrong in at most 2.5 % of cases, for claims with several parts, and the page says how often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.reporting.claims.error_rates import (
    MAY_FAIL,
    PAGE,
    SHOWN,
    TABLES,
    parts_at_paper_scale,
    share_where_true,
    shares_from_outcomes,
    simulate,
)

NUM_TRIALS = 4000
CLAIMS = [(paper, claim) for paper, claims in SHOWN.items() for claim in claims]
NOMINAL = 0.025


def tolerance(num_trials: int) -> float:
    """Three standard errors of a share of 2.5 %."""
    return float(3 * np.sqrt(NOMINAL * (1 - NOMINAL) / num_trials))


@pytest.mark.parametrize(("paper", "claim"), CLAIMS)
def test_equal_arms_give_no_verdict(paper: str, claim: str) -> None:
    rates = simulate(parts_at_paper_scale(paper, claim), NUM_TRIALS, seed=1)
    most = NOMINAL + tolerance(NUM_TRIALS)
    assert rates.num_parts > 1
    assert rates.holds <= most and rates.fails <= most
    assert abs(rates.holds_at_worst - NOMINAL) <= tolerance(NUM_TRIALS), "one inequality decides, at its own level"
    assert rates.fails_uncorrected > most, "the correction is needed"
    assert rates.fails > NOMINAL / 4, "and leaves a claim that can fail"


@pytest.mark.parametrize(("paper", "claim"), CLAIMS)
def test_true_claims_fail_less_often_than_equal_arms(paper: str, claim: str) -> None:
    parts = parts_at_paper_scale(paper, claim)
    shares = [share_where_true("fails", parts, above, NUM_TRIALS, seed=1) for above in (0.0, *MAY_FAIL)]
    assert shares == sorted(shares, reverse=True) and shares[0] > shares[-1]
    assert share_where_true("holds", parts, 8.0, NUM_TRIALS, seed=1) > 0.99, "large effects are found"


@pytest.mark.parametrize("name", TABLES)
def test_the_page_shows_what_the_rule_does(repository: Path, name: str) -> None:
    heads, rates = TABLES[name]
    text = (repository / PAGE).read_text()
    shown = text[text.index(f"<!-- {name} -->") : text.index(f"<!-- end of {name} -->")]
    rows = [line.strip("| ").split(" | ") for line in shown.splitlines() if line.startswith("|")]
    assert rows[0] == ["claim", "parts", *heads] and [row[0] for row in rows[2:]] == [" ".join(each) for each in CLAIMS]
    for (claim, num_parts, *cells), (paper, identifier) in zip(rows[2:], CLAIMS, strict=True):
        parts = parts_at_paper_scale(paper, identifier)
        printed = np.array([float(cell.removesuffix(" %")) / 100 for cell in cells])
        # Four standard errors of the shorter simulation, and what rounding leaves open.
        error = 4 * np.sqrt(printed * (1 - printed) / NUM_TRIALS) + 0.001
        assert int(num_parts) == len(parts), claim
        assert (np.abs(np.array(rates(parts, NUM_TRIALS, 1)) - printed) <= error).all(), claim


def test_equal_arms_judged_from_their_outcomes() -> None:
    shares = shares_from_outcomes(200, 300, 2, 0.006)
    assert max(shares.values()) <= NOMINAL + tolerance(200)
