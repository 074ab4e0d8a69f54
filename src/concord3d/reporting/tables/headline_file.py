"""The headline of a paper for ``dvc metrics`` and ``dvc plots``: ``headline.json`` and ``headline.csv``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from concord3d.files import csv_line, write_json, write_text
from concord3d.reporting.specs.output_files import HEADLINE, HEADLINE_PLOT
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Cell, Table

# An experiment in the text of a claim's side: `metric(experiment; data set, protocol, rule)`.
_EXPERIMENT = re.compile(r"\((\w+);")


def write_headline(report: ReportSpec, table: Table, claims: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write what two runs are compared in first.

    ``headline.json`` has the number of claims of each verdict, and the measured rows of the headline table whose
    experiment stands on the left of the main claim, by name. ``headline.csv`` has all measured rows of that table.
    Values have the unit of the table and its first selection rule, which a name leaves out.

    Args:
        report: The report file.
        table: The headline table.
        claims: Verdicts, as ``claims.json`` has them.
        folder: The results of the paper.
    """
    rows = list(_measured(table, report.headline_columns))
    own = _own_experiments(report, claims)
    # Of a number that several rows of the paper show the first row is kept.
    values = {name: value for cell, name, value in reversed(rows) if cell.experiment in own}
    verdicts = Counter(str(claim["verdict"]) for claim in claims)
    told = {"claims": dict(sorted(verdicts.items())), "measured": dict(sorted(values.items()))}
    write_json(folder / HEADLINE, told)
    plotted = dict.fromkeys((name, value) for _, name, value in rows)
    write_text(folder / HEADLINE_PLOT, "".join(map(csv_line, (("row", "value"), *plotted))))


def _own_experiments(report: ReportSpec, claims: Sequence[Mapping[str, Any]]) -> set[str]:
    main = [part for claim in claims if claim["id"] == report.main_claim for part in claim["parts"]]
    return {name for part in main for name in _EXPERIMENT.findall(str(part["lhs"]))}


def _measured(table: Table, columns: Sequence[str]) -> Iterator[tuple[Cell, str, float]]:
    """Yield the measured rows of a table with name and value; columns tell its rows apart."""
    for cell in table.cells:
        if cell.estimates:
            estimate = next(iter(cell.estimates.values()))
            # What a setting explains in brackets or behind a semicolon is too long for a name.
            short = re.split(r" \(|;", cell.setting)[0]
            setting = f", {short}" if short and "setting" in columns else ""
            unit = f" ({cell.unit})" if cell.unit else ""
            # A dot would be a level of the file to DVC.
            name = f"{cell.method}, {cell.dataset}{setting}: {cell.metric}{unit}".replace(".", "")
            yield cell, name, round(float(estimate.interval.value), 4)
