"""The headline table of the front page: the rows that were measured, without columns that say nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from concord3d.reporting.markdown import Markdown, grid, heading, plain, prose
from concord3d.reporting.tables.cells import Cell, Table
from concord3d.reporting.tables.method_names import without_datasets
from concord3d.reporting.tables.table_files import (
    NOT_RECOVERED,
    OTHER_DATA,
    SELECTION_WORDS,
    STATUS_WORDS,
    difference_text,
    estimate_text,
    published_text,
    size_text,
)

LEGEND = (
    "Published: ± is half a unit of the last printed digit. Ours: 95 % intervals; those of one seed cover the test "
    "items alone, so they are narrower than those of several."
)
# In a table with a column for each value of something.
PIVOT_LEGEND = "Ours: {ours}; in brackets, after it, the 95 % interval."
PRINTED_LEGEND = " A printed value follows in italics."
OUR_RUN = "our run"
# What columns hold that say nothing.
_EMPTY = {NOT_RECOVERED, "-", OTHER_DATA, ""}


def headline_lines(table: Table, extra: Sequence[str], pivot: str | None) -> list[str]:
    """Return the section.

    Args:
        table: The headline table.
        extra: Columns that tell its rows apart, besides method and data set.
        pivot: One of all these whose values become columns; None for a row per number.
    """
    cells = [cell for cell in table.cells if cell.status == "measured"]
    kinds = {cell.data_kind for cell in cells}
    lines = [heading(2, prose(table.spec.title)), "", f"**{table.header}**", ""]
    lines += [prose(table.spec.note.strip()), ""] if table.spec.note else []
    if kinds == {"synthetic"}:
        lines += ["All rows were tested on generated data: no difference from a published value says anything.", ""]
    if pivot is None:
        columns, rows = _informative(_columns(table, extra), [_row(table, extra, cell) for cell in cells])
        lines += [LEGEND, "", *_grid(columns, rows)]
    else:
        ours = SELECTION_WORDS[table.spec.selections[0]]
        printed = PRINTED_LEGEND if any(_printed(cell) for cell in cells) else ""
        lines += [PIVOT_LEGEND.format(ours=ours) + printed, "", *_grid(*_pivoted(table, extra, pivot, cells))]
    lines += [plain(table.smallest_effect), ""] if table.smallest_effect else []
    left_out = Counter(cell.status for cell in table.cells if cell.status != "measured")
    more = ", ".join(f"{number} {STATUS_WORDS.get(status, status)}" for status, number in left_out.items())
    path = f"tables/{table.spec.id}.md"
    return [*lines, f"All rows{f' ({more} besides)' if more else ''}: [`{path}`]({path}).", ""]


def _grid(columns: list[str], rows: list[list[str]]) -> list[str]:
    return [*grid(columns, rows), ""] if rows else ["No row was measured at this scale.", ""]


def _columns(table: Table, extra: Sequence[str]) -> list[str]:
    ours = (f"ours, {SELECTION_WORDS[selection]}" for selection in table.spec.selections)
    return ["method", "data set", *extra, "published", *ours, "difference", "items x seeds", "data kind", OUR_RUN]


def _row(table: Table, extra: Sequence[str], cell: Cell) -> list[str]:
    first = table.spec.selections[0]
    named = [cell.method, cell.dataset, *(getattr(cell, column) or "-" for column in extra)]
    ours = [estimate_text(cell.estimates.get(selection)) for selection in table.spec.selections]
    size = size_text(cell.estimates.get(first))
    return [*named, published_text(cell), *ours, difference_text(cell, first), size, cell.data_kind or "-", _run(cell)]


def _run(cell: Cell) -> str:
    """Return the experiment with its encoder and the length of its training."""
    told = cell.our_run.split(", ") if cell.our_run else []
    kept = [words for number, words in enumerate(told) if number == 0 or words.endswith(("epoch", "epochs"))]
    return f"{cell.experiment} ({', '.join(kept)})" if kept else cell.experiment or "-"


def _informative(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out columns that say nothing: no published value, no difference, one kind of data."""
    kept = []
    for number, column in enumerate(columns):
        values = {row[number] for row in rows}
        is_constant = column == "data kind" and len(values) == 1
        if not (is_constant or (column in ("published", "difference") and values <= _EMPTY)):
            kept.append(number)
    return [columns[number] for number in kept], [[row[number] for number in kept] for row in rows]


def _pivoted(
    table: Table, extra: Sequence[str], pivot: str, cells: Sequence[Cell]
) -> tuple[list[str], list[list[str]]]:
    """Return a column for each value of ``pivot``; its cells have our number and the printed one."""
    first = table.spec.selections[0]
    names = [name for name in ("method", "dataset", *extra) if name != pivot]
    head_of = _heads(cells, pivot)
    heads = list(dict.fromkeys(head_of.values()))
    # Numbers of one row are of one run, unless methods stand side by side.
    heads += [] if pivot == "method" else [OUR_RUN]
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for cell in cells:
        row = rows.setdefault(tuple(getattr(cell, name) or "-" for name in names), {})
        if pivot != "method":
            row[OUR_RUN] = _run(cell)
        # Rows of the same name, as of two runs for one printed row, stand in one cell.
        told = Markdown(f"{estimate_text(cell.estimates.get(first), short=True)}{_printed(cell)}")
        head = head_of[str(getattr(cell, pivot))]
        row[head] = Markdown(f"{row[head]}; {told}") if head in row else told
    columns = [name.replace("dataset", "data set") for name in names] + heads
    return columns, [[*key, *(row.get(head, "-") for head in heads)] for key, row in rows.items()]


def _printed(cell: Cell) -> str:
    return f" *{cell.published.text}*" if cell.published and cell.published.value is not None else ""


def _heads(cells: Sequence[Cell], pivot: str) -> dict[str, str]:
    """Return the column that numbers stand in, by the value of ``pivot``."""
    datasets: dict[str, set[str]] = {}
    for cell in cells:
        datasets.setdefault(str(getattr(cell, pivot)), set()).add(cell.dataset)
    return without_datasets(datasets) if pivot == "method" else {value: value for value in datasets}
