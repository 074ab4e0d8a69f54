"""Published values that cannot be right, or that deserve a second look.

``severity`` is ``impossible`` (no run of the stated protocol gives the printed value), ``contradiction`` (two cells
disagree that should not), ``disagreement`` (sources differ on one quantity), ``suspicious`` (possible, but odd) or
``dependent`` (possible on one of the test sets that may be meant, not on another). An impossible proportion may still
be an average over runs or another test set: the audit says so and corrects nothing.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

from concord3d.files import write_text
from concord3d.reporting.csv_text import csv_text
from concord3d.reporting.evidence.published_values import PublishedCell, chosen_cells
from concord3d.reporting.specs.report_spec import AuditSpec, CandidateSet

COLUMNS = (
    "severity",
    "check",
    "line",
    "table",
    "method",
    "dataset",
    "setting",
    "metric",
    "value",
    "evidence",
    "reason",
)
SEVERITIES = ("impossible", "contradiction", "disagreement", "suspicious", "dependent")
# Rows of fewer values may agree by chance.
TWIN_CELLS = 3
STATED_COUNTS = re.compile(r"correct/total=(\d+)/(\d+)")


@dataclass(frozen=True)
class Finding:
    """One complaint about one published cell.

    Attributes:
        severity: One of :data:`SEVERITIES`.
        check: Which rule found it.
        cell: The cell.
        reason: Why, with the numbers of this cell.
        condition: On which test sets the value is possible, in words that many cells share; for ``dependent`` ones.
    """

    severity: str
    check: str
    cell: PublishedCell
    reason: str
    condition: str = ""


def reachable_counts(text: str, num_items: int) -> tuple[list[int], list[int]]:
    """Return which k of n items give the printed percentage by rounding (half up or to even), and by truncation.

    Args:
        text: The percentage as printed; its decimals say how it was rounded.
        num_items: n.
    """
    printed = Decimal(text)
    step = Decimal(1).scaleb(-max(len(text.partition(".")[2]), 0))
    # Numbers printed in full come from binary floating point, which is good to about 15 digits.
    slack = Decimal("1e-12") if step < Decimal("1e-12") else Decimal(0)
    rounded, cut = [], []
    # Rounding and truncation move a value by less than one unit of its last digit.
    lowest = int((printed - step) * num_items / 100) - 1
    highest = int((printed + step) * num_items / 100) + 1
    for count in range(max(lowest, 0), min(highest, num_items) + 1):
        exact = Decimal(100) * count / num_items
        modes = (ROUND_HALF_UP, ROUND_HALF_EVEN)
        if any(abs(exact.quantize(step, mode) - printed) <= slack for mode in modes) or abs(exact - printed) < slack:
            rounded.append(count)
        elif abs(exact.quantize(step, ROUND_DOWN) - printed) <= slack:
            cut.append(count)
    return rounded, cut


def audit(cells: Sequence[PublishedCell], spec: AuditSpec) -> list[Finding]:
    """Return every finding, worst first, then in the order of the file.

    Args:
        cells: All published cells of a paper; those without a value pass.
        spec: What is known of them.
    """
    known = [cell for cell in cells if cell.value is not None]
    findings = [
        *_out_of_range(known),
        *_unreachable(known, spec),
        *_stated_counts(known),
        *_duplicates(cells),
        *_exceeded_bounds(known, spec),
        *_identities(known, spec),
        *_disagreements(known, spec),
        *_falling(known, spec),
        *_blind(known, spec),
        *_twins(known),
    ]
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.cell.line, f.check, f.reason))


def _out_of_range(cells: Iterable[PublishedCell]) -> Iterator[Finding]:
    for cell in cells:
        assert cell.value is not None
        if cell.unit == "%" and not 0 <= cell.value <= 100:
            yield Finding("impossible", "range", cell, "a percentage outside 0-100")


def candidate_sets(cell: PublishedCell, spec: AuditSpec) -> list[CandidateSet]:
    """Return the test sets that a cell may have been measured on; empty where none is known."""
    named = spec.test_sizes.get(f"{cell.table}/{cell.dataset}", spec.test_sizes.get(cell.dataset, []))
    return [candidate for candidate in named if candidate.may_be_of(cell.method, cell.setting, cell.metric)]


def _unreachable(cells: Iterable[PublishedCell], spec: AuditSpec) -> Iterator[Finding]:
    for cell in cells:
        repeated = any(word.lower() in f"{cell.setting} {cell.method}".lower() for word in spec.repeated)
        if cell.unit != "%" or cell.metric not in spec.proportion_metrics or repeated:
            continue
        assert cell.value is not None
        if 0 <= cell.value <= 100:
            yield from _on_candidates(cell, candidate_sets(cell, spec))


def _on_candidates(cell: PublishedCell, candidates: Sequence[CandidateSet]) -> Iterator[Finding]:
    """Yield what is wrong with a proportion: impossible is what no candidate allows."""
    found = {candidate.size: reachable_counts(cell.text, candidate.size) for candidate in candidates}
    possible = [candidate for candidate in candidates if found[candidate.size][0]]
    excluded = [candidate for candidate in candidates if not found[candidate.size][0]]
    if not excluded:
        return
    sizes = [candidate.size for candidate in excluded]
    cuts = [f"{cut[0]}/{n} = {100 * cut[0] / n:.4f} cut off" for n in sizes if (cut := found[n][1])]
    truncated = f"truncation would give it ({'; '.join(cuts)})"
    stated = " or ".join(str(size) for size in sizes)
    if possible:
        condition = f"possible with {_named(possible)}, not with {_named(excluded)}"
        counts = ", ".join(f"{found[candidate.size][0][0]}/{candidate.size}" for candidate in possible)
        detail = truncated if cuts else f"neighbours {_neighbours(cell, sizes)}"
        reason = f"{counts} rounds to {cell.text}, no k of {stated} items does: {detail}; {condition}"
        yield Finding("dependent", "proportion", cell, reason, condition)
    elif cuts:
        reason = f"no k of {stated} items rounds to {cell.text}; {truncated}"
        yield Finding("suspicious", "proportion", cell, reason)
    else:
        reason = (
            f"no k of {stated} items gives {cell.text}, rounded or truncated (neighbours {_neighbours(cell, sizes)}); "
            "an average over runs or another test set would explain it"
        )
        yield Finding("impossible", "proportion", cell, reason)


def _named(candidates: Sequence[CandidateSet]) -> str:
    return " or ".join(f"{candidate.size} items ({candidate.why})" for candidate in candidates)


def _neighbours(cell: PublishedCell, sizes: Sequence[int]) -> str:
    assert cell.value is not None
    shown = []
    for size in sizes:
        below = int(cell.value * size / 100)
        shown += [f"{count}/{size} = {100 * count / size:.3f}" for count in (below, below + 1) if count <= size]
    return ", ".join(shown)


def _stated_counts(cells: Iterable[PublishedCell]) -> Iterator[Finding]:
    for cell in cells:
        stated = STATED_COUNTS.search(cell.setting)
        if not stated:
            continue
        count, total = int(stated[1]), int(stated[2])
        rounded, cut = reachable_counts(cell.text, total) if 0 < count <= total else ([], [])
        if count not in (*rounded, *cut):
            yield Finding("contradiction", "stated counts", cell, f"{count}/{total} does not give {cell.text}")


def _row_key(cell: PublishedCell) -> tuple[str, ...]:
    return cell.table, cell.method, cell.dataset, cell.pair, cell.setting


def _duplicates(cells: Iterable[PublishedCell]) -> Iterator[Finding]:
    groups: dict[tuple[str, ...], list[PublishedCell]] = defaultdict(list)
    for cell in cells:
        groups[(*_row_key(cell), cell.metric)].append(cell)
    for first, *others in groups.values():
        for cell in others:
            same = cell.text == first.text
            words = "the same value again" if same else f"{first.text or 'no value'} there, {cell.text or 'none'} here"
            severity = "suspicious" if same else "contradiction"
            yield Finding(severity, "duplicate", cell, f"the cell stands on line {first.line} already: {words}")


def _exceeded_bounds(cells: Iterable[PublishedCell], spec: AuditSpec) -> Iterator[Finding]:
    rows: dict[tuple[str, ...], dict[str, PublishedCell]] = defaultdict(dict)
    for cell in cells:
        rows[_row_key(cell)][cell.metric] = cell
    for row in rows.values():
        for lower, upper in spec.bounded_by:
            if lower in row and upper in row and float(row[lower].text) > float(row[upper].text):
                reason = f"{lower} exceeds {upper} ({row[upper].text}) in the same row"
                yield Finding("impossible", "bound", row[lower], reason)


@dataclass(frozen=True)
class _Sum:
    """Printed values that should add up to another one.

    Attributes:
        added: Cells that count.
        taken: Cells that are subtracted.
        constant: Added besides.
    """

    added: tuple[PublishedCell, ...]
    taken: tuple[PublishedCell, ...] = ()
    constant: float = 0.0

    @property
    def value(self) -> Decimal:
        total = sum((Decimal(cell.text) for cell in self.added), Decimal(str(self.constant)))
        return total - sum(Decimal(cell.text) for cell in self.taken)

    def __str__(self) -> str:
        words = " plus ".join(f"{cell.text} on line {cell.line}" for cell in self.added)
        words += "".join(f" minus {cell.text} on line {cell.line}" for cell in self.taken)
        sign = "plus" if self.constant > 0 else "minus"
        return words + (f" {sign} {abs(self.constant):g}" if self.constant else "")


def _differ(left: PublishedCell, right: _Sum) -> bool:
    """Say whether a printed value and a sum of others differ at the coarsest of their precisions."""
    used = (left, *right.added, *right.taken)
    step = Decimal(1).scaleb(-min(cell.num_decimals for cell in used))
    values = [value.quantize(step, ROUND_HALF_UP) for value in (Decimal(left.text), right.value)]
    # Each of three rounded values may be off by half a step, so that their sum may be off by one.
    return abs(values[0] - values[1]) > (step if len(used) > 2 else 0)


def _alike(cells: Sequence[PublishedCell], columns: Sequence[str]) -> bool:
    return all(len({getattr(cell, column) for cell in cells}) == 1 for column in columns)


def _identities(cells: Sequence[PublishedCell], spec: AuditSpec) -> Iterator[Finding]:
    for identity in spec.identities:
        chosen: list[list[PublishedCell | None]] = [
            [None] if selector is None else [*chosen_cells(cells, selector.model_dump(exclude_none=True))]
            for selector in (identity.left, identity.right, identity.plus, identity.minus)
        ]
        for left, right, plus, minus in itertools.product(*chosen):
            assert left is not None and right is not None
            used = [cell for cell in (left, right, plus, minus) if cell is not None]
            if len({cell.line for cell in used}) < len(used) or not _alike(used, identity.same):
                continue
            added = (right,) if plus is None else (right, plus)
            there = _Sum(added, () if minus is None else (minus,), identity.constant)
            if _differ(left, there):
                reason = f"{left.text} here, {there}: {identity.why}"
                yield Finding(identity.severity, "identity", left, reason)


def _disagreements(cells: Iterable[PublishedCell], spec: AuditSpec) -> Iterator[Finding]:
    """Sources that print different values for one method, data set and metric within one table."""
    groups: dict[tuple[str, ...], list[PublishedCell]] = defaultdict(list)
    for cell in cells:
        if cell.metric in spec.proportion_metrics:
            place = cell.dataset.partition(" (")[0]
            setting = "" if spec.settings_name_sources else cell.setting
            groups[(cell.table, cell.method, place, cell.metric, setting)].append(cell)
    for first, *others in groups.values():
        for cell in others:
            if _row_key(cell) != _row_key(first) and _differ(first, _Sum((cell,))):
                reason = f"{cell.text} here ({cell.setting}), {first.text} on line {first.line} ({first.setting})"
                yield Finding("disagreement", "sources", cell, reason)


def _falling(cells: Iterable[PublishedCell], spec: AuditSpec) -> Iterator[Finding]:
    rows = {(cell.table, cell.method, cell.dataset, cell.metric, cell.setting): cell for cell in cells}
    bases = sorted({key[:4] for key in rows if key[3] != "std"})
    for settings in spec.growing:
        for base in bases:
            present = [rows[(*base, setting)] for setting in settings if (*base, setting) in rows]
            for less, more in itertools.pairwise(present):
                if float(more.text) < float(less.text):
                    reason = f"{more.text} with {more.setting}, but {less.text} with {less.setting} (line {less.line})"
                    yield Finding("suspicious", "falls with more data", more, reason)


def _rows(cells: Iterable[PublishedCell]) -> dict[tuple[str, ...], list[PublishedCell]]:
    rows: dict[tuple[str, ...], list[PublishedCell]] = defaultdict(list)
    for cell in cells:
        rows[_row_key(cell)].append(cell)
    return rows


def _blind(cells: Iterable[PublishedCell], spec: AuditSpec) -> Iterator[Finding]:
    """Rows of ranks that find, at each k, exactly k of the items."""
    for row in _rows(cell for cell in cells if cell.metric in spec.ranks).values():
        for candidate in candidate_sets(row[0], spec):
            found = {cell.metric: reachable_counts(cell.text, candidate.size)[0] for cell in row}
            if len(row) > 1 and all(spec.ranks[metric] in counts for metric, counts in found.items()):
                shown = ", ".join(str(spec.ranks[cell.metric]) for cell in row)
                reason = f"the row finds exactly {shown} of {candidate.size}, as a ranking does that ignores its query"
                yield Finding("suspicious", "blind", row[0], reason)
                break


def _twins(cells: Iterable[PublishedCell]) -> Iterator[Finding]:
    """Rows of two methods that agree in every one of several printed digits."""
    rows: dict[tuple[str, ...], list[list[PublishedCell]]] = defaultdict(list)
    for row in _rows(cells).values():
        values = [f"{cell.metric}={cell.text}" for cell in row]
        if len(values) >= TWIN_CELLS:
            rows[(row[0].table, row[0].dataset, row[0].setting, *sorted(values))].append(row)
    for first, *others in rows.values():
        for row in others:
            reason = f"all {len(row)} values of the row are those of {first[0].method} from line {first[0].line} on"
            yield Finding("suspicious", "twins", row[0], reason)


def write_audit(findings: Sequence[Finding], path: Path) -> None:
    """Write ``audit.csv``; a clean audit is a header alone."""
    rows: list[tuple[object, ...]] = [
        (f.severity, f.check, f.cell.line, f.cell.table, f.cell.method, f.cell.dataset, f.cell.setting, f.cell.metric,
         f.cell.text, f.cell.evidence, f.reason)
        for f in findings
    ]  # fmt: skip
    write_text(path, csv_text(COLUMNS, rows))
