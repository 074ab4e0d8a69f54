"""``claims.json`` and ``audit.csv``: verdicts on the paper's claims, and what its published values contradict.

``headline.json`` and ``headline.csv`` tell DVC the headline of both.
"""

from __future__ import annotations

from concord3d.reporting.claims.verdicts import all_claims, write_claims
from concord3d.reporting.evidence.audit import audit, write_audit
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.tables.cells import table_of
from concord3d.reporting.tables.headline_file import write_headline


def build(material: Material) -> None:
    """Write ``claims.json``, ``audit.csv``, ``headline.json`` and ``headline.csv``."""
    claims, out = material.once(all_claims), material.inputs.out
    write_claims(claims, out / "claims.json")
    write_headline(material.report, table_of(material, material.report.headline), claims, out)
    write_audit(audit(material.published, material.report.audit), material.inputs.out / "audit.csv")
