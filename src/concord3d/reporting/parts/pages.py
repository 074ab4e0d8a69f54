"""``README.md``, ``ledger.md``, ``page_facts.json`` and ``provenance/``: what people read, and what it rests on.

Both pages are there as HTML too, for Snakemake's own report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.files import write_json, write_text
from concord3d.reporting.claims.verdicts import all_claims
from concord3d.reporting.evidence.audit import audit
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.page_facts import write_page_facts
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.pages.front_page import readme_text, write_readme
from concord3d.reporting.pages.ledger import ledger_text, write_ledger
from concord3d.reporting.pages.report_html import html_page
from concord3d.reporting.specs.output_files import PAGE_FACTS, html_pages
from concord3d.reporting.tables.cells import all_tables


def build(material: Material) -> None:
    """Write ``ledger.md``, ``README.md``, both as HTML, ``page_facts.json`` and ``provenance/``."""
    inputs, report, paper, results = material.inputs, material.report, material.paper, material.once(results_of)
    tables, claims, facts = material.once(all_tables), material.once(all_claims), material.source.facts
    findings = audit(material.published, report.audit)
    ledger = ledger_text(report, paper, results, tables, claims, inputs, facts)
    write_ledger(ledger, inputs.out / "ledger.md")
    page = readme_text(report, paper, results, tables, claims, findings, inputs, facts)
    write_readme(page, inputs.out / "README.md")
    for name, text in zip(html_pages(report.paper), (page, ledger), strict=True):
        write_text(inputs.out / name, html_page(text, f"{paper.title}, scale {inputs.scale}"))
    write_page_facts(facts, inputs.out / PAGE_FACTS)
    write_records(material.source.records, inputs.out / "provenance")


def write_records(records: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write the record of every training to ``provenance/<experiment>__s<seed>.json``, and remove all others."""
    for stale in sorted({path.stem for path in folder.glob("*.json")} - set(records)):
        (folder / f"{stale}.json").unlink()
    for run, record in records.items():
        write_json(folder / f"{run}.json", record)
