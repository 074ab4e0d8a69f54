"""How often the rule of verdicts is wrong where all arms are equal: ``python -m tests.reporting.claims.error_rates``.

The rule is that of :mod:`concord3d.reporting.claims.decisions`, the inequalities are those of the report files at
paper scale. Every number has normal noise of its own, so intervals cover the truth in 95 % of cases. With
``--outcomes`` three arms are judged from the outcomes of test items, intervals included.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.stats import norm
from tests.reporting.claims.extremes import inequalities, measured_parts, nothing_measured

from concord3d.config.resolve import load_study
from concord3d.layout import report_yaml
from concord3d.reporting.claims.comparisons import Comparison
from concord3d.reporting.claims.decisions import Verdict, combine, decide
from concord3d.reporting.claims.verdicts import evaluate_claims
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.measurements import Evaluation, Measurement
from concord3d.reporting.evidence.report_inputs import ReportInputs, report_inputs
from concord3d.reporting.specs.claim_spec import ClaimPart
from concord3d.reporting.specs.report_spec import ReportSpec, load_report_spec

ROOT = Path(__file__).resolve().parents[3]
FloatArray = NDArray[np.float64]
NUM_TRIALS = 50_000
# Claims with several parts, by paper.
SHOWN = {"mm_point": ("C5", "C7", "C10", "C13"), "mm_mixing": ("C9", "C12", "C13", "K3")}


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
    rows = [coefficients for part in parts for coefficients, _ in inequalities(part)]
    relations = [part.relation for part in parts]
    assert len(rows) == len(relations), "a trend is no single inequality"
    found = list(dict.fromkeys(leaf for row in rows for leaf in row))
    matrix = np.array([[row.get(leaf, 0.0) for leaf in found] for row in rows])
    errors = np.sqrt((matrix**2).sum(axis=1))
    drawn = np.random.default_rng(seed).standard_normal((num_trials, len(found))) @ matrix.T
    far_above = np.full(len(rows), 100.0)
    far_above[0] = 0.0
    return Rates(
        len(rows),
        _share("holds", drawn, errors, relations, len(rows)),
        _share("holds", drawn + far_above, errors, relations, len(rows)),
        _share("fails", drawn, errors, relations, len(rows)),
        _share("fails", drawn, errors, relations, 1),
    )


def _share(wanted: Verdict, drawn: FloatArray, errors: FloatArray, relations: Sequence[str], num_parts: int) -> float:
    """Return in which share of (T, parts) differences with these standard errors a claim gets a verdict."""
    half, corrected = norm.ppf(0.975) * errors, norm.ppf(1 - 0.025 / num_parts) * errors
    verdicts = [
        combine(
            [
                (True, [decide(relation, _found(*ends))])
                for relation, *ends in zip(relations, row, half, corrected, strict=True)
            ]
        )
        for row in drawn
    ]
    return verdicts.count(wanted) / len(verdicts)


def _found(difference: float, half: float, corrected: float) -> Comparison:
    return Comparison(
        difference, difference - half, difference + half, difference + corrected, num_seeds=2, basis="items and seeds"
    )


def table() -> str:
    """Return the table of docs/VERDICTS.md."""
    lines = ["| claim | parts | false holds | the same at worst | false fails | without correction |", "|" + "---|" * 6]
    for paper, claims in SHOWN.items():
        for claim in claims:
            rates = simulate(parts_at_paper_scale(paper, claim))
            shares = (rates.holds, rates.holds_at_worst, rates.fails, rates.fails_uncorrected)
            numbers = " | ".join(f"{100 * share:.1f} %" for share in shares)
            lines.append(f"| {paper} {claim} | {rates.num_parts} | {numbers} |")
    return "\n".join(lines)


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
        print(table())
