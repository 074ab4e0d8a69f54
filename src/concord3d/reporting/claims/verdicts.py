"""Verdicts on the claims of a paper; none is ever passed by default."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.files import write_json
from concord3d.reporting.claims.claim_words import correction, details, headline
from concord3d.reporting.claims.comparisons import Comparison, compare, describe, leaf_of
from concord3d.reporting.claims.convergence import Convergence, Gain, LongerRuns
from concord3d.reporting.claims.decisions import combine, decide
from concord3d.reporting.claims.judged import JudgedPart
from concord3d.reporting.claims.scale_parts import ScalePart, ScaleParts
from concord3d.reporting.claims.scopes import SCOPES, Scope, scope_of_part
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.published_values import PublishedCell
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.specs.claim_spec import ClaimPart, ClaimSpec
from concord3d.reporting.specs.report_spec import ReportSpec

# Of the facts about a part, those that a claim does not take over from the part that decides.
_OF_PARTS = ("name", "essential", "verdict", "scope", "converged", "not_converged")


@dataclass(frozen=True)
class _Evidence:
    """What verdicts rest on."""

    results: Results
    inputs: ReportInputs
    published: Sequence[PublishedCell]
    min_seeds: int
    scale_parts: ScaleParts
    convergence: Convergence
    dataset_name: Callable[[str], str]


def evaluate_claims(
    results: Results, spec: ReportSpec, inputs: ReportInputs, published: Sequence[PublishedCell] = ()
) -> list[dict[str, Any]]:
    """Return one entry per claim, in the order of the report file.

    Args:
        results: Everything measured.
        spec: The paper's report file.
        inputs: What the scale runs.
        published: All published cells, for claims about printed values.
    """
    evidence = _Evidence(
        results,
        inputs,
        published,
        spec.min_seeds,
        ScaleParts(results, inputs),
        Convergence(results, inputs, spec.min_seeds),
        spec.dataset_name,
    )
    return [_evaluate_claim(evidence, claim) for claim in spec.claims]


def all_claims(material: Material) -> list[dict[str, Any]]:
    """Return one entry per claim of a report, see :func:`evaluate_claims`."""
    return evaluate_claims(material.once(results_of), material.report, material.inputs, material.published)


def _evaluate_claim(evidence: _Evidence, claim: ClaimSpec) -> dict[str, Any]:
    at_scale = [evidence.scale_parts.of(given) for given in claim.parts]
    num_judged = sum(part.state == "run" for parts in at_scale for part in parts)
    by_given = [[_judge(evidence, part, num_judged) for part in parts] for parts in at_scale]
    parts = [part for judged in by_given for part in judged]
    verdict = combine(
        [
            (given.essential, [part.verdict for part in judged])
            for given, judged in zip(claim.parts, by_given, strict=True)
        ]
    )
    deciding = min(parts, key=_weakness)
    scope = _narrowest(parts)
    facts = _facts(deciding)
    return {
        **claim.model_dump(include={"id", "text", "whose", "origin"}),
        "verdict": verdict,
        **{key: facts[key] for key in facts if key not in _OF_PARTS},
        "scope": scope,
        "decided_by": deciding.part.name,
        "correction": correction(parts, verdict),
        "num_parts": len(parts),
        "num_measured": sum(part.comparison.difference is not None for part in parts),
        "converged": _converged(parts),
        "headline": headline(parts, verdict, scope),
        "details": details(parts, verdict, num_judged, evidence.dataset_name),
        "parts": [_facts(part) for part in parts],
    }


def _judge(evidence: _Evidence, at_scale: ScalePart, num_judged: int) -> JudgedPart:
    part, kinds = at_scale.part, evidence.results.data_kinds
    if at_scale.state != "run":
        scope = scope_of_part(part, evidence.inputs, otherwise=kinds)
        return JudgedPart(part, Comparison(reason=at_scale.reason), at_scale.state, scope)
    comparison = compare(evidence.results, part, evidence.published, num_judged)
    measures = any(term.is_measured for side in part.terms for term in side.below())
    scope = scope_of_part(part, evidence.inputs, comparison.data_kinds, kinds) if measures else "paper"
    verdict = decide(part.relation, comparison, part.margin, evidence.min_seeds)
    longer = evidence.convergence.check(part) if verdict != "missing" else LongerRuns()
    return JudgedPart(part, comparison, verdict, scope, longer)


def _converged(parts: Sequence[JudgedPart]) -> bool | None:
    """Return False where a longer training gains in any part, True where one was measured in all and gains in none."""
    found = [part.longer.converged for part in parts if part.comparison.difference is not None]
    if False in found:
        return False
    return True if found and None not in found else None


def _weakness(judged: JudgedPart) -> tuple[int, float]:
    """Order parts so that the one that decides the verdict comes first."""
    order = {"fails": 0, "missing": 1, "undecided": 1, "holds": 2, "not_testable": 3, "not_run": 4}
    low = judged.comparison.low
    return order[judged.verdict], math.inf if low is None else low + judged.part.margin


def _narrowest(parts: Sequence[JudgedPart]) -> Scope:
    """Return the narrowest scope of the parts that were measured, or of all where none was."""
    scopes = {part.scope for part in parts if part.comparison.difference is not None} or {part.scope for part in parts}
    return next(scope for scope in SCOPES if scope in scopes)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0


def _sides(part: ClaimPart) -> tuple[str, str]:
    if part.unmeasured:
        return "", ""
    if part.trend is None:
        assert part.lhs is not None
        return describe(part.lhs, part), describe(part.rhs, part)
    terms = zip(part.trend.x, part.trend.terms, strict=True)
    places = ", ".join(f"{x:g}: {leaf_of(term, part).experiment}" for x, term in terms)
    trend = f"rank_correlation({places}; {part.dataset}, {part.protocol}, {part.selection})"
    return trend, describe(part.rhs, part)


def _facts(judged: JudgedPart) -> dict[str, Any]:
    part, found = judged.part, judged.comparison
    lhs, rhs = _sides(part)
    return {
        "name": part.name,
        "essential": part.essential,
        "lhs": lhs,
        "relation": part.relation,
        "rhs": rhs,
        "margin": part.margin,
        "difference": _rounded(found.difference),
        "ci_low": _rounded(found.low),
        "ci_high": _rounded(found.high),
        "ci_high_corrected": _rounded(found.high if found.high_corrected is None else found.high_corrected),
        "unit": found.unit,
        "n_items": found.num_items,
        "n_seeds": found.num_seeds,
        "basis": found.basis,
        "reason": found.reason,
        "verdict": judged.verdict,
        "scope": judged.scope,
        "converged": judged.longer.converged,
        "not_converged": [_gain_facts(gain) for gain in judged.longer.gains],
    }


def _gain_facts(gain: Gain) -> dict[str, Any]:
    found = gain.comparison
    return {
        "arm": gain.arm,
        "longer": gain.longer,
        "epochs": gain.epochs[0],
        "epochs_longer": gain.epochs[1],
        "dataset": gain.at.dataset,
        "protocol": gain.at.protocol,
        "metric": gain.at.metric,
        "selection": gain.at.selection,
        "difference": _rounded(found.difference),
        "ci_low": _rounded(found.low),
        "ci_high": _rounded(found.high),
    }


def write_claims(entries: list[dict[str, Any]], path: Path) -> None:
    """Write ``claims.json``."""
    write_json(path, entries)
