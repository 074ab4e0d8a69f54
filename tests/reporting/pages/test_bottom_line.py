"""The paragraph that a newcomer reads first."""

from __future__ import annotations

from typing import Any

from concord3d.reporting.pages.bottom_line import bottom_line
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table
from concord3d.reporting.tables.detectable import DetectableEffect

TABLE = {"id": "one", "title": "One", "metrics": [{"protocol": "linear_svm", "metric": "overall_accuracy"}]}


def report(main: str | None) -> ReportSpec:
    return ReportSpec.model_validate({"paper": "p", "headline": "one", "main_claim": main, "tables": [TABLE]})


def claim(identifier: str, verdict: str, basis: str = "items and seeds") -> dict[str, Any]:
    return {
        "id": identifier, "text": f"Claim {identifier}.", "verdict": verdict, "scope": "synthetic", "unit": "points",
        "difference": -2.08, "ci_low": -4.57, "ci_high": 0.4, "n_seeds": 2, "decided_by": "ModelNet40",
        "parts": [{"basis": basis}],
    }  # fmt: skip


class Cell:
    """A cell with the smallest effect that it could have shown."""

    def __init__(self, size: float | None, unit: str = "%") -> None:
        self.detectable = None if size is None else DetectableEffect("baseline", "modelnet40", unit, size, True)


def table(*cells: Cell) -> Table:
    return Table(report(None).tables[0], "demo", ("synthetic",), cells, "")


def test_counts_the_main_claim_and_what_was_missed_are_told() -> None:
    claims = [claim("C1", "holds"), claim("C2", "undecided"), claim("C3", "not_run"), claim("C4", "fails"),
              claim("C5", "holds", "printed values")]  # fmt: skip
    text = " ".join(
        bottom_line(report("C2"), claims, table(Cell(3.2), Cell(None), Cell(7.8), Cell(0.1, "cosine")), "demo", 0)
    )
    assert "3 of 5 claims could be judged on measurements of this scale: 1 hold, 1 fail, 1 stay undecided." in text
    assert 'The main one, "Claim C2", stays undecided: -2.1 points, between -4.6 and +0.4 (ModelNet40).' in text
    assert "2 seeds" in text and "synthetic data" in text
    assert "smaller than 3 to 8 points may well be missed" in text and "`small`" in text


def test_a_main_claim_that_is_not_judged_is_not_told() -> None:
    text = " ".join(bottom_line(report("C3"), [claim("C1", "holds"), claim("C3", "not_run")], table(), "small", 0))
    assert "The main one" not in text and "1 of 2 claims" in text and "missed" not in text and "`paper`" in text


def test_where_nothing_is_judged_it_says_what_it_takes() -> None:
    text = " ".join(bottom_line(report("C1"), [claim("C1", "not_testable")], table(), "smoke", 0))
    assert "No claim could be judged" in text and "`demo`" in text


def test_evaluations_without_a_result_come_before_a_larger_scale() -> None:
    for number, words in (
        (1, "the evaluation of this scale that has no result"),
        (7, "the 7 evaluations of this scale"),
    ):
        text = " ".join(bottom_line(report("C1"), [claim("C1", "not_run")], table(), "small", number))
        assert f"To know more takes {words}" in text and ", then the scale `paper`" in text


def test_a_main_claim_that_lacks_a_result_says_so() -> None:
    lacking = {**claim("C1", "undecided"), "difference": None, "ci_low": None, "ci_high": None}
    text = " ".join(bottom_line(report("C1"), [lacking], table(), "demo", 3))
    assert 'The main one, "Claim C1", stays undecided: a result is missing (ModelNet40).' in text
