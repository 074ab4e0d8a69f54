"""The whole report, and each of its parts for a workflow that makes them one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concord3d.config.models import Paper
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import validate
from concord3d.errors import ConfigError, ReportingError, nearest
from concord3d.files import read_json, write_json
from concord3d.reporting.claims.verdicts import evaluate_claims, write_claims
from concord3d.reporting.evidence.audit import audit, write_audit
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.evaluation_files import load_results, training_folders
from concord3d.reporting.evidence.metric_files import write_metrics, write_per_item
from concord3d.reporting.evidence.published_values import PublishedCell, read_published
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs
from concord3d.reporting.figures.drawing import write_figure
from concord3d.reporting.figures.style import FigureContext
from concord3d.reporting.pages.front_page import readme_text, write_readme
from concord3d.reporting.pages.ledger import ledger_text, write_ledger
from concord3d.reporting.specs.report_spec import ReportSpec, load_report_spec
from concord3d.reporting.tables.cells import Table, build_cells
from concord3d.reporting.tables.table_files import write_table

__all__ = [
    "ExpectedJob",
    "ReportInputs",
    "build_audit",
    "build_claims",
    "build_figure",
    "build_metrics",
    "build_pages",
    "build_part",
    "build_provenance",
    "build_report",
    "build_table",
]


@dataclass(frozen=True)
class _Material:
    """Everything read once."""

    inputs: ReportInputs
    report: ReportSpec
    paper: Paper
    published: tuple[PublishedCell, ...]
    results: Results

    @property
    def labels(self) -> dict[str, str]:
        return {name: experiment.label for name, experiment in self.paper.experiments.items()}

    def table(self, identifier: str) -> Table:
        spec = self.report.table(identifier)
        return build_cells(self.report, spec, self.published, self.results, self.inputs, self.labels)

    def figure(self, identifier: str) -> FigureContext:
        spec = self.report.figure(identifier)
        return FigureContext(spec, self.report, self.results, self.published, self.inputs, self.labels)

    def claims(self) -> list[dict[str, Any]]:
        return evaluate_claims(self.results, self.report, self.inputs, self.published)


def _read(inputs: ReportInputs) -> _Material:
    report = load_report_spec(inputs.report_yaml)
    paper = validate(Paper, load_yaml(inputs.paper_yaml), inputs.paper_yaml.name)
    if report.paper != paper.paper:
        raise ReportingError(
            "The report file belongs to another paper",
            where=inputs.report_yaml,
            expected=paper.paper,
            found=report.paper,
        )
    return _Material(inputs, report, paper, read_published(inputs.published_csv), load_results(inputs))


def build_metrics(inputs: ReportInputs) -> None:
    """Write ``metrics.csv`` and ``per_item/``."""
    results = load_results(inputs)
    write_metrics(results, inputs.out / "metrics.csv")
    write_per_item(results, inputs.out / "per_item")


def build_table(inputs: ReportInputs, table_id: str) -> None:
    """Write one table as CSV, Markdown and LaTeX.

    Raises:
        ConfigError: There is no such table.
    """
    write_table(_read(inputs).table(table_id), inputs.out / "tables")


def build_figure(inputs: ReportInputs, figure_id: str) -> None:
    """Write one figure as PNG and SVG.

    Raises:
        ConfigError: There is no such figure, or its options are wrong.
    """
    write_figure(_read(inputs).figure(figure_id), inputs.out / "figures")


def build_claims(inputs: ReportInputs) -> None:
    """Write ``claims.json``."""
    write_claims(_read(inputs).claims(), inputs.out / "claims.json")


def build_audit(inputs: ReportInputs) -> None:
    """Write ``audit.csv``."""
    report = load_report_spec(inputs.report_yaml)
    write_audit(audit(read_published(inputs.published_csv), report.audit), inputs.out / "audit.csv")


def build_provenance(inputs: ReportInputs) -> None:
    """Copy the record of every training to ``provenance/<experiment>__s<seed>.json``.

    A training without a record gets one that says so.
    """
    folder = inputs.out / "provenance"
    trained = [path for _, _, path in training_folders(inputs)]
    for stale in sorted({path.stem for path in folder.glob("*.json")} - {path.name for path in trained}):
        (folder / f"{stale}.json").unlink()
    for path in trained:
        record = path / "provenance.json"
        missing = {"run": path.name, "missing": "no record was written when this run was made"}
        content = read_json(record) if record.exists() else missing
        edits = inputs.accepted.get(f"{inputs.out.name}/train/{path.name}")
        write_json(folder / f"{path.name}.json", {**content, "accepted": edits} if edits else content)


def build_pages(inputs: ReportInputs) -> None:
    """Write ``ledger.md`` and ``README.md``."""
    material = _read(inputs)
    _write_pages(material, [material.table(table.id) for table in material.report.tables], material.claims())


def _write_pages(material: _Material, tables: list[Table], claims: list[dict[str, Any]]) -> None:
    inputs, report, paper, results = material.inputs, material.report, material.paper, material.results
    findings = audit(material.published, report.audit)
    write_ledger(ledger_text(report, paper, results, tables, claims, inputs), inputs.out / "ledger.md")
    write_readme(readme_text(report, paper, results, tables, claims, findings, inputs), inputs.out / "README.md")


def build_part(inputs: ReportInputs, part: str) -> None:
    """Write one part of the report, as the workflow makes it: everything of one kind in one process.

    Args:
        inputs: What to read, what was asked for, where to write.
        part: ``metrics``, ``tables``, ``figures``, ``verdicts`` (claims and audit) or ``pages`` (with provenance).

    Raises:
        ConfigError: There is no such part.
    """
    builders: dict[str, tuple[Callable[[ReportInputs], None], ...]] = {
        "metrics": (build_metrics,),
        "tables": (_build_tables,),
        "figures": (_build_figures,),
        "verdicts": (build_claims, build_audit),
        "pages": (build_pages, build_provenance),
    }
    if part not in builders:
        raise ConfigError(f"unknown part '{part}' of a report{nearest(part, list(builders))}", expected=list(builders))
    for build in builders[part]:
        build(inputs)


def _build_tables(inputs: ReportInputs) -> None:
    material = _read(inputs)
    for table in material.report.tables:
        write_table(material.table(table.id), inputs.out / "tables")


def _build_figures(inputs: ReportInputs) -> None:
    material = _read(inputs)
    for figure in material.report.figures:
        write_figure(material.figure(figure.id), inputs.out / "figures")


def build_report(inputs: ReportInputs) -> None:
    """Write everything below ``inputs.out`` (DESIGN section 6).

    Args:
        inputs: What to read, what was asked for, where to write.

    Raises:
        ConfigError: The paper's or the report's file is invalid.
        UnreadableFile: A result is damaged.
        ReportingError: Results or published values contradict themselves.
    """
    material = _read(inputs)
    write_metrics(material.results, inputs.out / "metrics.csv")
    write_per_item(material.results, inputs.out / "per_item")
    tables = [material.table(table.id) for table in material.report.tables]
    for table in tables:
        write_table(table, inputs.out / "tables")
    for figure in material.report.figures:
        write_figure(material.figure(figure.id), inputs.out / "figures")
    claims = material.claims()
    write_claims(claims, inputs.out / "claims.json")
    write_audit(audit(material.published, material.report.audit), inputs.out / "audit.csv")
    build_provenance(inputs)
    _write_pages(material, tables, claims)
