"""The section on what cannot be right in the published values."""

from __future__ import annotations

from collections.abc import Sequence

from concord3d.reporting.evidence.audit import SEVERITIES, Finding
from concord3d.reporting.markdown import plain

IMPOSSIBLE = (
    "*Impossible*: no single run on a test set that may be meant can give the printed value; an average over runs, or "
    "another test set, may. *Dependent*: it is not known which test set was meant, and not each of them can give the "
    "value."
)
# Values named for each answer of the audit that several share.
NUM_EXAMPLES = 4


def audit_lines(findings: Sequence[Finding], appendix: str) -> list[str]:
    """Return the section of the front page: how many findings of which kind."""
    counts = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    if not findings:
        return ["## Audit of the published values", "", "Nothing was found: every value checked is possible.", ""]
    counted = ", ".join(f"{number} {severity}" for severity, number in counts.items() if number)
    lines = ["## Audit of the published values", "", f"{counted}; all in [`audit.csv`](audit.csv). {IMPOSSIBLE}", ""]
    return [*lines, f"One by one: [`{appendix}`]({appendix}).", ""]


def every_finding(findings: Sequence[Finding]) -> list[str]:
    """Return the section of the appendix: what is impossible, contradicts itself, or depends on the test set."""
    if not findings:
        return []
    worst = [f for f in findings if f.severity in ("impossible", "contradiction")]
    lines = [
        f"- {f.severity}: " + plain(f"{f.cell.method}, {f.cell.dataset}, {f.cell.text}: {f.reason}") for f in worst
    ]
    return ["## Audit of the published values", "", *lines, *_dependent(findings), ""]


def _dependent(findings: Sequence[Finding]) -> list[str]:
    """Say on which test set values are possible where several may be meant, one line for all with the same answer."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        if finding.severity == "dependent":
            groups.setdefault(finding.condition, []).append(f"{finding.cell.method} {finding.cell.text}")
    lines = []
    for condition, cells in groups.items():
        shown = ", ".join(cells[:NUM_EXAMPLES]) + (", ..." if len(cells) > NUM_EXAMPLES else "")
        values = "value" if len(cells) == 1 else "values"
        lines.append(f"- dependent, {len(cells)} {values} ({plain(shown)}): {plain(condition)}.")
    return lines
