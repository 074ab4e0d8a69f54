"""What a newcomer reads first of a paper: what was found, how sure it is, and what it would take to know more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.reporting.claims.comparisons import PRINTED
from concord3d.reporting.claims.verdicts import SCOPE_WORDS, VERDICT_WORDS
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table

TAKES = {
    "smoke": "the scale `demo`, minutes on a laptop",
    "demo": "the scale `small` (real data, hours on two cores) and for the paper's setting the scale `paper` (its data, and GPUs)",
    "small": "the scale `paper`: the published data and training, on GPUs",
    "paper": "more seeds",
}
COUNTED = ("holds", "fails", "undecided")


def bottom_line(
    report: ReportSpec, claims: Sequence[Mapping[str, Any]], headline: Table, scale: str
) -> list[str]:
    """Return the paragraph as lines.

    Args:
        report: The paper's report file, which names its main claim.
        claims: All verdicts.
        headline: The table of the front page, whose smallest effects are told.
        scale: The scale.
    """
    measured = [claim for claim in claims if claim["verdict"] in COUNTED and not _is_printed(claim)]
    if not measured:
        return [f"**In short.** Nothing was measured at the scale `{scale}` yet. It takes {TAKES[scale]}.", ""]
    sentences = [_found(measured, len(claims)), *_main(report, measured), _needed(headline, scale)]
    return [f"**In short.** {' '.join(sentences)}", ""]


def _is_printed(claim: Mapping[str, Any]) -> bool:
    return bool(claim["parts"]) and all(part["basis"] == PRINTED for part in claim["parts"])


def _found(measured: Sequence[Mapping[str, Any]], num_claims: int) -> str:
    verdicts = [claim["verdict"] for claim in measured]
    counts = ", ".join(f"{verdicts.count(verdict)} {words}" for verdict, words in _COUNT_WORDS.items())
    return f"Of {num_claims} claims, {len(measured)} could be tested here on measurements: {counts}."


_COUNT_WORDS = {"holds": "hold", "fails": "fail", "undecided": "stay undecided"}


def _main(report: ReportSpec, measured: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what was found of the main claim, and how sure that is."""
    claim = next((claim for claim in measured if claim["id"] == report.main_claim), None)
    if claim is None or claim["difference"] is None:
        return []
    unit = next((str(part["unit"]) for part in claim["parts"] if part["name"] == claim["decided_by"]), "")
    low, high = claim["ci_low"], claim["ci_high"]
    interval = "" if low is None else f", 95 % interval {low:+.1f} to {high:+.1f}"
    place = f" ({claim['decided_by']})" if claim["decided_by"] else ""
    size = f"{claim['difference']:+.1f} {unit}".rstrip()
    return [
        f"The main one, {claim['id']} in the table of claims, is {VERDICT_WORDS[claim['verdict']].lower()}: the "
        f"difference{place} is {size}{interval}.",
        f"The interval covers other test items and, with {claim['n_seeds']} seeds, other trainings; it is measured "
        f"{SCOPE_WORDS[claim['scope']]}.",
    ]


def _needed(headline: Table, scale: str) -> str:
    sizes = sorted(
        cell.detectable.size for cell in headline.cells if cell.detectable is not None and cell.detectable.unit == "%"
    )
    seen = f"Differences below {sizes[0]:.0f} to {sizes[-1]:.0f} points would mostly have been missed. " if sizes else ""
    return f"{seen}To know more takes {TAKES[scale]}."
