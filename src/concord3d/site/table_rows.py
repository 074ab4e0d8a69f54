"""Rows of tables as the site shows them: the words of the report, with what sorts them and where they lead."""

from __future__ import annotations

from dataclasses import dataclass

from concord3d.reporting.tables.cells import Cell, Table
from concord3d.reporting.tables.table_files import table_columns, table_row
from concord3d.site.experiments import evaluation_anchor

# Sorts what has no number behind all that have.
_NO_NUMBER = -1e99


@dataclass(frozen=True)
class ShownCell:
    """One cell of a row.

    Attributes:
        column: Class of its column in the style sheet.
        text: As the report writes it.
        order: What it is sorted by; None where that is its text.
        link: Where its measurement is told of; empty where it is none.
    """

    column: str
    text: str
    order: float | None = None
    link: str = ""


@dataclass(frozen=True)
class ShownRow:
    """One row.

    Attributes:
        cells: In the order of the columns.
        status: Of the cell of the table.
        source: Where the published value was read; empty without one.
    """

    cells: tuple[ShownCell, ...]
    status: str
    source: str


def rows_of(table: Table) -> list[ShownRow]:
    """Return the rows of a table."""
    return [_row(table, cell) for cell in table.cells]


def _row(table: Table, cell: Cell) -> ShownRow:
    numbers = _numbers(table, cell)
    anchor = evaluation_anchor(cell.address.dataset, cell.address.protocol) if cell.address else ""
    run = f"../runs/{cell.experiment}.html#{anchor}"
    shown = []
    for column, text in zip(table_columns(table), table_row(table, cell), strict=True):
        ours = column.startswith("ours")
        order = numbers.get(column)
        sorts = _NO_NUMBER if column in numbers and order is None else order
        name = "ours" if ours else column.replace(" ", "-")
        shown.append(ShownCell(name, text, sorts, run if ours and anchor and text != "-" else ""))
    return ShownRow(tuple(shown), cell.status, cell.published.source if cell.published else "")


def _numbers(table: Table, cell: Cell) -> dict[str, float | None]:
    """Return the numbers of a cell by column."""
    estimates = [cell.estimates.get(selection) for selection in table.spec.selections]
    ours = [column for column in table_columns(table) if column.startswith("ours")]
    values = [None if estimate is None else estimate.interval.value for estimate in estimates]
    published = cell.published.value if cell.published else None
    difference = cell.difference(table.spec.selections[0])
    return {**dict(zip(ours, values, strict=True)), "published": published, "difference": difference}
