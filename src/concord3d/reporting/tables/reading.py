"""Tables as ``tables/<id>.csv`` holds them: which lines there are, with their numbers in full from ``metrics.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import cast, get_args

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate, Results
from concord3d.reporting.evidence.published_values import PublishedCell
from concord3d.reporting.specs.report_spec import ReportSpec, TableSpec
from concord3d.reporting.tables.cells import NO_COUNTERPART, Cell, Status, Table, with_detectable
from concord3d.reporting.tables.detectable import effects_in_words
from concord3d.reporting.tables.table_files import CSV_COLUMNS
from concord3d.statistics.intervals import Interval

Row = Mapping[str, str]
# One line of a table has the same values here under every selection rule.
_LINE = CSV_COLUMNS[: CSV_COLUMNS.index("selection")]

# CSV has six decimals.
_WRITTEN = 1e-6


def read_table(path: Path, report: ReportSpec, results: Results, labels: Mapping[str, str]) -> Table:
    """Read a table that a report has written.

    Which lines it has, and what is said of them, is in its CSV. Estimates are computed anew from the same results as
    the report's, so that they are rounded as they were there; what is no measurement (chance) is taken from the CSV.

    Args:
        path: ``results/<scale>/<paper>/tables/<id>.csv``.
        report: The paper's report file.
        results: What ``metrics.csv`` and ``per_item/`` beside it hold.
        labels: Label per experiment.

    Raises:
        UnreadableFile: The file is missing or no text.
        ReportingError: A column is missing, a value is no number, or a row belongs to another scale.
    """
    spec = report.table(path.stem)
    cells = []
    for _, rows in groupby(_rows(path, results.scale), key=lambda row: [row[name] for name in _LINE]):
        for lines in _lines(list(rows)):
            try:
                cells.append(_cell(lines, spec, report, results))
            except ValueError as error:
                raise ReportingError("A table holds no number", where=path, found=error) from error
    kinds = sorted({cell.data_kind for cell in cells if cell.status == "measured"})
    effects = [cell.detectable for cell in cells if cell.detectable is not None]
    smallest = effects_in_words(effects, labels, report.dataset_name)
    return Table(spec, results.scale, tuple(kinds), tuple(cells), smallest)


def _rows(path: Path, scale: str) -> list[Row]:
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile("Cannot read a table", where=path, found=error) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows: list[Row] = list(reader)
    if tuple(reader.fieldnames or ()) != CSV_COLUMNS:
        raise ReportingError("A table has other columns", where=path, expected=CSV_COLUMNS, found=reader.fieldnames)
    wrong = [row["scale"] for row in rows if row["scale"] != scale]
    if wrong:
        raise ReportingError("A table belongs to another scale", where=path, expected=scale, found=wrong[0])
    return rows


def _lines(rows: Sequence[Row]) -> list[list[Row]]:
    """Split rows that say the same where a selection rule comes again: then they are several lines."""
    lines: list[list[Row]] = []
    for row in rows:
        if not lines or row["selection"] in {"", *(other["selection"] for other in lines[-1])}:
            lines.append([])
        lines[-1].append(row)
    return lines


def _cell(rows: Sequence[Row], spec: TableSpec, report: ReportSpec, results: Results) -> Cell:
    row = rows[0]
    if row["status"] not in get_args(Status):
        raise ValueError(f"status {row['status']}")
    address = _address(row, spec, report, results)
    cell = Cell(
        method=row["method"],
        dataset=row["dataset"],
        setting=row["setting"],
        metric=row["metric"],
        unit=row["unit"],
        published=_published(row, spec),
        status=cast(Status, row["status"]),
        experiment=row["experiment"],
        our_run=row["our_run"],
        data_kind="" if row["data_kind"] == "none" else row["data_kind"],
        estimates={each["selection"]: _estimate(each, address, results) for each in rows if each["selection"]},
        address=address,
    )
    return with_detectable(cell, spec, results) if row["baseline"] else cell


def _published(row: Row, spec: TableSpec) -> PublishedCell | None:
    if row["evidence"] == NO_COUNTERPART:
        return None
    table = spec.published[0] if spec.published else spec.id
    named = (row["method"], row["dataset"], "", row["setting"], row["metric"])
    return PublishedCell(0, "", table, *named, row["published"], row["unit"], row["evidence"], row["source"])


def _estimate(row: Row, address: Address | None, results: Results) -> Estimate:
    value, low, high = (float(row[name]) for name in ("ours", "ci_low", "ci_high"))
    found = results.estimate(replace(address, selection=row["selection"])) if address else None
    if found is not None:
        if abs(found.interval.value - value) > _WRITTEN:
            raise ReportingError(
                "A table and the measurements beside it disagree",
                where=address,
                expected=found.interval.value,
                found=value,
            )
        return found
    interval = Interval(value, low, high, int(row["n_items"]), int(row["n_seeds"]), row["basis"])
    return Estimate(interval, row["unit"], row["data_kind"], ())


def _address(row: Row, spec: TableSpec, report: ReportSpec, results: Results) -> Address | None:
    """Return where the numbers of a line stand in ``metrics.csv``, under the first of its selection rules."""
    ours = report.datasets.get(row["dataset"], [])
    jobs = [job for job in results.by_job if job.experiment == row["experiment"]]
    for metric in spec.metrics:
        known = row["evidence"] != NO_COUNTERPART
        name = metric.published if known else metric.label or metric.metric
        if row["metric"] != name or metric.setting not in (
            (None, row["setting"]) if known else (row["setting"] or None,)
        ):
            continue
        for job in jobs:
            address = Address(job.experiment, job.dataset, metric.protocol, metric.metric, row["selection"])
            named = job.dataset in ours or report.dataset_name(job.dataset) == row["dataset"]
            if job.protocol == metric.protocol and named and results.estimate(address) is not None:
                return address
    return None
