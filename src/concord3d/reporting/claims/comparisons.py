"""Differences between numbers, with paired intervals over items and seeds; between printed ones, with their rounding.

Shape legend: B draws of the means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from concord3d.reporting.evidence.addresses import Address, HistoryAddress, Leaf
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.joint_numbers import Joint, MeasuredNumber
from concord3d.reporting.evidence.published_values import PublishedCell, the_cell
from concord3d.reporting.specs.claim_spec import ClaimPart, Term
from concord3d.statistics.joint_means import rank_correlation

PRINTED = "printed values"
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What a part of a claim came to.

    Attributes:
        difference: Left minus right side; None where it was not measured.
        low: Lower end of the 95 % interval; None without spread.
        high: Upper end.
        high_corrected: Upper end that decides on "fails", which lies further out the more parts a claim has
            (docs/VERDICTS.md); None where it is ``high``.
        num_items: Test items behind it (0 for training figures).
        num_seeds: Training seeds behind each side; of unequal numbers the smaller.
        basis: What was treated as random; ``printed values`` where nothing was measured here.
        data_kinds: Kinds of data evaluated on.
        unit: ``points`` of percentages, ``nats``, or empty.
        reason: Why there is no number, or no interval, or what limits it.
    """

    difference: float | None = None
    low: float | None = None
    high: float | None = None
    high_corrected: float | None = None
    num_items: int = 0
    num_seeds: int = 0
    basis: str = ""
    data_kinds: tuple[str, ...] = ()
    unit: str = ""
    reason: str = ""


def leaf_of(term: Term, part: ClaimPart) -> Leaf:
    """Return where a term's number is found, with the part's defaults filled in."""
    assert term.experiment is not None
    if term.history is not None:
        return HistoryAddress(term.experiment, term.history, term.at)
    return Address(
        term.experiment,
        term.dataset or part.dataset,
        term.protocol or part.protocol,
        term.metric or part.metric,
        term.selection or part.selection,
    )


def leaves(term: Term, part: ClaimPart) -> Iterator[Leaf]:
    """Yield every measurement that a term rests on."""
    yield from (leaf_of(inner, part) for inner in term.below() if inner.experiment is not None)


def describe(term: Term, part: ClaimPart) -> str:
    """Return a term as text, e.g. ``overall_accuracy(mm_point; modelnet40, linear_svm, last)``."""
    if term.constant is not None:
        return f"{term.constant:g}"
    if term.published is not None:
        named = term.published.model_dump(exclude_none=True)
        return f"published({'; '.join(named.values())})"
    if term.minus is not None:
        return f"[{describe(term.minus[0], part)} - {describe(term.minus[1], part)}]"
    if term.mean is not None:
        return f"mean({', '.join(describe(child, part) for child in term.mean)})"
    if term.preferred is not None:
        return f"first of {', '.join(term.preferred)}"
    leaf = leaf_of(term, part)
    if isinstance(leaf, HistoryAddress):
        return f"{leaf.key}({leaf.experiment}; held out, {leaf.at} snapshot)"
    return f"{leaf.metric}({leaf.experiment}; {leaf.dataset}, {leaf.protocol}, {leaf.selection})"


def _value(term: Term, part: ClaimPart, means: Mapping[Leaf, FloatArray], num: int) -> FloatArray:
    """Return (num,) values of a term from (num,) means of its leaves."""
    if term.constant is not None:
        return np.full(num, term.constant)
    if term.minus is not None:
        return _value(term.minus[0], part, means, num) - _value(term.minus[1], part, means, num)
    if term.mean is not None:
        return np.mean([_value(child, part, means, num) for child in term.mean], axis=0)
    return means[leaf_of(term, part)]


def _missing(wanted: list[Leaf], numbers: Mapping[Leaf, MeasuredNumber | None]) -> str:
    names = []
    for leaf in wanted:
        if numbers[leaf] is None:
            place = "training history" if isinstance(leaf, HistoryAddress) else f"{leaf.dataset}, {leaf.protocol}"
            names.append(f"{leaf.experiment} ({place})")
    return "no result: " + "; ".join(dict.fromkeys(names))


def _range(term: Term, cells: Mapping[Term, PublishedCell]) -> tuple[float, float, float]:
    """Return value, lowest and highest of a term without measurements, as far as rounding to print leaves it open."""
    if term.published is not None:
        cell = cells[term]
        value = float(cell.text)
        return value, value - cell.half_width, value + cell.half_width
    if term.minus is not None:
        first, second = (_range(child, cells) for child in term.minus)
        return first[0] - second[0], first[1] - second[2], first[2] - second[1]
    if term.mean is not None:
        columns = zip(*(_range(child, cells) for child in term.mean), strict=True)
        value, low, high = (float(np.mean(column)) for column in columns)
        return value, low, high
    assert term.constant is not None
    return term.constant, term.constant, term.constant


def compare(
    results: Results, part: ClaimPart, published: Sequence[PublishedCell] = (), num_parts: int = 1
) -> Comparison:
    """Measure left minus right side of one inequality (MM-Point spec 8).

    Items are paired within a data set, seeds that both sides have over everything; each side counts all its seeds
    (:mod:`concord3d.statistics.joint_means`). Where both sides are printed values, the interval is what their rounding
    leaves.

    Args:
        results: Everything measured.
        part: The inequality.
        published: All published cells of the paper.
        num_parts: Parts of the claim, any of which could fail it: ``high_corrected`` is exceeded with a probability of
            2.5 % over their number (Bonferroni).

    Raises:
        ReportingError: Two sides were tested on different items of one data set, or a published value is not one cell.
    """
    if part.trend is not None:
        return _compare_trend(results, part, num_parts)
    assert part.lhs is not None
    cells = {
        term: the_cell(published, term.published.model_dump(exclude_none=True))
        for side in part.terms
        for term in side.below()
        if term.published is not None
    }
    unread = [describe(term, part) for term, cell in cells.items() if cell.value is None]
    if unread:
        return Comparison(reason=f"no result: {'; '.join(unread)} could not be read from any source")
    wanted = list(dict.fromkeys([*leaves(part.lhs, part), *leaves(part.rhs, part)]))
    if not wanted and cells:
        left, right = _range(part.lhs, cells), _range(part.rhs, cells)
        return Comparison(left[0] - right[0], left[1] - right[2], left[2] - right[1], basis=PRINTED)
    part = part.mapped(lambda term: Term(constant=float(cells[term].text)) if term in cells else term)
    return _compare_measured(results, part, wanted, num_parts)


def _compare_measured(results: Results, part: ClaimPart, wanted: list[Leaf], num_parts: int) -> Comparison:
    numbers = {leaf: results.number(leaf) for leaf in wanted}
    joint = results.joint(wanted)
    if joint is None:
        return Comparison(reason=_missing(wanted, numbers))
    known = {leaf: number for leaf, number in numbers.items() if number is not None}
    return _difference(part, known, joint, num_parts)


def _kinds(numbers: Mapping[Leaf, MeasuredNumber]) -> tuple[str, ...]:
    return tuple(sorted({number.kind for number in numbers.values() if number.kind}))


def _difference(part: ClaimPart, numbers: Mapping[Leaf, MeasuredNumber], joint: Joint, num_parts: int) -> Comparison:
    assert part.lhs is not None
    lhs, rhs, means = part.lhs, part.rhs, joint.means

    def difference(drawn: FloatArray) -> FloatArray:
        by_leaf = {leaf: drawn[:, column] for column, leaf in enumerate(joint.leaves)}
        return _value(lhs, part, by_leaf, len(drawn)) - _value(rhs, part, by_leaf, len(drawn))

    value = float(difference(means.values[None])[0])
    known = Comparison(
        value,
        num_items=joint.means.num_items,
        num_seeds=min(len(number.seeds) for number in numbers.values()),
        data_kinds=_kinds(numbers),
        unit=_unit_of_differences({number.unit for number in numbers.values()}),
        reason=_seed_caution(numbers, joint),
    )
    if not means.has_spread:
        return replace(known, basis="none", reason="one seed and no items: no interval")
    uncertainty = means.uncertainty(joint.weights(_weights(lhs, part)) - joint.weights(_weights(rhs, part)))
    low, high = uncertainty.ends(value)
    _, corrected = uncertainty.ends(value, _corrected(num_parts))
    return replace(known, low=low, high=high, high_corrected=corrected, basis=_basis(joint))


def _corrected(num_parts: int) -> float:
    """Return the confidence of the interval whose upper end decides on "fails" (Bonferroni)."""
    return 1 - 0.05 / num_parts


def _unit_of_differences(units: set[str]) -> str:
    unit = next(iter(units)) if len(units) == 1 else ""
    return {"%": "points", "nat": "nats"}.get(unit, unit)


def _weights(term: Term, part: ClaimPart) -> dict[Leaf, float]:
    """Return how much each number counts in a term."""
    if term.experiment is not None:
        return {leaf_of(term, part): 1.0}
    children = term.children
    factors = (1.0, -1.0) if term.minus is not None else (1 / max(len(children), 1),) * len(children)
    total: dict[Leaf, float] = {}
    for factor, child in zip(factors, children, strict=True):
        for leaf, weight in _weights(child, part).items():
            total[leaf] = total.get(leaf, 0.0) + factor * weight
    return total


def _basis(joint: Joint) -> str:
    means = joint.means
    has_items = bool(means.items) or (means.unpaired is not None and bool(means.unpaired.any()))
    return " and ".join(name for name, found in (("items", has_items), ("seeds", bool(means.seeds))) if found)


def _seed_caution(numbers: Mapping[Leaf, MeasuredNumber], joint: Joint) -> str:
    """Say whose seeds the interval leaves out or takes from others, and where their numbers differ."""
    counts = {leaf.experiment: len(number.seeds) for leaf, number in numbers.items()}
    if set(joint.without_spread) >= set(counts):
        return "one seed: the interval leaves out how trainings differ"
    borrowed = [name for name, count in counts.items() if count == 1 and name not in joint.without_spread]
    cautions = [
        f"one seed of {', '.join(joint.without_spread)}: the interval leaves out how it varies"
        if joint.without_spread
        else "",
        f"one seed of {', '.join(borrowed)}: how its trainings differ is taken from the other experiments"
        if borrowed
        else "",
    ]
    if len(set(counts.values())) > 1 and min(counts.values()) > 1:
        cautions.append(f"seeds: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return "; ".join(filter(None, cautions))


def _compare_trend(results: Results, part: ClaimPart, num_parts: int) -> Comparison:
    assert part.trend is not None
    pairs = [(x, leaf_of(term, part)) for x, term in zip(part.trend.x, part.trend.terms, strict=True)]
    found = [(x, leaf, results.number(leaf)) for x, leaf in pairs]
    present = [(x, leaf, number) for x, leaf, number in found if number is not None and number.names]
    absent = [leaf.experiment for _, leaf, number in found if number is None or not number.names]
    if len(present) < 3:
        return Comparison(
            reason=f"no result: a trend needs three settings, here {len(present)}; without {', '.join(absent)}"
        )
    numbers = {leaf: number for _, leaf, number in present}
    joint, settings = results.joint(numbers), [x for x, _, _ in present]
    assert joint is not None

    def correlation(drawn: FloatArray) -> FloatArray:
        return rank_correlation(settings, drawn)

    low, high = joint.means.function_ends(correlation)
    _, corrected = joint.means.function_ends(correlation, _corrected(num_parts))
    reasons = [f"without {', '.join(absent)}" if absent else "", _seed_caution(numbers, joint)]
    return Comparison(
        float(correlation(joint.means.values[None])[0]),
        low,
        high,
        corrected,
        joint.means.num_items,
        min(len(number.seeds) for number in numbers.values()),
        _basis(joint),
        _kinds(numbers),
        reason="; ".join(filter(None, reasons)),
    )
