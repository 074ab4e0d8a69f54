"""The paragraph that a newcomer reads first."""

from __future__ import annotations

from typing import Any

from concord3d.reporting.pages.bottom_line import bottom_line
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table
from concord3d.reporting.tables.detectable import DetectableEffect

NOTHING = {"difference": None, "ci_low": None, "ci_high": None, "ci_high_corrected": None}
TABLE = {"id": "one", "title": "One", "metrics": [{"protocol": "linear_svm", "metric": "overall_accuracy"}]}


def report(main: str | None) -> ReportSpec:
    return ReportSpec.model_validate({"paper": "p", "headline": "one", "main_claim": main, "tables": [TABLE]})


def part(name: str, verdict: str, difference: float | None = -2.08, essential: bool = True) -> dict[str, Any]:
    measured = {"difference": difference, "ci_low": -4.57, "ci_high": 0.4, "ci_high_corrected": 0.9}
    found = measured if difference is not None else NOTHING
    return {"name": name, "verdict": verdict, "unit": "points", "basis": "items and seeds", "margin": 0.0,
            "essential": essential, **found}  # fmt: skip


def claim(identifier: str, verdict: str, basis: str = "items and seeds", **more: Any) -> dict[str, Any]:
    return {
        "id": identifier, "text": f"Claim {identifier}.", "verdict": verdict, "scope": "synthetic", "unit": "points",
        "difference": -2.08, "ci_low": -4.57, "ci_high": 0.4, "ci_high_corrected": 0.9, "n_seeds": 2, "margin": 0.0,
        "decided_by": "ModelNet40", "num_measured": 1, "num_parts": 1, "converged": True,
        "parts": [{**part("ModelNet40", verdict), "basis": basis}], **more,
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
    counted = "4 claims (1 more about printed values alone): 1 holds, 1 fails, 1 stays undecided, 1 not judged"
    assert (
        f'{counted} at this scale. The main claim, "Claim C2", stays undecided. It is tested on synthetic data' in text
    )
    assert "- ModelNet40: -2.08 [-4.57, +0.40] points, undecided" in text
    assert "2 seeds" in text and "synthetic data" in text
    assert "smaller than 3.2 to 7.8 points may well be missed" in text and "`small`" in text


def test_one_size_of_what_was_missed_is_told_once() -> None:
    text = " ".join(bottom_line(report("C1"), [claim("C1", "holds")], table(Cell(0.81), Cell(0.84)), "demo", 0))
    assert "smaller than 0.8 points may well be missed" in text


def test_the_part_that_decides_comes_first_and_others_are_counted() -> None:
    parts = [part(f"set {number}", "undecided", essential=number % 2 == 0) for number in range(9)]
    text = "\n".join(
        bottom_line(report("C1"), [claim("C1", "undecided", parts=parts, decided_by="set 3")], table(), "demo", 0)
    )
    named = [line.partition(":")[0] for line in text.splitlines() if line.startswith("- ")]
    assert named == ["- set 3", "- set 0", "- set 2", "- set 4", "- set 6", "- set 8", "- 3 more parts"]


def test_what_limits_the_main_claim_is_said() -> None:
    short = claim("C1", "fails", converged=False, num_parts=4)
    assert "fails with 1 of 4 parts run; not converged" in " ".join(
        bottom_line(report("C1"), [short], table(), "demo", 0)
    )
    unasked = claim("C1", "fails", converged=None)
    assert "fails; whether longer trainings would change that was not tested in every part." in " ".join(
        bottom_line(report("C1"), [unasked], table(), "demo", 0)
    )
    near = claim("C1", "undecided", parts=[{**part("ModelNet40", "undecided"), "ci_high": -0.4}])
    told = " ".join(bottom_line(report("C1"), [near], table(), "demo", 0))
    assert "[-4.57, -0.40] points, upper end +0.90 when corrected for the number of parts, undecided" in told


def test_verdicts_that_reach_farther_than_that_on_the_main_claim_are_named() -> None:
    claims = [claim("C1", "fails"), claim("R1", "holds", scope="real_reduced"), claim("R2", "not_run", scope="paper")]
    text = " ".join(bottom_line(report("C1"), claims, table(), "small", 0))
    assert "R1: tested on real data, below the paper's setting." in text and "R2" not in text
    assert text.count("tested on") == 2
    alike = " ".join(bottom_line(report("C1"), claims[:1], table(), "small", 0))
    assert alike.count("tested on") == 1


def test_a_main_claim_that_is_not_judged_shows_its_measured_parts() -> None:
    claims = [claim("C1", "holds"), claim("C3", "not_run")]
    text = " ".join(bottom_line(report("C3"), claims, table(), "small", 0))
    assert "is not judged at this scale: essential parts of it were not run" in text and "- ModelNet40: -2.08" in text
    assert "2 claims: 1 holds" in text and "missed" not in text and "`paper`" in text
    absent = claim("C3", "not_run", parts=[part("ModelNet40", "not_run", None)])
    assert "it was not run" in " ".join(bottom_line(report("C3"), [claims[0], absent], table(), "small", 0))


def test_intervals_of_one_seed_cover_no_trainings() -> None:
    for count, words in (
        (1, "cover test items alone (one seed)"),
        (3, "cover test items and trainings (3 seeds; all trained rows"),
    ):
        text = " ".join(bottom_line(report("C1"), [claim("C1", "undecided", n_seeds=count)], table(), "demo", 0))
        assert words in text


def test_a_report_without_a_main_claim_tells_of_none() -> None:
    assert "main claim" not in " ".join(bottom_line(report(None), [claim("C1", "holds")], table(), "small", 0))


def test_cautions_and_the_next_step_are_those_of_the_report() -> None:
    own = report("C1").model_copy(update={"cautions": {"demo": "Beware."}, "next_step": {"demo": "a lorry"}})
    text = " ".join(bottom_line(own, [claim("C1", "holds")], table(), "demo", 0))
    assert "Beware." in text and "To know more takes a lorry." in text


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


def test_a_main_claim_that_lacks_a_result_has_no_interval() -> None:
    lacking = claim("C1", "undecided", **NOTHING, parts=[part("ModelNet40", "missing", None)])
    text = " ".join(bottom_line(report("C1"), [lacking], table(), "demo", 3))
    assert 'The main claim, "Claim C1", stays undecided. To know more' in text
