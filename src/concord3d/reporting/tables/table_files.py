"""Tables as CSV and Markdown, and all their files."""

from __future__ import annotations

from pathlib import Path

from concord3d.files import write_text
from concord3d.reporting.csv_text import csv_text
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.markdown import grid, heading, plain, prose
from concord3d.reporting.specs.output_files import TABLE_SUFFIXES
from concord3d.reporting.tables.cells import Cell, Table
from concord3d.reporting.tables.latex import compact_latex, long_latex

CSV_COLUMNS = (
    "method", "dataset", "setting", "metric", "unit", "published", "published_half_width", "evidence", "source",
    "status", "experiment", "our_run", "scale", "data_kind", "selection", "ours", "ci_low", "ci_high", "basis",
    "n_items", "n_seeds", "difference", "published_within_interval",
    "baseline", "smallest_detectable",
)  # fmt: skip
SELECTION_WORDS = {
    "last": "last checkpoint",
    "best_val": "best on validation",
    "published": "published rule",
    "best_test": "chosen on the test split",
}
# In place of a published value, and of a difference.
NOT_RECOVERED = "not recovered"
OTHER_DATA = "other data"
EVIDENCE_WORDS = {
    "abstract": "paper's abstract",
    "main_table": "paper's table",
    "supplementary_secondhand": "supplementary, second-hand",
    "author_release": "authors' notebook",
    "other_paper": "other paper",
    "third_party_rerun": "third-party rerun",
    "not_recovered": NOT_RECOVERED,
    "author_code": "authors' code",
    "third_party_index": "third party's index",
    "ours_only": "no published counterpart",
}
STATUS_WORDS = {"not_run": "not run", "quoted": "quoted only"}


def write_table(table: Table, folder: Path) -> None:
    """Write a table as CSV, Markdown and LaTeX (compact, and in the long form); each says scale and data kind."""
    long = long_latex(
        table, table_columns(table), [table_row(table, cell) for cell in table.cells], table.smallest_effect
    )
    texts = {"csv": table_csv(table), "md": table_markdown(table), "tex": compact_latex(table), "long.tex": long}
    for suffix in TABLE_SUFFIXES:
        write_text(folder / f"{table.spec.id}.{suffix}", texts[suffix])


def table_csv(table: Table) -> str:
    """Return one row per cell and selection rule; absent numbers are empty and ``status`` says why."""
    rows: list[tuple[object, ...]] = []
    for cell in table.cells:
        for selection in cell.estimates or table.spec.selections[:1]:
            rows.append((*_published_columns(cell), *_our_columns(table, cell, selection)))
    return csv_text(CSV_COLUMNS, rows)


def _published_columns(cell: Cell) -> tuple[object, ...]:
    published = cell.published
    known = published is not None and published.value is not None
    return (
        cell.method, cell.dataset, cell.setting, cell.metric, cell.unit,
        published.text if published else "",
        f"{published.half_width:.10g}" if published is not None and known else "",
        cell.evidence,
        published.source if published else "",
    )  # fmt: skip


def _our_columns(table: Table, cell: Cell, selection: str) -> tuple[object, ...]:
    named = (cell.status, cell.experiment, cell.our_run, table.scale, cell.data_kind or "none")
    estimate = cell.estimates.get(selection)
    if estimate is None:
        return (*named, "", *(None,) * 10)
    interval, agrees = estimate.interval, cell.agrees(selection)
    effect = cell.detectable if selection == table.spec.selections[0] else None
    return (
        *named, selection, interval.value, interval.low, interval.high, interval.basis, interval.num_items,
        interval.num_seeds, cell.difference(selection), None if agrees is None else ("yes" if agrees else "no"),
        effect.baseline if effect else None, effect.size if effect else None,
    )  # fmt: skip


def published_text(cell: Cell) -> str:
    """Return the published value with half a unit of its last digit, or what is known instead."""
    if cell.published is None:
        return "-"
    if cell.published.value is None:
        return NOT_RECOVERED
    if cell.published.num_decimals > 4:
        return f"{cell.published.value:.3f}"
    return f"{cell.published.text} ±{cell.published.half_width:g}"


def estimate_text(estimate: Estimate | None, short: bool = False) -> str:
    """Return ``value [low, high]``, the value alone where it has no spread; ``short`` rounds to one digit less."""
    if estimate is None:
        return "-"
    digits = (2 if estimate.unit == "%" else 3) - short
    interval = estimate.interval
    if interval.low == interval.high:
        return f"{interval.value:.{digits}f}"
    return f"{interval.value:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def _ours(cell: Cell, selection: str, first: bool) -> str:
    if cell.status == "measured":
        return estimate_text(cell.estimates.get(selection))
    return status_text(cell) if first else "-"


def status_text(cell: Cell) -> str:
    """Say why a cell has no number of ours."""
    unread = cell.published is None or cell.published.value is None
    return "not attempted" if cell.status == "quoted" and unread else STATUS_WORDS[cell.status]


def size_text(estimate: Estimate | None) -> str:
    """Return how many test items and seeds a number rests on."""
    return f"{estimate.interval.num_items} x {estimate.interval.num_seeds}" if estimate else "-"


def difference_text(cell: Cell, selection: str) -> str:
    """Return the signed difference, or why there is none."""
    difference = cell.difference(selection)
    if difference is not None:
        return f"{difference:+.2f}"
    synthetic = cell.status == "measured" and cell.data_kind == "synthetic" and cell.published is not None
    return OTHER_DATA if synthetic and cell.published is not None and cell.published.value is not None else "-"


def table_columns(table: Table) -> list[str]:
    """Return the heads of a table's columns."""
    first, *others = table.spec.selections
    names = ["method", "setting", "data set", "metric", "published", "evidence"]
    names += [f"ours, {SELECTION_WORDS[first]}", "difference", "items x seeds", "data kind", "our run"]
    return names + [f"ours, {SELECTION_WORDS[other]}" for other in others]


def table_row(table: Table, cell: Cell) -> list[str]:
    """Return what the columns of :func:`table_columns` say of a cell."""
    first, *others = table.spec.selections
    estimate = cell.estimates.get(first) or next(iter(cell.estimates.values()), None)
    run = f"{cell.experiment} ({cell.our_run})" if cell.our_run else cell.experiment or "-"
    row = [cell.method, cell.setting or "-", cell.dataset, cell.metric, published_text(cell)]
    row += [EVIDENCE_WORDS.get(cell.evidence, cell.evidence), _ours(cell, first, True), difference_text(cell, first)]
    return [*row, size_text(estimate), cell.data_kind or "-", run, *(_ours(cell, other, False) for other in others)]


def legend(table: Table) -> str:
    """Return what the columns mean, in one paragraph."""
    return (
        "Published values carry half a unit of their last printed digit. Ours: mean over seeds with its 95 % interval "
        "(one seed: over test items only). Difference: ours minus published, only where ours is measured on real data. "
        "`not run`: an experiment of ours stands for the row but has no result at this scale; "
        "`quoted only`: not re-run here; `not recovered`: the paper has or may have the value, no readable source does."
    )


def table_markdown(table: Table) -> str:
    """Return the table as Markdown."""
    lines = [heading(1, prose(table.spec.title)), "", f"**{table.header}**", ""]
    if table.spec.note:
        lines += [prose(table.spec.note.strip()), ""]
    lines += [legend(table), "", *grid(table_columns(table), [table_row(table, cell) for cell in table.cells])]
    if table.smallest_effect:
        lines += ["", plain(table.smallest_effect)]
    return "\n".join(lines) + "\n"
