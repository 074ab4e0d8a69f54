"""The rows of ``metrics.csv`` as they are read, and the columns of it and of ``histories.csv``."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.measurements import Measurement

COLUMNS = tuple(field.name for field in fields(Measurement))
HISTORY_COLUMNS = ("experiment", "seed", "epoch", "figure", "value")


def read_metrics(text: str, where: object, scale: str) -> tuple[Measurement, ...]:
    """Return the rows of a ``metrics.csv``.

    Args:
        text: What the file holds.
        where: The file, for messages.
        scale: The scale that every row must have.

    Raises:
        ReportingError: There are other columns, a value is no number, or a row belongs to another scale.
    """
    kinds = {field.name: {"int": int, "float": float}.get(str(field.type), str) for field in fields(Measurement)}
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = list(reader)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ReportingError(
            "The results have other columns",
            where=where,
            expected=COLUMNS,
            found=reader.fieldnames,
            next_step="make them with this version, or read them with the version that made them",
        )
    found = []
    for line, row in enumerate(rows, start=2):
        try:
            found.append(Measurement(**{name: kinds[name](row[name]) for name in COLUMNS}))
        except (TypeError, ValueError) as error:
            raise ReportingError("A result is no number", where=f"{where}, line {line}", found=error) from error
        if row["scale"] != scale:
            raise ReportingError("A result belongs to another scale", where=where, expected=scale, found=row["scale"])
    return tuple(found)
