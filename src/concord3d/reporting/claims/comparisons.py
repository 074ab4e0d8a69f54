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
    if term.experiment is not None:
        yield leaf_of(term, part)
    for child in (*(term.max or ()), *(term.mean or ()), *(term.minus or ())):
        yield from leaves(child, part)


def describe(term: Term, part: ClaimPart) -> str:
    """Return a term as text, e.g. ``overall_accuracy(mm_point; modelnet40, linear_svm, last)``."""
    if term.constant is not None:
        return f"{term.constant:g}"
    if term.published is not None:
        named = term.published.model_dump(exclude_none=True)
        return f"published({'; '.join(named.values())})"
    if term.minus is not None:
        return f"[{describe(term.minus[0], part)} - {describe(term.minus[1], part)}]"
    for name, children in (("max", term.max), ("mean", term.mean)):
        if children is not None:
            return f"{name}({', '.join(describe(child, part) for child in children)})"
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
    if term.max is not None:
        return np.max([_value(child, part, means, num) for child in term.max], axis=0)
    if term.mean is not None:
        return np.mean([_value(child, part, means, num) for child in term.mean], axis=0)
    return means[leaf_of(term, part)]


def _missing(wanted: list[Leaf], numbers: Mapping[Leaf, MeasuredNumber | None]) -> str:
    names = []
    for leaf in wanted:
        if numbers[leaf] is None:
            place = "training history" if isinstance(leaf, HistoryAddress) else f"{leaf.dataset}, {leaf.protocol}"
            names.append(f"{leaf.experiment} ({place})")
    return "not run: " + "; ".join(dict.fromkeys(names))


def _printed(term: Term | None) -> Iterator[Term]:
    """Yield every published value that a term rests on."""
    if term is not None:
        if term.published is not None:
            yield term
        for child in (*(term.max or ()), *(term.mean or ()), *(term.minus or ())):
            yield from _printed(child)


def _range(term: Term, cells: Mapping[Term, PublishedCell]) -> tuple[float, float, float]:
    """Return value, lowest and highest of a term without measurements, as far as rounding to print leaves it open."""
    if term.published is not None:
        cell = cells[term]
        value = float(cell.text)
        return value, value - cell.half_width, value + cell.half_width
    if term.minus is not None:
        first, second = (_range(child, cells) for child in term.minus)
        return first[0] - second[0], first[1] - second[2], first[2] - second[1]
    if term.max is not None or term.mean is not None:
        columns = zip(*(_range(child, cells) for child in term.max or term.mean or ()), strict=True)
        value, low, high = (max(column) if term.max else float(np.mean(column)) for column in columns)
        return value, low, high
    assert term.constant is not None
    return term.constant, term.constant, term.constant


def _with_values(term: Term, cells: Mapping[Term, PublishedCell]) -> Term:
    """Return a term with the values of published cells in place of their names."""
    if term.published is not None:
        return Term(constant=float(cells[term].text))
    changes = {
        name: [_with_values(child, cells) for child in children]
        for name in ("max", "mean", "minus")
        if (children := getattr(term, name)) is not None
    }
    return term.model_copy(update=changes)


def compare(results: Results, part: ClaimPart, published: Sequence[PublishedCell] = ()) -> Comparison:
    """Measure left minus right side of one inequality (MM-Point spec 8).

    Items are paired within a data set, seeds that both sides have over everything; each side counts all its seeds
    (:mod:`concord3d.statistics.joint_means`). Where both sides are printed values, the interval is what their rounding
    leaves.

    Args:
        results: Everything measured.
        part: The inequality.
        published: All published cells of the paper.

    Raises:
        ReportingError: Two sides were tested on different items of one data set, or a published value is not one cell.
    """
    if part.trend is not None:
        return _compare_trend(results, part)
    assert part.lhs is not None
    named = [*_printed(part.lhs), *_printed(part.rhs)]
    cells = {
        term: the_cell(published, term.published.model_dump(exclude_none=True)) for term in named if term.published
    }
    unread = [describe(term, part) for term, cell in cells.items() if cell.value is None]
    if unread:
        return Comparison(reason=f"not run: {'; '.join(unread)} could not be read from any source")
    wanted = list(dict.fromkeys([*leaves(part.lhs, part), *leaves(part.rhs, part)]))
    if not wanted and cells:
        left, right = _range(part.lhs, cells), _range(part.rhs, cells)
        return Comparison(left[0] - right[0], left[1] - right[2], left[2] - right[1], basis=PRINTED)
    part = part.model_copy(update={"lhs": _with_values(part.lhs, cells), "rhs": _with_values(part.rhs, cells)})
    return _compare_measured(results, part, wanted, bool(cells))


def _compare_measured(results: Results, part: ClaimPart, wanted: list[Leaf], with_printed: bool) -> Comparison:
    assert part.lhs is not None
    numbers = {leaf: results.number(leaf) for leaf in wanted}
    joint = results.joint(wanted)
    if joint is None:
        return Comparison(reason=_missing(wanted, numbers))
    known = {leaf: number for leaf, number in numbers.items() if number is not None}
    kinds = _kinds(known)
    constant = part.rhs.constant or (part.lhs.constant if part.lhs.constant is not None else 0.0)
    if (constant or with_printed) and "synthetic" in kinds:
        return Comparison(data_kinds=kinds, reason="not run: a published value says nothing about synthetic data")
    return _difference(part, known, joint)


def _kinds(numbers: Mapping[Leaf, MeasuredNumber]) -> tuple[str, ...]:
    return tuple(sorted({number.kind for number in numbers.values() if number.kind}))


def _difference(part: ClaimPart, numbers: Mapping[Leaf, MeasuredNumber], joint: Joint) -> Comparison:
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
    left, right = _weights(lhs, part), _weights(rhs, part)
    if left is None or right is None:
        low, high = means.function_ends(difference)
    else:
        weights = joint.weights(left) - joint.weights(right)
        low, high = means.uncertainty(weights).ends(value)
    return replace(known, low=low, high=high, basis=_basis(joint))


def _unit_of_differences(units: set[str]) -> str:
    unit = next(iter(units)) if len(units) == 1 else ""
    return {"%": "points", "nat": "nats"}.get(unit, unit)


def _weights(term: Term, part: ClaimPart) -> dict[Leaf, float] | None:
    """Return how much each number counts in a term; None where the term is not linear in them."""
    if term.constant is not None:
        return {}
    if term.experiment is not None:
        return {leaf_of(term, part): 1.0}
    if term.max is not None:
        return None
    children = term.minus or term.mean or ()
    factors = (1.0, -1.0) if term.minus is not None else (1 / len(children),) * len(children)
    total: dict[Leaf, float] = {}
    for factor, child in zip(factors, children, strict=True):
        weights = _weights(child, part)
        if weights is None:
            return None
        for leaf, weight in weights.items():
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


def _compare_trend(results: Results, part: ClaimPart) -> Comparison:
    assert part.trend is not None
    pairs = [(x, leaf_of(term, part)) for x, term in zip(part.trend.x, part.trend.terms, strict=True)]
    found = [(x, leaf, results.number(leaf)) for x, leaf in pairs]
    present = [(x, leaf, number) for x, leaf, number in found if number is not None and number.names]
    absent = [leaf.experiment for _, leaf, number in found if number is None or not number.names]
    if len(present) < 3:
        return Comparison(
            reason=f"not run: a trend needs three settings, here {len(present)}; without {', '.join(absent)}"
        )
    numbers = {leaf: number for _, leaf, number in present}
    joint, settings = results.joint(numbers), [x for x, _, _ in present]
    assert joint is not None
    low, high = joint.means.function_ends(lambda drawn: rank_correlation(settings, drawn))
    reasons = [f"without {', '.join(absent)}" if absent else "", _seed_caution(numbers, joint)]
    return Comparison(
        float(rank_correlation(settings, joint.means.values[None])[0]),
        low,
        high,
        joint.means.num_items,
        min(len(number.seeds) for number in numbers.values()),
        _basis(joint),
        _kinds(numbers),
        reason="; ".join(filter(None, reasons)),
    )
