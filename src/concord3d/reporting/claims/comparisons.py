"""Differences between numbers, with paired intervals over items and seeds; between printed ones, with their rounding.

Shape legend: R training seeds, S test items, B bootstrap resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.estimates import Address, HistoryAddress, Leaf, Results
from concord3d.reporting.evidence.published_values import PublishedCell, the_cell
from concord3d.reporting.specs.claim_spec import ClaimPart, Term
from concord3d.statistics.bootstrap import bootstrap_means, spearman_interval

NUM_RESAMPLES = 10_000
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
        num_seeds: Training seeds behind it, of the side with fewest.
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


@dataclass(frozen=True)
class _Arm:
    """Outcomes of one leaf: by seed, (S,) each; training figures have one item and no names."""

    by_seed: Mapping[int, FloatArray]
    names: tuple[str, ...]
    kind: str | None
    unit: str


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


def _arm(results: Results, leaf: Leaf) -> _Arm | None:
    if isinstance(leaf, HistoryAddress):
        values = results.seed_values(leaf)
        return _Arm({seed: np.array([value]) for seed, value in values.items()}, (), None, "nat") if values else None
    rows = results.rows(leaf)
    if not rows:
        return None
    outcomes, names = results.outcomes(leaf)
    first = next(iter(rows.values()))
    if set(outcomes) != set(rows):
        outcomes, names = {seed: np.array([row.value]) for seed, row in rows.items()}, ()
    return _Arm(outcomes, names, first.data_kind, first.unit)


def _missing(results: Results, wanted: list[Leaf], arms: Mapping[Leaf, _Arm | None]) -> str:
    names = []
    for leaf in wanted:
        if arms[leaf] is None:
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

    Items are paired within a data set, seeds over everything; measurements on different items are resampled
    independently with the same seeds. Where both sides are printed values, the interval is what their rounding leaves.

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
    found = {leaf: _arm(results, leaf) for leaf in wanted}
    if any(arm is None for arm in found.values()):
        return Comparison(reason=_missing(results, wanted, found))
    arms = {leaf: arm for leaf, arm in found.items() if arm is not None}
    kinds = tuple(sorted({arm.kind for arm in arms.values() if arm.kind}))
    seeds = sorted(set.intersection(*(set(arm.by_seed) for arm in arms.values())))
    if not seeds:
        return Comparison(data_kinds=kinds, reason="no result: the sides share no seed")
    return _difference(results, part, arms, seeds, kinds, num_parts)


def _groups(arms: Mapping[Leaf, _Arm]) -> dict[tuple[str, ...], list[Leaf]]:
    """Leaves by what they were tested on; training figures and metrics without items form groups of their own.

    Two metrics of one protocol may concern different items, such as those with a text; one metric never does.
    """
    groups: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf, arm in arms.items():
        if isinstance(leaf, HistoryAddress) or not arm.names:
            groups.setdefault(("",), []).append(leaf)
            continue
        place = (leaf.dataset, leaf.protocol)
        for key, members in groups.items():
            if key[:2] == place and arms[members[0]].names == arm.names:
                members.append(leaf)
                break
            if key[:2] == place and any(m.metric == leaf.metric for m in members if isinstance(m, Address)):
                raise ReportingError(
                    "A paired comparison needs the same test items on both sides",
                    where=f"{leaf.dataset}, {leaf.protocol}",
                    expected=f"the {len(arms[members[0]].names)} items of {members[0].experiment}",
                    found=f"{len(arm.names)} items of {leaf.experiment}",
                    next_step="evaluate both on the same split",
                )
        else:
            groups[(*place, leaf.metric)] = [leaf]
    return groups


def _difference(
    results: Results,
    part: ClaimPart,
    arms: Mapping[Leaf, _Arm],
    seeds: list[int],
    kinds: tuple[str, ...],
    num_parts: int,
) -> Comparison:
    assert part.lhs is not None
    stacked = {leaf: np.stack([arm.by_seed[seed] for seed in seeds]) for leaf, arm in arms.items()}
    grand = {leaf: np.array([values.mean()]) for leaf, values in stacked.items()}
    value = float((_value(part.lhs, part, grand, 1) - _value(part.rhs, part, grand, 1))[0])
    groups = _groups(arms)
    num_items = sum(len(arms[members[0]].names) for members in groups.values())
    unit = {"%": "points", "nat": "nats"}.get(next(iter(arms.values())).unit, "")
    known = Comparison(
        value, num_items=num_items, num_seeds=len(seeds), data_kinds=kinds, unit=unit, reason=_seed_caution(seeds)
    )
    if not num_items and len(seeds) < 2:
        return replace(known, basis="none", reason="one seed and no items: no interval")
    deviations = dict(zip(arms, results.seed_deviations(list(arms), seeds, NUM_RESAMPLES).T, strict=True))
    means: dict[Leaf, FloatArray] = {}
    # Arms on the same items share their draw; those on another data set draw their items independently.
    for stream, members in enumerate(groups.values()):
        drawn = bootstrap_means(
            np.stack([stacked[leaf] for leaf in members]),
            NUM_RESAMPLES,
            item_stream=stream,
            deviations=np.stack([deviations[leaf] for leaf in members], axis=1),
        )
        means |= {leaf: drawn[:, column] for column, leaf in enumerate(members)}
    samples = _value(part.lhs, part, means, NUM_RESAMPLES) - _value(part.rhs, part, means, NUM_RESAMPLES)
    low, high, corrected = (float(end) for end in np.quantile(samples, (0.025, 0.975, _corrected(num_parts))))
    basis = " and ".join(name for name, found in (("items", num_items > 0), ("seeds", len(seeds) > 1)) if found)
    return replace(known, low=low, high=high, high_corrected=corrected, basis=basis)


def _corrected(num_parts: int) -> float:
    """Return the level of the upper end that decides on "fails" (Bonferroni)."""
    return 1 - 0.025 / num_parts


def _seed_caution(seeds: list[int]) -> str:
    return "" if len(seeds) > 1 else "one seed: the interval leaves out how trainings differ"


def _compare_trend(results: Results, part: ClaimPart, num_parts: int) -> Comparison:
    assert part.trend is not None
    pairs = [(x, leaf_of(term, part)) for x, term in zip(part.trend.x, part.trend.terms, strict=True)]
    found = [(x, leaf, _arm(results, leaf)) for x, leaf in pairs]
    present = [(x, leaf, arm) for x, leaf, arm in found if arm is not None and arm.names]
    absent = [leaf.experiment for _, leaf, arm in found if arm is None or not arm.names]
    if len(present) < 3:
        return Comparison(
            reason=f"no result: a trend needs three settings, here {len(present)}; without {', '.join(absent)}"
        )
    seeds = sorted(set.intersection(*(set(arm.by_seed) for _, _, arm in present)))
    kinds = tuple(sorted({arm.kind for _, _, arm in present if arm.kind}))
    if not seeds:
        return Comparison(data_kinds=kinds, reason="no result: the settings share no seed")
    _groups({leaf: arm for _, leaf, arm in present})
    outcomes = np.stack([np.stack([arm.by_seed[seed] for seed in seeds]) for _, _, arm in present])
    deviations = results.seed_deviations([leaf for _, leaf, _ in present], seeds, NUM_RESAMPLES)
    interval, corrected = (
        spearman_interval(
            [x for x, _, _ in present],
            outcomes,
            confidence=2 * _corrected(number) - 1,
            num_resamples=NUM_RESAMPLES,
            deviations=deviations,
        )
        for number in (1, num_parts)
    )
    reasons = [f"without {', '.join(absent)}" if absent else "", _seed_caution(seeds)]
    return Comparison(
        interval.value,
        interval.low,
        interval.high,
        corrected.high,
        interval.num_items,
        interval.num_seeds,
        interval.basis,
        kinds,
        reason="; ".join(filter(None, reasons)),
    )
