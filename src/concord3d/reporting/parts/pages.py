"""What people read, and the records that it rests on."""

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
from concord3d.reporting.pages.appendix import appendix_text
from concord3d.reporting.pages.front_page import readme_text, said_of_figures
from concord3d.reporting.pages.ledger import ledger_text
from concord3d.reporting.specs.output_files import PAGE_FACTS, PAGES
from concord3d.reporting.tables.cells import all_tables


def build(material: Material) -> None:
    """Write the front page, the appendix, the ledger, ``page_facts.json`` and ``provenance/``."""
    inputs, report, paper, results = material.inputs, material.report, material.paper, material.once(results_of)
    tables, claims, facts = material.once(all_tables), material.once(all_claims), material.source.facts
    findings = audit(material.published, report.audit)
    texts = (
        readme_text(report, paper, results, tables, claims, findings, inputs, facts),
        appendix_text(report, results, claims, findings, inputs, facts, said_of_figures(inputs.out)),
        ledger_text(report, paper, results, tables, claims, inputs, facts, material.source.records),
    )
    for name, text in zip(PAGES, texts, strict=True):
        write_text(inputs.out / name, text)
    write_page_facts(facts, inputs.out / PAGE_FACTS)
    write_records(material.source.records, inputs.out / "provenance")


def write_records(records: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write the record of every training to ``provenance/<experiment>__s<seed>.json``, and remove all others."""
    for stale in sorted({path.stem for path in folder.glob("*.json")} - set(records)):
        (folder / f"{stale}.json").unlink()
    for run, record in records.items():
        write_json(folder / f"{run}.json", record)
