"""``appendix.md``: what the front page counts, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.reporting.evidence.audit import Finding
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.page_facts import PageFacts
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.markdown import plain
from concord3d.reporting.pages.audit_section import every_finding
from concord3d.reporting.pages.claim_section import every_part
from concord3d.reporting.pages.given_labels import label_lines
from concord3d.reporting.pages.tower_gates import every_measure
from concord3d.reporting.specs.report_spec import ReportSpec


def appendix_text(
    report: ReportSpec,
    results: Results,
    claims: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
    inputs: ReportInputs,
    facts: PageFacts,
    in_words: Mapping[str, str],
) -> str:
    """Return the page.

    Args:
        report: The paper's report file.
        results: Everything measured.
        claims: All verdicts.
        findings: Of the audit.
        inputs: What the scale runs.
        facts: What trainings tell beside their numbers.
        in_words: What is said in place of figures, by their names.
    """
    lines = [
        f"# Appendix of {report.paper}",
        "",
        f"**scale: {inputs.scale}; data_kind: {', '.join(results.data_kinds) or 'none (nothing was run)'}**",
        "",
        *every_part(claims),
        *_absent_figures(report, in_words),
        *every_measure(facts.gates),
        *label_lines(report.paper, inputs, facts.labels, results.histories),
        *every_finding(findings),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _absent_figures(report: ReportSpec, in_words: Mapping[str, str]) -> list[str]:
    lines = [
        f"- {plain(figure.title)}: {plain(in_words[figure.id])}" for figure in report.figures if figure.id in in_words
    ]
    return ["## Figures that this scale does not draw", "", *lines, ""] if lines else []
