"""The pages of one paper at one scale."""

from __future__ import annotations

import json

from concord3d.reporting.pages.audit_section import IMPOSSIBLE
from concord3d.reporting.pages.bottom_line import bottom_line
from concord3d.reporting.pages.claim_section import claim_remark, claim_scope, verdict_legend
from concord3d.reporting.specs.output_files import CLAIMS, FIGURE_SUFFIXES, METRICS, TABLE_SUFFIXES
from concord3d.reporting.tables.cells import NO_COUNTERPART, coverage
from concord3d.reporting.tables.table_files import EVIDENCE_WORDS, legend, table_columns
from concord3d.site.experiments import experiments_of
from concord3d.site.interval_plots import plots_of
from concord3d.site.paper_results import PaperResults
from concord3d.site.table_rows import rows_of
from concord3d.site.writer import PageWriter

# Files of the results that pages lead to.
_FILES = (METRICS, CLAIMS, "audit.csv", "histories.csv", "details.json")


def write_paper(writer: PageWriter, paper: PaperResults) -> None:
    """Write all pages of a paper at a scale, and the files that they lead to."""
    place = f"{paper.scale}/{paper.name}"
    covered = {"covered": [(table, coverage([table])) for table in paper.tables], "NO_COUNTERPART": NO_COUNTERPART}
    short = bottom_line(paper.report, paper.claims, paper.headline, paper.scale, len(paper.results.missing))
    writer.write(f"{place}/index.md", "overview.md.j2", here="index", paper=paper, short="\n".join(short), **covered)
    _write_claims(writer, paper, place)
    writer.write(f"{place}/tables/index.md", "tables.md.j2", here="tables/index", paper=paper, **covered)
    _write_tables(writer, paper, place)
    _write_figures(writer, paper, place)
    writer.write(
        f"{place}/audit.md", "audit.md.j2", here="audit", paper=paper, impossible=IMPOSSIBLE, evidence=EVIDENCE_WORDS
    )
    writer.write(f"{place}/ledger.md", "ledger.md.j2", here="ledger", paper=paper)
    _write_runs(writer, paper, place)
    for name in _FILES:
        if (paper.folder / name).exists():
            writer.copy(paper.folder / name, f"{place}/{name}")


def _write_claims(writer: PageWriter, paper: PaperResults, place: str) -> None:
    claims = [(claim, plots_of(claim), claim_scope(claim), claim_remark(claim)) for claim in paper.claims]
    told = {"claims": claims, "verdict_legend": verdict_legend("../../guides/VERDICTS.md")}
    writer.write(f"{place}/claims.md", "claims.md.j2", here="claims", paper=paper, **told)


def _write_tables(writer: PageWriter, paper: PaperResults, place: str) -> None:
    for table in paper.tables:
        names = [f"{table.spec.id}.{suffix}" for suffix in TABLE_SUFFIXES if suffix != "md"]
        files = [name for name in names if (paper.folder / "tables" / name).exists()]
        writer.write(
            f"{place}/tables/{table.spec.id}.md",
            "table.md.j2",
            here="tables/index",
            paper=paper,
            table=table,
            columns=table_columns(table),
            rows=rows_of(table),
            legend=legend(table),
            files=files,
        )
        for name in files:
            writer.copy(paper.folder / "tables" / name, f"{place}/tables/{name}")


def _write_figures(writer: PageWriter, paper: PaperResults, place: str) -> None:
    drawn = {path.stem for path in (paper.folder / "figures").glob("*.png")} - {*paper.in_words}
    figures = [figure for figure in paper.report.figures if figure.id in drawn | {*paper.in_words}]
    writer.write(f"{place}/figures.md", "figures.md.j2", here="figures", paper=paper, figures=figures)
    for name in (f"{figure.id}.{suffix}" for figure in figures if figure.id in drawn for suffix in FIGURE_SUFFIXES):
        writer.copy(paper.folder / "figures" / name, f"{place}/figures/{name}")


def _write_runs(writer: PageWriter, paper: PaperResults, place: str) -> None:
    experiments = experiments_of(paper)
    common = {"here": "runs/index", "paper": paper}
    writer.write(f"{place}/runs/index.md", "runs.md.j2", experiments=experiments, **common)
    known = {experiment.name for experiment in experiments}
    for experiment in experiments:
        record = next(iter(experiment.records.values()), None)
        config = json.dumps(record["config"], indent=1) if record else ""
        shown = {"experiment": experiment, "known": known, "config": config}
        writer.write(f"{place}/runs/{experiment.name}.md", "run.md.j2", **shown, **common)
        for seed in experiment.records:
            name = f"{experiment.name}__s{seed}.json"
            writer.copy(paper.folder / "provenance" / name, f"{place}/runs/{name}")
