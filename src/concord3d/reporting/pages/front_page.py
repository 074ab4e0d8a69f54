"""The one page that a reviewer reads first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from concord3d.config.models import Paper
from concord3d.files import read_json
from concord3d.layout import Layout
from concord3d.reporting.evidence.audit import Finding
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.page_facts import PageFacts
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs
from concord3d.reporting.markdown import Markdown, grid, heading, plain, prose
from concord3d.reporting.pages.audit_section import audit_lines
from concord3d.reporting.pages.bottom_line import bottom_line
from concord3d.reporting.pages.claim_section import claim_lines
from concord3d.reporting.pages.headline_section import headline_lines
from concord3d.reporting.pages.run_section import run_lines
from concord3d.reporting.pages.tower_gates import tower_lines
from concord3d.reporting.specs.output_files import APPENDIX, FIGURES_IN_WORDS
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import NO_COUNTERPART, Table, coverage
from concord3d.reporting.tables.table_files import EVIDENCE_WORDS

WARNINGS = {
    "smoke": "The smallest run that goes through every step. Its numbers mean nothing.",
    "demo": "Measured on generated data in minutes: trends and their intervals, not the paper's numbers.",
    "small": "Measured below the paper's setting: see the deviations in the ledger before comparing values.",
    "paper": "The published setting, with choices of this reproduction where the paper is silent.",
}


def readme_text(
    report: ReportSpec,
    paper: Paper,
    results: Results,
    tables: Sequence[Table],
    claims: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
    inputs: ReportInputs,
    facts: PageFacts,
) -> str:
    """Return the page: what was found, claims, headline, figures, what was run, gaps, files, how to remake a cell."""
    headline = next(table for table in tables if table.spec.id == report.headline)
    lines = [
        heading(1, plain(paper.title)),
        "",
        f"{plain(paper.authors)}, {plain(paper.venue)}. Reproduced by Concord3D.",
        "",
        f"**scale: {inputs.scale}; data_kind: {', '.join(results.data_kinds) or 'none (nothing was run)'}**  ",
        f"{_trained_on(inputs)}{WARNINGS.get(inputs.scale, '')}",
        "",
        *bottom_line(report, claims, headline, inputs.scale, len(results.missing)),
        *claim_lines(claims, APPENDIX),
        *headline_lines(headline, report.headline_columns, report.headline_pivot),
        *_figures(report, said_of_figures(inputs.out)),
        *run_lines(results, inputs, facts),
        *_coverage(tables),
        *tower_lines(inputs, facts.gates, APPENDIX),
        *audit_lines(findings, APPENDIX),
        *_files(report, results, inputs),
    ]
    return "\n".join(lines) + "\n"


def _trained_on(inputs: ReportInputs) -> str:
    """Return the kinds of data that something was trained on, as a sentence and a space; nothing without trainings."""
    kinds = sorted({str(run["pretrain"]["data_kind"]) for run in inputs.runs.values() if run.get("pretrain")})
    return f"Trained on {' and '.join(kinds)} data. " if kinds else ""


def _coverage(tables: Sequence[Table]) -> list[str]:
    counts = coverage(tables)
    share = 100 * counts["measured"] / counts["published"] if counts["published"] else 0.0
    cells = [cell for table in tables for cell in table.cells if cell.status == "measured"]
    real = sum(c.data_kind == "real" and c.published is not None and c.published.value is not None for c in cells)
    rows = []
    for table in tables:
        each = coverage([table])
        link = Markdown(f"[{table.spec.id}](tables/{table.spec.id}.md)")
        numbers = [each["published"], each["measured"], each["not_run"], each["quoted"], each[NO_COUNTERPART]]
        rows.append([link, prose(table.spec.title), *(str(number) for number in numbers)])
    columns = ["table", "", "collected cells", "run here", "not run", "quoted or not attempted", "ours alone"]
    evidence = Counter(cell.evidence for table in tables for cell in table.cells if cell.published is not None)
    sources = ", ".join(f"{number} {EVIDENCE_WORDS.get(name, name)}" for name, number in evidence.most_common())
    text = (
        f"The tables have {counts['published']} published or expected cells. Sources: {sources}. For "
        f"{counts['measured']} ({share:.1f} %) there is a run of ours; {real} of these were tested on real data and "
        f"have a published value that could be read, so that a difference is given. {counts['not_run']} have an "
        f"experiment of ours that this scale does not run; {counts['quoted']} are quoted. What is missing and why: "
        "[`ledger.md`](ledger.md)."
    )
    return ["## Share of the collected cells", "", text, "", *grid(columns, rows), ""]


def said_of_figures(out: Path) -> Mapping[str, str]:
    """Return what stands in place of figures in a folder of results; made without figures, pages show them all."""
    path = out / FIGURES_IN_WORDS
    said: Mapping[str, str] = read_json(path) if path.exists() else {}
    return said


def _figures(report: ReportSpec, in_words: Mapping[str, str]) -> list[str]:
    """Return the figures that have something to draw, and the names of the others."""
    if not report.figures:
        return []
    lines = ["## Figures", ""]
    for figure in report.figures:
        if figure.id not in in_words:
            title, caption = plain(figure.title), prose(figure.caption)
            lines += [f"![{title}](figures/{figure.id}.png)", "", f"*{title}.* {caption}", ""]
    absent = [figure for figure in report.figures if figure.id in in_words]
    if absent:
        named = plain("; ".join(figure.title for figure in absent))
        lines += [f"Not drawn at this scale: {named}. What each needs: [`{APPENDIX}`]({APPENDIX}).", ""]
    return lines


def remake_commands(paper: str, scale: str, cell: ExpectedJob | tuple[str, str, str, int | str]) -> list[str]:
    """Return the commands that make one evaluation anew, and then what rests on it.

    Args:
        paper: Identifier.
        scale: The scale.
        cell: Experiment, data set, protocol and seed.
    """
    target = f"{Layout(scale).evaluation(paper, *cell)}.json"
    command = f"snakemake --cores all --config scale={scale} 'papers=[{paper}]'"
    return [f"rm -f {target}", f"{command} -- {target}", command]


def _files(report: ReportSpec, results: Results, inputs: ReportInputs) -> list[str]:
    unknown = ("<experiment>", "<data>", "<protocol>", 1)
    commands = remake_commands(report.paper, inputs.scale, next(iter(inputs.expected_jobs), unknown))
    return [
        "## Files, and how to remake one cell",
        "",
        "- `metrics.csv`: every measured number; `per_item/`: the outcome of every test item below it.",
        *_details(results),
        "- `tables/`: CSV, Markdown, LaTeX; `figures/`: PNG, SVG; `claims.json`: every part of every claim.",
        "- `provenance/`: per training the commit, configuration, input hashes, versions, device, time and command; "
        "`page_facts.json`: what this page and the ledger tell beside the numbers.",
        f"- [`{APPENDIX}`]({APPENDIX}): every part of every claim, all gates of towers, pseudo-labels, the audit one "
        "by one; [`ledger.md`](ledger.md): what is missing, what differs, every hyper-parameter.",
        "",
        "To remake one evaluation, delete its file and run the two commands. The first makes the evaluation again; in "
        "a fresh clone it makes the data and the training too. The second remakes the tables, figures and verdicts.",
        "",
        "```sh",
        *commands,
        "```",
    ]


def _details(results: Results) -> list[str]:
    """Return what is told of the choices of protocols and of trainings; results of older versions lack both."""
    has_details = any(evaluation.details for evaluation in results.evaluations)
    has_histories = any(results.histories.values())
    said = ["`details.json`: what each protocol chose, with accuracy by C and by class"] * has_details
    said += ["`histories.csv`: losses"] * has_histories
    return [f"- {'; '.join(said)}."] if said else []
