"""How often the rule of verdicts is wrong, and how often it finds what is true.

``python -m tests.reporting.claims.error_rates`` writes the tables of docs/VERDICTS.md.

The rule is that of :mod:`concord3d.reporting.claims.decisions`, the inequalities are those of the report files at
paper scale. Every number has normal noise of its own, so intervals cover the truth in 95 % of cases. With
``--outcomes`` three arms are judged from the outcomes of test items, intervals included.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.stats import norm
from tests.generated_documents import with_part
from tests.reporting.claims.extremes import inequalities, measured_parts, nothing_measured

from concord3d.config.resolve import load_study
from concord3d.layout import report_yaml
from concord3d.reporting.claims.comparisons import Comparison
from concord3d.reporting.claims.decisions import PartVerdict, Verdict, combine, decide
from concord3d.reporting.claims.verdicts import evaluate_claims
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.measurements import Evaluation, Measurement
from concord3d.reporting.evidence.report_inputs import ReportInputs, report_inputs
from concord3d.reporting.markdown import grid
from concord3d.reporting.specs.claim_spec import ClaimPart
from concord3d.reporting.specs.report_spec import ReportSpec, load_report_spec

ROOT = Path(__file__).resolve().parents[3]
FloatArray = NDArray[np.float64]
NUM_TRIALS = 50_000
# Claims with several parts, by paper.
SHOWN = {
    "mm_point": ("C5", "C7", "C10", "C13"),
    "mm_mixing": ("C9", "C12", "C13", "K3"),
    "cross_most": ("C1",),
    "crossover": ("C1", "C4"),
}
PAGE = Path("docs/VERDICTS.md")
# What a part with an interval comes to, from below.
DECIDED: tuple[PartVerdict, ...] = ("fails", "undecided", "holds")
# Standard errors of a part's difference by which every part is true; small ones may fail, large ones hold.
MAY_FAIL, MAY_HOLD = (0.5, 1.0), (2.0, 3.0, 4.0, 5.0)


@dataclass(frozen=True)
class Rates:
    """Shares of trials in which a claim gets a verdict that it should not.

    Attributes:
        num_parts: Inequalities of the claim.
        holds: Of "holds", where all arms are equal.
        holds_at_worst: Of "holds", where one inequality is an equality and all others hold by far.
        fails: Of "fails", where all arms are equal.
        fails_uncorrected: The same if failures were not corrected for the number of parts.
    """

    num_parts: int
    holds: float
    holds_at_worst: float
    fails: float
    fails_uncorrected: float


def parts_at_paper_scale(paper: str, claim: str) -> list[ClaimPart]:
    """Return the inequalities of a claim, all of which the scale measures."""
    inputs = report_inputs(ROOT, load_study(ROOT, paper, "paper"))
    [spec] = [each for each in load_report_spec(ROOT / report_yaml(paper)).claims if each.id == claim]
    return measured_parts(spec, nothing_measured(inputs), inputs)


def simulate(parts: Sequence[ClaimPart], num_trials: int = NUM_TRIALS, seed: int = 0) -> Rates:
    """Draw equal arms and judge them, again and again.

    Args:
        parts: The inequalities.
        num_trials: Trials.
        seed: Of all draws.
    """
    drawn, errors = _differences_of_equals(parts, num_trials, seed)
    relations, num_parts = [part.relation for part in parts], len(errors)
    far_above = np.full(num_parts, 100.0)
    far_above[0] = 0.0
    return Rates(
        num_parts,
        _share("holds", drawn, errors, relations, num_parts),
        _share("holds", drawn + far_above, errors, relations, num_parts),
        _share("fails", drawn, errors, relations, num_parts),
        _share("fails", drawn, errors, relations, 1),
    )


def share_where_true(
    wanted: Verdict, parts: Sequence[ClaimPart], above: float, num_trials: int = NUM_TRIALS, seed: int = 0
) -> float:
    """Return how often a claim gets a verdict whose every part is true by the same number of standard errors.

    Args:
        wanted: The verdict.
        parts: The inequalities.
        above: How many standard errors of its estimate every difference lies above zero.
        num_trials: Trials.
        seed: Of all draws.
    """
    drawn, errors = _differences_of_equals(parts, num_trials, seed)
    return _share(wanted, drawn + above * errors, errors, [part.relation for part in parts], len(errors))


def _differences_of_equals(parts: Sequence[ClaimPart], num_trials: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return (T, parts) differences that are estimated where all arms are equal, and their standard errors."""
    rows = [coefficients for part in parts for coefficients, _ in inequalities(part)]
    assert len(rows) == len(parts), "a trend is no single inequality"
    found = list(dict.fromkeys(leaf for row in rows for leaf in row))
    matrix = np.array([[row.get(leaf, 0.0) for leaf in found] for row in rows])
    drawn = np.random.default_rng(seed).standard_normal((num_trials, len(found))) @ matrix.T
    return drawn, np.sqrt((matrix**2).sum(axis=1))


def _share(wanted: Verdict, drawn: FloatArray, errors: FloatArray, relations: Sequence[str], num_parts: int) -> float:
    """Return in which share of (T, parts) differences with these standard errors a claim gets a verdict."""
    half, corrected = norm.ppf(0.975) * errors, norm.ppf(1 - 0.025 / num_parts) * errors
    parts = zip(drawn.T, relations, half, corrected, strict=True)
    ranks = np.stack([_ranks(*part) for part in parts], axis=1)
    rows, counts = np.unique(ranks, axis=0, return_counts=True)
    verdicts = [combine([(True, [DECIDED[rank]]) for rank in row]) for row in rows]
    return float(sum(count for verdict, count in zip(verdicts, counts, strict=True) if verdict == wanted) / len(ranks))


def _ranks(differences: FloatArray, relation: str, half: float, corrected: float) -> NDArray[np.int8]:
    """Return the verdict on one part for each of its (T,) differences, as its place in ``DECIDED``.

    A larger difference never gets a lower verdict, so the rule is asked where the verdict changes alone.
    """
    sorted_up = np.sort(differences)

    def rank(index: int) -> int:
        return DECIDED.index(decide(relation, _found(float(sorted_up[index]), half, corrected)))

    starts = [bisect_left(range(len(sorted_up)), place, key=rank) for place in (1, 2)]
    ranks = np.zeros(len(differences), dtype=np.int8)
    for start in starts:
        ranks += differences >= sorted_up[start] if start < len(sorted_up) else np.int8(0)
    return ranks


def _found(difference: float, half: float, corrected: float) -> Comparison:
    return Comparison(
        difference, difference - half, difference + half, difference + corrected, num_seeds=2, basis="items and seeds"
    )


def equal_rates(parts: Sequence[ClaimPart], num_trials: int = NUM_TRIALS, seed: int = 0) -> list[float]:
    """Return what the table on equal arms says of a claim."""
    rates = simulate(parts, num_trials, seed)
    return [rates.holds, rates.holds_at_worst, rates.fails, rates.fails_uncorrected]


def true_rates(parts: Sequence[ClaimPart], num_trials: int = NUM_TRIALS, seed: int = 0) -> list[float]:
    """Return what the table on true claims says of one."""
    fails = [share_where_true("fails", parts, above, num_trials, seed) for above in MAY_FAIL]
    return fails + [share_where_true("holds", parts, above, num_trials, seed) for above in MAY_HOLD]


# Heads of the two tables of docs/VERDICTS.md, by the name of their marks, and what their rows say.
TABLES = {
    "equal arms": (("false holds", "the same at worst", "false fails", "without correction"), equal_rates),
    "true claims": (
        (*(f"fails at {above:g} se" for above in MAY_FAIL), *(f"holds at {above:g} se" for above in MAY_HOLD)),
        true_rates,
    ),
}


def table(name: str) -> str:
    """Return a table of docs/VERDICTS.md.

    Args:
        name: One of ``TABLES``.
    """
    heads, rates = TABLES[name]
    rows = []
    for paper, claims in SHOWN.items():
        for claim in claims:
            parts = parts_at_paper_scale(paper, claim)
            rows.append([f"{paper} {claim}", str(len(parts)), *(f"{100 * share:.1f} %" for share in rates(parts))])
    return "\n".join(grid(["claim", "parts", *heads], rows))


ARMS = ("both", "first", "second")
# Both against each alone, as C5 of MM-Point.
TWO_PARTS = """
paper: mm_point
headline: one
tables: [{id: one, title: One}]
claims:
  - id: X
    text: both against each
    whose: ours
    origin: a simulation
    parts:
      - {name: first, lhs: both, rhs: first, dataset: modelnet40, protocol: linear_svm, metric: accuracy}
      - {name: second, lhs: both, rhs: second, dataset: modelnet40, protocol: linear_svm, metric: accuracy}
"""


def equal_arms(rng: np.random.Generator, num_items: int, num_seeds: int, spread: float) -> Results:
    """Return the outcomes of three arms of equal accuracy, about 0.8, on the same items.

    Args:
        rng: Of all draws.
        num_items: Test items, each of its own difficulty.
        num_seeds: Trainings of each arm.
        spread: Standard deviation of trainings, as a fraction.
    """
    difficulty = rng.beta(2.4, 0.6, num_items)
    evaluations = []
    for arm in ARMS:
        for seed in range(1, num_seeds + 1):
            right = (rng.random(num_items) < np.clip(difficulty + spread * rng.standard_normal(), 0, 1)).astype(float)
            value = 100 * right.mean()
            row = Measurement(
                arm, arm, seed, "demo", "synthetic", "modelnet40", "linear_svm", "accuracy", value, num_items,
                max(value - 5, 0), min(value + 5, 100), "last", "%",
            )  # fmt: skip
            names = tuple(map(str, range(num_items)))
            evaluations.append(Evaluation(Path(arm), (row,), {}, {"accuracy__last": right}, names, {}))
    return Results("demo", tuple(evaluations), {}, (), trained=frozenset(ARMS))


def shares_from_outcomes(num_trials: int, num_items: int, num_seeds: int, spread: float) -> dict[str, float]:
    """Return the share of each verdict where three equal arms are judged from their outcomes."""
    spec = ReportSpec.model_validate(yaml.safe_load(TWO_PARTS))
    nowhere = Path()
    inputs = ReportInputs(*[nowhere] * 5, "demo", nowhere, data_kinds={"modelnet40": "synthetic"})
    rng = np.random.default_rng(0)
    verdicts = [
        evaluate_claims(equal_arms(rng, num_items, num_seeds, spread), spec, inputs)[0]["verdict"]
        for _ in range(num_trials)
    ]
    return {verdict: verdicts.count(verdict) / num_trials for verdict in ("holds", "fails")}


if __name__ == "__main__":
    if "--outcomes" in sys.argv:
        for seeds in (2, 3):
            print(seeds, "seeds:", shares_from_outcomes(1000, 480, seeds, 0.006))
    else:
        text = (ROOT / PAGE).read_text()
        for name in TABLES:
            text = with_part(text, name, table(name))
        (ROOT / PAGE).write_text(text)
