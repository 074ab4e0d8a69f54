"""Verdicts on the claims of a paper; none is ever passed by default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from concord3d.files import write_json
from concord3d.reporting.claims.comparisons import (
    PRINTED,
    Comparison,
    compare,
    describe,
    leaf_of,
    leaves,
)
from concord3d.reporting.evidence.addresses import Address, HistoryAddress
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.published_values import PublishedCell
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.specs.claim_spec import ClaimPart, ClaimSpec, Term
from concord3d.reporting.specs.report_spec import ReportSpec

Verdict = Literal["holds", "fails", "undecided", "not_run"]
Scope = Literal["synthetic", "real_reduced", "paper"]
PLACEHOLDER = "*"


@dataclass(frozen=True)
class PartVerdict:
    """One inequality with what was found."""

    name: str
    part: ClaimPart
    comparison: Comparison
    verdict: Verdict
    scope: Scope


def decide(relation: str, comparison: Comparison, margin: float = 0.0) -> Verdict:
    """Return the verdict on ``difference + margin`` relation 0.

    ``>`` holds where the whole interval lies above 0, ``>=`` where it lies nowhere below 0; both fail where it lies
    below 0, and are undecided otherwise, without an interval too (MM-Point spec 8). Where both sides came out alike
    on every item there is no width at 0, which decides nothing: rare differences stay open.
    """
    if comparison.difference is None:
        return "not_run"
    if comparison.low is None or comparison.high is None:
        return "undecided"
    low, high = comparison.low + margin, comparison.high + margin
    if high < 0:
        return "fails"
    if low > 0 or (relation == ">=" and low >= 0 and high > 0):
        return "holds"
    return "undecided"


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on all parts together: one failure fails, all must hold, a gap leaves it undecided."""
    if "fails" in verdicts:
        return "fails"
    if all(verdict == "holds" for verdict in verdicts) and verdicts:
        return "holds"
    if all(verdict == "not_run" for verdict in verdicts):
        return "not_run"
    return "undecided"


def scope_of(data_kinds: Sequence[str], scale: str, pretrained_on: Sequence[str] = ()) -> Scope:
    """Return how far a verdict reaches: synthetic data never reach beyond themselves.

    Args:
        data_kinds: Kinds of data evaluated on; none counts as synthetic below paper scale.
        scale: The scale.
        pretrained_on: Kinds of data trained on: ``real``, ``synthetic``, or ``mixed`` of both.
    """
    if "synthetic" in data_kinds or (not data_kinds and scale != "paper"):
        return "synthetic"
    return "paper" if scale == "paper" and set(pretrained_on) <= {"real"} else "real_reduced"


@dataclass(frozen=True)
class _Evidence:
    """What verdicts rest on."""

    results: Results
    inputs: ReportInputs
    published: Sequence[PublishedCell]
    min_seeds: int


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
    evidence = _Evidence(results, inputs, published, spec.min_seeds)
    return [_evaluate_claim(evidence, claim) for claim in spec.claims]


def all_claims(material: Material) -> list[dict[str, Any]]:
    """Return one entry per claim of a report, see :func:`evaluate_claims`."""
    return evaluate_claims(material.once(results_of), material.report, material.inputs, material.published)


def _evaluate_claim(evidence: _Evidence, claim: ClaimSpec) -> dict[str, Any]:
    results, inputs = evidence.results, evidence.inputs
    parts = [_judge(evidence, part) for given in claim.parts for part in _expand(given, results)]
    verdict = combine([part.verdict for part in parts])
    deciding = min(parts, key=_weakness, default=None)
    entry: dict[str, Any] = {**claim.model_dump(include={"id", "text", "whose", "origin"}), "verdict": verdict}
    if deciding is None:
        nothing = {key: None for key in ("lhs", "relation", "rhs", "margin", "difference", "ci_low", "ci_high")}
        scope = scope_of(results.data_kinds, inputs.scale)
        return {**entry, **nothing, "n_items": 0, "n_seeds": 0, "basis": "", "scope": scope, "parts": [],
                "decided_by": None, "summary": "Not run: the scale has none of its experiments."}  # fmt: skip
    facts = _facts(deciding)
    scopes = {part.scope for part in parts if part.verdict != "not_run"} or {part.scope for part in parts}
    scope = next(scope for scope in ("synthetic", "real_reduced", "paper") if scope in scopes)
    return {
        **entry,
        **{key: facts[key] for key in facts if key not in ("name", "verdict", "scope")},
        "scope": scope,
        "decided_by": deciding.name,
        "summary": _summary(parts, verdict, scope),
        "parts": [_facts(part) for part in parts],
    }


def _weakness(part: PartVerdict) -> tuple[int, float]:
    """Order parts so that the one that decides the verdict comes first."""
    order = {"fails": 0, "undecided": 1, "holds": 2, "not_run": 3}
    low = part.comparison.low
    return order[part.verdict], math.inf if low is None else low + part.part.margin


def _judge(evidence: _Evidence, part: ClaimPart) -> PartVerdict:
    results, inputs = evidence.results, evidence.inputs
    comparison = compare(results, part, evidence.published)
    terms = [part.lhs, part.rhs] if part.lhs is not None else list(part.trend.terms if part.trend else [])
    found = [leaf for term in terms if term is not None for leaf in leaves(term, part)]
    trained = [
        str(pretrain["data_kind"])
        for leaf in found
        if (pretrain := inputs.runs.get(leaf.experiment, {}).get("pretrain")) is not None
    ]
    places = {leaf.dataset for leaf in found if isinstance(leaf, Address)}
    tested = {inputs.data_kinds[place] for place in places if place in inputs.data_kinds}
    kinds = comparison.data_kinds or tuple(sorted(tested)) or results.data_kinds
    if all(isinstance(leaf, HistoryAddress) for leaf in found) and trained:
        kinds = tuple(sorted(set(trained)))
    verdict = decide(part.relation, comparison, part.margin)
    if comparison.basis == PRINTED:
        return PartVerdict(part.name, part, comparison, verdict, "paper")
    if verdict != "not_run" and comparison.num_seeds < evidence.min_seeds:
        verdict = "undecided"
    return PartVerdict(part.name, part, comparison, verdict, scope_of(kinds, inputs.scale, trained))


def _expand(given: ClaimPart, results: Results) -> list[ClaimPart]:
    """Return the part, once per data set for ``over``, without those on which nothing is evaluated at this scale."""
    evaluated = {(job.dataset, job.protocol) for job in (*results.expected, *results.by_job)}
    parts = given.per_dataset()
    if given.over:
        parts = [p for p in parts if {(a.dataset, a.protocol) for a in _addresses(p)} <= evaluated] or parts
    return [single for part in parts for single in _expand_experiments(part, results)]


def _addresses(part: ClaimPart) -> list[Address]:
    terms = [part.lhs, part.rhs] if part.trend is None else part.trend.terms
    found = [leaf for term in terms if term is not None for leaf in leaves(term, part)]
    return [leaf for leaf in found if isinstance(leaf, Address)]


def _expand_experiments(part: ClaimPart, results: Results) -> list[ClaimPart]:
    """Return the part, once per experiment for ``for_each``, or nothing where an optional part does not apply."""
    known = {(job.experiment, job.dataset, job.protocol) for job in (*results.expected, *results.by_job)}
    if part.for_each is not None:
        names = sorted({e for e, d, p in known if (d, p) == (part.dataset, part.protocol) and e not in part.for_each})
        return [
            part.model_copy(update={"name": name, "lhs": _fill(part.lhs, name), "rhs": _fill(part.rhs, name)})
            for name in names
        ]
    if part.optional and not {(a.experiment, a.dataset, a.protocol) for a in _addresses(part)} <= known:
        return []
    return [part]


def _fill(term: Term | None, name: str) -> Term | None:
    if term is not None and term.experiment == PLACEHOLDER:
        return term.model_copy(update={"experiment": name})
    return term


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0


def _facts(judged: PartVerdict) -> dict[str, Any]:
    part, found = judged.part, judged.comparison
    if part.trend is not None:
        places = ", ".join(
            f"{x:g}: {leaf_of(t, part).experiment}" for x, t in zip(part.trend.x, part.trend.terms, strict=True)
        )
        lhs = f"rank_correlation({places}; {part.dataset}, {part.protocol}, {part.selection})"
    else:
        assert part.lhs is not None
        lhs = describe(part.lhs, part)
    return {
        "name": judged.name,
        "lhs": lhs,
        "relation": part.relation,
        "rhs": describe(part.rhs, part),
        "margin": part.margin,
        "difference": _rounded(found.difference),
        "ci_low": _rounded(found.low),
        "ci_high": _rounded(found.high),
        "n_items": found.num_items,
        "n_seeds": found.num_seeds,
        "basis": found.basis,
        "reason": found.reason,
        "verdict": judged.verdict,
        "scope": judged.scope,
    }


SCOPE_WORDS = {
    "synthetic": "on synthetic data; this says nothing about the paper's data",
    "real_reduced": "on real data, below the paper's setting",
    "paper": "in the paper's setting",
}
VERDICT_WORDS = {"holds": "Holds", "fails": "Fails", "undecided": "Undecided", "not_run": "Not run"}


def _summary(parts: list[PartVerdict], verdict: Verdict, scope: Scope) -> str:
    """Return the verdict in words, with every part that was measured and the names of those that were not."""
    sentences, absent, cautions = [], [], []
    for part in parts:
        found = part.comparison
        if found.difference is None:
            absent.append((part.name, found.reason.removeprefix("not run: ")))
            continue
        digits = 2 if found.unit == "points" or found.basis == PRINTED else 3
        interval = "" if found.low is None else f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
        unit = f" {found.unit}" if found.unit else ""
        counted = "episodes" if part.part.protocol == "few_shot" else "items"
        items = f"{found.num_items} {counted}, " if found.num_items else ""
        sample = f"{items}{found.num_seeds} seed{'s' if found.num_seeds != 1 else ''}"
        sample = PRINTED if found.basis == PRINTED else sample
        words = VERDICT_WORDS[part.verdict].lower()
        sentences.append(f"{part.name}: {words}, {found.difference:+.{digits}f}{interval}{unit} ({sample}).")
        cautions += [found.reason] if found.reason else []
    sentences += [f"{caution[0].upper()}{caution[1:]}." for caution in dict.fromkeys(cautions)]
    if len(absent) == 1 or (absent and len({reason for _, reason in absent}) == 1):
        sentences.append(f"Not run: {', '.join(name for name, _ in absent)} ({absent[0][1]}).")
    elif absent:
        sentences.append(f"Not run: {', '.join(name for name, _ in absent)}.")
    head = [] if verdict == "not_run" else [f"{VERDICT_WORDS[verdict]} {SCOPE_WORDS[scope]}."]
    return " ".join([*head, *sentences])


def write_claims(entries: list[dict[str, Any]], path: Path) -> None:
    """Write ``claims.json``."""
    write_json(path, entries)
