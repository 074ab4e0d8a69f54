"""``README.md``, ``ledger.md`` and ``provenance/``: what people read, and the records of the trainings."""

from __future__ import annotations

from concord3d.files import read_json, write_json
from concord3d.reporting.claims.verdicts import all_claims
from concord3d.reporting.evidence.audit import audit
from concord3d.reporting.evidence.evaluation_files import training_folders
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.study_results import results_of
from concord3d.reporting.pages.front_page import readme_text, write_readme
from concord3d.reporting.pages.ledger import ledger_text, write_ledger
from concord3d.reporting.tables.cells import all_tables


def build(material: Material) -> None:
    """Write ``ledger.md``, ``README.md`` and ``provenance/``."""
    inputs, report, paper, results = material.inputs, material.report, material.paper, material.once(results_of)
    tables, claims = material.once(all_tables), material.once(all_claims)
    findings = audit(material.published, report.audit)
    write_ledger(ledger_text(report, paper, results, tables, claims, inputs), inputs.out / "ledger.md")
    write_readme(readme_text(report, paper, results, tables, claims, findings, inputs), inputs.out / "README.md")
    copy_provenance(inputs)


def copy_provenance(inputs: ReportInputs) -> None:
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
