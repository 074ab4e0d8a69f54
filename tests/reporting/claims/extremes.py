"""Measurements that are as good, or as bad, for a claim as any could be, built from what a scale runs.

Every inequality of a claim is linear in its measurements. Their levels are the solution of a linear program: the
largest margin by which all inequalities can hold, or be violated, at once. Parts that contradict each other leave none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linprog

from concord3d.config.study import Study
from concord3d.reporting.claims.comparisons import leaf_of, leaves
from concord3d.reporting.claims.scale_parts import ScaleParts
from concord3d.reporting.evidence.addresses import Address, HistoryAddress, Leaf
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.measurements import Evaluation, Measurement
from concord3d.reporting.evidence.published_values import PublishedCell, the_cell
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs
from concord3d.reporting.specs.claim_spec import ClaimPart, ClaimSpec, Term

NUM_ITEMS = 400
# Protocols that are told how many labelled shapes a class has measure nothing for other numbers.
SHOTS = "shots"
# A margin that an extreme must leave, where the parts allow no less.
ENOUGH = 0.02
# Lowest outcome of an item where it is not 0: accuracy minus chance among ten classes.
LOWEST = {"top1_above_chance": -0.1}


def measured_parts(claim: ClaimSpec, results: Results, inputs: ReportInputs) -> list[ClaimPart]:
    """Return the inequalities of a claim that a scale measures; those between printed values alone measure nothing."""
    at_scale = ScaleParts(results, inputs)
    run = [each.part for given in claim.parts for each in at_scale.of(given) if each.state == "run"]
    return [part for part in run if any(term.is_measured for side in part.terms for term in side.below())]


def nothing_measured(inputs: ReportInputs) -> Results:
    """Return the results of a scale of which nothing has been run yet."""
    return Results(inputs.scale, (), {}, tuple(sorted(set(inputs.expected_jobs))), trained=inputs.trained)


def extreme_results(
    claim: ClaimSpec, study: Study, inputs: ReportInputs, published: Sequence[PublishedCell], sign: int
) -> Results:
    """Return results that a claim rests on: the best where ``sign`` is 1, the worst where it is -1.

    Every evaluation that the claim names and the scale asks for is there, with all its seeds.

    Args:
        claim: The claim.
        study: Paper and scale.
        inputs: What the scale runs.
        published: The paper's values, in percent where they are compared with measurements.
        sign: 1 or -1.
    """
    numbers = partial(_with_number, published=published)
    parts = [part.mapped(numbers) for part in measured_parts(claim, nothing_measured(inputs), inputs)]
    levels = extreme_levels(parts, sign)
    asked = {job: _at(job, levels, study) for job in sorted(set(inputs.expected_jobs))}
    evaluations = tuple(_evaluation(job, inputs, found) for job, found in asked.items() if found)
    return Results(
        inputs.scale,
        evaluations,
        {
            (name, seed): _history(name, levels, seed, inputs)
            for name in sorted(inputs.trained)
            for seed in study.seeds_of(name)
        },
        tuple(sorted(set(inputs.expected_jobs))),
        trained=inputs.trained,
    )


def extreme_levels(parts: Sequence[ClaimPart], sign: int) -> dict[Leaf, float]:
    """Return the levels at which all inequalities hold (or are violated) by the largest margin; they span 1.

    Those of an equivalence, less than so much up and less than so much down, cannot be violated together: then one is.
    """
    levels, margin = _solved(parts, sign)
    if sign < 0 and margin <= 0 and len(parts) > 1:
        levels, margin = _solved(parts[:1], sign)
    least = min([ENOUGH, *(part.margin / 100 for part in parts if part.margin > 0)])
    assert margin > least - 1e-9, f"the parts leave a margin of {margin:.3f}"
    return levels


def _solved(parts: Sequence[ClaimPart], sign: int) -> tuple[dict[Leaf, float], float]:
    """Return the levels, and the margin by which they satisfy all inequalities."""
    rows = [row for part in parts for row in inequalities(part)]
    found = list(dict.fromkeys(leaf for coefficients, _ in rows for leaf in coefficients))
    if not found:
        return {}, 1.0
    matrix = np.zeros((len(rows), len(found) + 1))
    offsets = np.array([offset for _, offset in rows])
    for number, (coefficients, _) in enumerate(rows):
        for leaf, value in coefficients.items():
            matrix[number, found.index(leaf)] += sign * value
    matrix[:, -1] = -1
    # Maximise the margin t subject to sign * (coefficients * levels + offset) >= t.
    objective = np.zeros(len(found) + 1)
    objective[-1] = -1
    lowest = [LOWEST.get(leaf.metric, 0.0) if isinstance(leaf, Address) else 0.0 for leaf in found]
    bounds = [*((low, low + 1.0) for low in lowest), (None, 1.0)]
    solved = linprog(objective, A_ub=-matrix, b_ub=sign * offsets, bounds=bounds)
    assert solved.success
    return dict(zip(found, map(float, solved.x[:-1]), strict=True)), float(solved.x[-1])


def inequalities(part: ClaimPart) -> Iterator[tuple[dict[Leaf, float], float]]:
    """Yield coefficients and offset of every inequality of a part, in fractions; a trend rises from term to term."""
    if part.trend is not None:
        for lower, higher in zip(part.trend.terms, part.trend.terms[1:], strict=False):
            yield {leaf_of(higher, part): 1.0, leaf_of(lower, part): -1.0}, 0.0
        return
    assert part.lhs is not None
    total: dict[Leaf, float] = defaultdict(float)
    offset = part.margin / 100
    for side, sign in ((part.lhs, 1.0), (part.rhs, -1.0)):
        offset += _add(side, sign, part, total)
    yield dict(total), offset


def _with_number(term: Term, published: Sequence[PublishedCell]) -> Term:
    if term.published is None:
        return term
    return Term(constant=float(the_cell(published, term.published.model_dump(exclude_none=True)).text))


def _add(term: Term, factor: float, part: ClaimPart, total: dict[Leaf, float]) -> float:
    """Add the leaves of a term to a sum, and return its constant part."""
    if term.minus is not None:
        return _add(term.minus[0], factor, part, total) + _add(term.minus[1], -factor, part, total)
    if term.mean is not None:
        return sum(_add(child, factor / len(term.mean), part, total) for child in term.mean)
    if term.experiment is not None:
        total[leaf_of(term, part)] += factor
        return 0.0
    assert term.constant is not None
    return factor * term.constant / 100


def _at(job: ExpectedJob, levels: Mapping[Leaf, float], study: Study) -> dict[tuple[str, str], float]:
    """Return the levels of one evaluation by metric and selection, as far as its settings at the scale measure them."""
    shots = study.protocol(job.protocol).settings.get(SHOTS)
    return {
        (leaf.metric, leaf.selection): level
        for leaf, level in levels.items()
        if isinstance(leaf, Address)
        and (leaf.experiment, leaf.dataset, leaf.protocol) == job[:3]
        and (shots is None or any(leaf.metric.endswith(f"_{number}shot") for number in shots))
    }


def _evaluation(job: ExpectedJob, inputs: ReportInputs, levels: Mapping[tuple[str, str], float]) -> Evaluation:
    """Return one evaluation, whose better outcomes contain the worse ones and whose seeds differ in one item."""
    kind = inputs.data_kinds.get(job.dataset, "real")
    rows, items = [], {}
    order = np.random.default_rng(0).permutation(NUM_ITEMS)
    for (metric, selection), level in levels.items():
        lowest = LOWEST.get(metric, 0.0)
        share = level - lowest
        right = min(max(round(share * NUM_ITEMS) + (job.seed % 2 if 0 < share < 1 else 0), 0), NUM_ITEMS)
        outcomes = np.full(NUM_ITEMS, lowest)
        outcomes[order[:right]] += 1.0
        value = 100 * float(outcomes.mean())
        rows.append(
            Measurement(
                job.experiment, job.experiment, job.seed, inputs.scale, kind, job.dataset, job.protocol, metric, value,
                NUM_ITEMS, value - 1, value + 1, selection, "points" if metric in LOWEST else "%",
            )
        )  # fmt: skip
        items[f"{metric}__{selection}"] = 100 * outcomes if metric in LOWEST else outcomes
    names = tuple(f"item_{number:03d}" for number in range(NUM_ITEMS))
    return Evaluation(Path(f"{'__'.join(map(str, job))}.json"), tuple(rows), {}, items, names, {})


def _history(name: str, levels: Mapping[Leaf, float], seed: int, inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return the training history of an experiment, with as many entries as it has epochs, at most two."""
    wanted = [leaf for leaf in levels if isinstance(leaf, HistoryAddress) and leaf.experiment == name]
    epochs = inputs.runs[name].get("training", {}).get("epochs", 1)
    entries: list[dict[str, Any]] = [{"epoch": number + 1, "held_out": {}} for number in range(min(epochs, 2))]
    for key in {leaf.key for leaf in wanted}:
        for at, entry in (("first", entries[0]), ("last", entries[-1])):
            level = levels.get(HistoryAddress(name, key, at), 0.5)
            entry["held_out"][key] = level + 0.001 * (seed % 2)
    return entries


def addresses(part: ClaimPart) -> list[Address]:
    """Return the measurements of a part."""
    return [leaf for side in part.terms for leaf in leaves(side, part) if isinstance(leaf, Address)]
