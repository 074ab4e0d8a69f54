"""The published values and how exactly they are known."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from concord3d.errors import ReportingError

COLUMNS = ("part", "table", "method", "dataset", "pair", "setting", "metric", "value", "unit", "evidence", "source")
NOT_RECOVERED = "not_recovered"


@dataclass(frozen=True)
class PublishedCell:
    """One published value; see the CSV's columns.

    Attributes:
        line: Line in the CSV, for messages.
        text: The value as printed; empty where it could not be read.
    """

    line: int
    part: str
    table: str
    method: str
    dataset: str
    pair: str
    setting: str
    metric: str
    text: str
    unit: str
    evidence: str
    source: str

    @property
    def value(self) -> float | None:
        """The value, or None where it was not recovered."""
        return float(self.text) if self.text else None

    @property
    def num_decimals(self) -> int:
        """Digits printed after the point."""
        return len(self.text.partition(".")[2])

    @property
    def half_width(self) -> float:
        """Half a unit of the last printed digit: how far rounding may have moved the value."""
        return 0.5 * 10.0**-self.num_decimals


def read_published(path: Path) -> tuple[PublishedCell, ...]:
    """Read the published values in the order of the file.

    Raises:
        ReportingError: A column is missing, a value is no number, or a value and its evidence disagree.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportingError("Cannot read the published values", where=path, found=error) from error
    lacking = [column for column in COLUMNS if column not in columns]
    if lacking:
        raise ReportingError("The published values lack columns", where=path, expected=COLUMNS, found=f"no {lacking}")
    return tuple(_cell(row, line, path) for line, row in enumerate(rows, start=2))


def chosen_cells(cells: Iterable[PublishedCell], wanted: Mapping[str, str]) -> list[PublishedCell]:
    """Return the cells with these values in these columns, in the order of the file."""
    return [cell for cell in cells if all(getattr(cell, column) == value for column, value in wanted.items())]


def the_cell(cells: Iterable[PublishedCell], wanted: Mapping[str, str]) -> PublishedCell:
    """Return the one cell with these values in these columns.

    Raises:
        ReportingError: There is none, or more than one.
    """
    found = chosen_cells(cells, wanted)
    if len(found) != 1:
        lines = f", on lines {', '.join(str(cell.line) for cell in found)}" if found else ""
        raise ReportingError(
            "A claim names a published value that is not one cell",
            where=", ".join(f"{column}: {value}" for column, value in wanted.items()),
            expected="one cell",
            found=f"{len(found)}{lines}",
        )
    return found[0]


def _cell(row: dict[str, str], line: int, path: Path) -> PublishedCell:
    where = f"{path.name}, line {line}"
    if any(row[column] is None for column in COLUMNS):
        raise ReportingError("A published row has too few columns", where=where)
    text = row["value"].strip()
    try:
        if text and not Decimal(text).is_finite():
            raise InvalidOperation
    except InvalidOperation as error:
        raise ReportingError("A published value is no number", where=where, expected="a number", found=text) from error
    if bool(text) == (row["evidence"] == NOT_RECOVERED):
        raise ReportingError(
            "A published value and its evidence disagree",
            where=where,
            expected="an empty value exactly where evidence is 'not_recovered'",
            found=f"value '{text}', evidence '{row['evidence']}'",
        )
    named = {column: row[column] for column in COLUMNS if column != "value"}
    return PublishedCell(line=line, text=text, **named)
