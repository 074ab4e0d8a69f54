"""The section on claims of the front page, and of the appendix."""

from __future__ import annotations

from typing import Any

import pytest

from concord3d.reporting.pages.claim_section import claim_lines, claim_remark, every_part

PART = {"name": "ModelNet40", "verdict": "holds", "basis": "items and seeds", "difference": 2.0}


def claim(identifier: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identifier, "text": f"Claim {identifier}.", "whose": "paper", "origin": "abstract", "verdict": verdict,
        "scope": "real_reduced", "converged": True, "num_measured": 2, "num_parts": 2, "decided_by": "ModelNet40",
        "difference": 2.0, "ci_low": 1.0, "ci_high": 3.0, "ci_high_corrected": 3.5,
        "unit": "points", "margin": 0.0, "basis": "items and seeds",
        "details": "ModelNet40: holds.", "parts": [PART, PART], **more,
    }  # fmt: skip


def test_judged_claims_have_a_row_and_others_are_named() -> None:
    text = "\n".join(claim_lines([claim("C1", "holds"), claim("C2", "not_run"), claim("C3", "not_testable")], "all.md"))
    assert "| C1 | Claim C1. | paper | **HOLDS** | real reduced | +2.00 [+1.00, +3.00] points: ModelNet40 |" in text
    assert "Not run at this scale: C2." in text and "Not testable at this scale: C3." in text and "| C2 |" not in text
    assert "- 3 claims of the paper: 1 holds, 1 not testable at this scale, 1 not run." in text
    assert "[`all.md`](all.md)" in text and "| 2 hold |" in text


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"margin": -1.0}, "+2.00 [+1.00, +3.00] points, needs more than +1: ModelNet40"),
        ({"unit": "1", "ci_low": None}, "| +2.000: ModelNet40 |"),
        ({"difference": None}, "| ModelNet40 |"),
        ({"difference": 0.0, "ci_low": 0.0, "ci_high": 0.0}, "| no difference on any test item: ModelNet40 |"),
        ({"ci_high": -0.5}, "-0.50] points, upper end +3.50 when corrected for the number of parts: ModelNet40"),
    ],
)
def test_the_number_says_its_unit_and_what_it_needs(facts: dict[str, Any], shown: str) -> None:
    assert shown in "\n".join(claim_lines([claim("C1", "undecided", **facts)], "all.md"))


def test_parts_that_compare_printed_values_are_counted_apart() -> None:
    parts = [PART, {**PART, "verdict": "fails"}, {**PART, "basis": "printed values"}]
    text = "\n".join(claim_lines([claim("C1", "fails", parts=parts)], "all.md"))
    assert "| 1 holds, 1 fails; printed values: 1 holds |" in text


def test_what_limits_a_verdict_stands_behind_it() -> None:
    assert claim_remark(claim("C1", "holds")) == ""
    assert claim_remark(claim("C1", "holds", num_measured=1, converged=False)) == " on 1 of 2 parts, not converged"
    assert claim_remark(claim("C1", "holds", num_measured=1, converged=None)) == " on 1 of 2 parts"
    assert claim_remark(claim("C1", "not_run", num_measured=1, converged=False)) == ""


def test_the_appendix_has_every_claim_with_its_details() -> None:
    text = "\n".join(every_part([claim("C1", "holds"), claim("C2", "not_run", origin="")]))
    assert "### C1: Claim C1." in text and "**HOLDS** (real reduced). ModelNet40: holds." in text
    assert "**not run** (-)." in text and text.count("Origin: abstract.") == 1
