"""The results of one paper at one scale as they are committed, in the models that the pages of a report use."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.models import Paper
from concord3d.errors import UnreadableFile
from concord3d.files import read_json
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_evaluations import reported_evaluations
from concord3d.reporting.specs.output_files import CLAIMS, FIGURES_IN_WORDS
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table
from concord3d.reporting.tables.reading import read_table


@dataclass(frozen=True)
class PaperResults:
    """What the site tells of one paper at one scale.

    Attributes:
        inputs: Where the results lie, and what the scale asks for.
        paper: The paper's file.
        report: Its report file.
        results: What was measured.
        tables: In the order of the paper.
        claims: Entries of ``claims.json``.
        audit: Rows of ``audit.csv``.
        ledger: ``ledger.md``.
        in_words: What stands in place of figures without data.
        records: The record of every training, by ``<experiment>__s<seed>``.
    """

    inputs: ReportInputs
    paper: Paper
    report: ReportSpec
    results: Results
    tables: tuple[Table, ...]
    claims: tuple[Mapping[str, Any], ...]
    audit: tuple[Mapping[str, str], ...]
    ledger: str
    in_words: Mapping[str, str]
    records: Mapping[str, Mapping[str, Any]]

    @property
    def folder(self) -> Path:
        """Where the results lie."""
        return self.inputs.out

    @property
    def name(self) -> str:
        """The paper's identifier."""
        return self.paper.paper

    @property
    def scale(self) -> str:
        """The scale."""
        return self.inputs.scale

    @property
    def headline(self) -> Table:
        """The table of the front page of the report."""
        return next(table for table in self.tables if table.spec.id == self.report.headline)

    def label(self, experiment: str) -> str:
        """Return what tables call an experiment."""
        return self.inputs.labels.get(experiment, experiment)

    def seeds_of(self, experiment: str) -> dict[int, Mapping[str, Any]]:
        """Return the records of an experiment's trainings by seed; those without weights to train have none."""
        named = (run.rpartition("__s") for run in self.records)
        return {int(seed): self.records[f"{name}__s{seed}"] for name, _, seed in named if name == experiment}


def read_paper(inputs: ReportInputs) -> PaperResults:
    """Read the results of one paper at one scale.

    Args:
        inputs: Where they lie, and what the scale asks for.

    Raises:
        UnreadableFile: A file is missing or damaged.
        ReportingError: A file contradicts itself or another one.
    """
    material, folder = Material(inputs), inputs.out
    results = Results(
        inputs.scale, reported_evaluations(inputs), {}, tuple(sorted(set(inputs.expected_jobs))), trained=inputs.trained
    )
    report = material.report
    paths = {path.stem: path for path in (folder / "tables").glob("*.csv")}
    order = [table.id for table in report.tables if table.id in paths]
    unknown = sorted({*paths} - {*order})
    in_words = folder / FIGURES_IN_WORDS
    return PaperResults(
        inputs,
        material.paper,
        report,
        results,
        tuple(read_table(paths[name], report, results, inputs.labels) for name in (*order, *unknown)),
        tuple(read_json(folder / CLAIMS)),
        tuple(csv.DictReader(io.StringIO(_text(folder / "audit.csv"), newline=""))),
        _text(folder / "ledger.md"),
        read_json(in_words) if in_words.exists() else {},
        {path.stem: read_json(path) for path in sorted((folder / "provenance").glob("*.json"))},
    )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            "Cannot read a paper's results", where=path, found=error, next_step="make the report of this paper first"
        ) from error
