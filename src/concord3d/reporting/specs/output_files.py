"""The parts of a report and their files, as they are known before it is made.

Light: the workflow asks at every start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from concord3d.reporting.specs.report_spec import load_report_spec

METRICS, CLAIMS = "metrics.csv", "claims.json"
# What DVC shows of a paper.
HEADLINE, HEADLINE_PLOT = "headline.json", "headline.csv"
# What a rerun is compared with its reference in.
COMPARED = (METRICS, CLAIMS)
# In the order in which they are made; each is a module of ``parts``.
RESULT_PARTS = ("metrics", "tables", "figures", "verdicts", "pages")
# The last one copies pages of the results for Snakemake's own report, and lies among the artifacts.
PARTS = (*RESULT_PARTS, "html")
TABLE_SUFFIXES = ("csv", "md", "tex", "long.tex")
REFERENCE = "tables/reference.bib"
FIGURE_SUFFIXES = ("png", "svg")
# What pages tell beside the numbers.
PAGE_FACTS = "page_facts.json"
# What the front page counts, one by one.
APPENDIX = "appendix.md"
PAGES = ("README.md", APPENDIX, "ledger.md")
# On figures that have nothing to draw.
FIGURES_IN_WORDS = "figures/in_words.json"
# A kind of figure that shows what trainings predict of hidden parts; its option ``experiments`` names them.
RECONSTRUCTIONS = "reconstructions"
RECONSTRUCTED = "reconstructed__"
# Of the table over all papers, below results/<scale>/cross.
CROSS_FILES = ("encoders.csv", "encoders.md")


def html_pages(paper: str) -> tuple[str, ...]:
    """Return the pages of a paper as HTML, in the order of ``PAGES``; Snakemake's report tells files by their names."""
    return tuple(f"{paper}{suffix}.html" for suffix in ("", "_appendix", "_ledger"))


def report_outputs(report_yaml: Path, part: Literal["tables", "figures"]) -> list[str]:
    """Return the files of one part of a report, relative to the results folder, in the order of the report's file.

    Args:
        report_yaml: ``papers/<paper>/report.yaml``.
        part: ``tables`` or ``figures``.
    """
    report = load_report_spec(report_yaml)
    if part == "tables":
        return [*(f"tables/{table.id}.{suffix}" for table in report.tables for suffix in TABLE_SUFFIXES), REFERENCE]
    drawn = [f"figures/{figure.id}.{suffix}" for figure in report.figures for suffix in FIGURE_SUFFIXES]
    return [*drawn, FIGURES_IN_WORDS]


def part_modules(report_yaml: Path, part: str) -> list[str]:
    """Return the modules that make one part of a report and are imported by name.

    Args:
        report_yaml: ``papers/<paper>/report.yaml``.
        part: One of ``PARTS``.
    """
    modules = [f"concord3d.reporting.parts.{part}"]
    if part == "figures":
        kinds = {figure.kind for figure in load_report_spec(report_yaml).figures}
        modules += [f"concord3d.reporting.figures.kinds.{kind}" for kind in sorted(kinds)]
    return modules


def reconstructed_experiments(report_yaml: Path) -> list[str]:
    """Return the experiments whose reconstructions a report shows, each once, in the order of the report's file.

    Args:
        report_yaml: ``papers/<paper>/report.yaml``.
    """
    figures = load_report_spec(report_yaml).figures
    named = [name for figure in figures if figure.kind == RECONSTRUCTIONS for name in figure.options["experiments"]]
    return list(dict.fromkeys(named))


def reconstruction_file(experiment: str) -> str:
    """Return the file of an experiment's reconstructions, relative to the artifacts of the paper."""
    return f"figures/{RECONSTRUCTED}{experiment}.npz"
