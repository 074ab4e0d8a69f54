"""``claims.json`` and ``audit.csv``: verdicts on the paper's claims, and what its published values contradict."""

from __future__ import annotations

from concord3d.reporting.claims.verdicts import all_claims, write_claims
from concord3d.reporting.evidence.audit import audit, write_audit
from concord3d.reporting.evidence.material import Material


def build(material: Material) -> None:
    """Write ``claims.json`` and ``audit.csv``."""
    write_claims(material.once(all_claims), material.inputs.out / "claims.json")
    write_audit(audit(material.published, material.report.audit), material.inputs.out / "audit.csv")
