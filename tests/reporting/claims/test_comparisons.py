"""Comparisons of printed values, and of measurements with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.reporting.claims.one_claim import claims_of, two_arms
from tests.reporting.fabricate import Fabricated

from concord3d.errors import ReportingError

PRINTED_ROWS = [
    ("one", "Ours", "ModelNet40", "s", "accuracy", "51.4", "abstract"),
    ("one", "Other", "ModelNet40", "s", "accuracy", "50.7", "other_paper"),
    ("one", "Close", "ModelNet40", "s", "accuracy", "51.37", "other_paper"),
    ("one", "Unread", "ModelNet40", "s", "accuracy", "", "not_recovered"),
]


def printed_claim(tmp_path: Path, lhs: str, rhs: str) -> dict[str, Any]:
    made = Fabricated(tmp_path)
    made.published(PRINTED_ROWS)
    return claims_of(made, f"{{name: it, lhs: {lhs}, rhs: {rhs}}}")


def printed(method: str) -> str:
    return f"{{published: {{table: one, method: {method}}}}}"


@pytest.mark.parametrize(
    ("lhs", "rhs", "difference", "verdict"),
    [
        (printed("Ours"), printed("Other"), 0.7, "holds"),
        (printed("Other"), printed("Ours"), -0.7, "fails"),
        # Rounding to print leaves it open which is larger.
        (printed("Ours"), printed("Close"), 0.03, "undecided"),
        (f"{{minus: [{printed('Ours')}, {printed('Other')}]}}", "0.5", 0.2, "holds"),
        (f"{{mean: [{printed('Ours')}, {printed('Other')}]}}", printed("Other"), 0.35, "holds"),
    ],
)
def test_printed_values_are_compared_as_far_as_their_rounding_allows(
    tmp_path: Path, lhs: str, rhs: str, difference: float, verdict: str
) -> None:
    claim = printed_claim(tmp_path, lhs, rhs)
    assert claim["difference"] == pytest.approx(difference) and claim["verdict"] == verdict
    assert (claim["n_items"], claim["n_seeds"], claim["basis"], claim["scope"]) == (0, 0, "printed values", "paper")
    assert "(printed values)" in claim["details"] and "published(one;" in claim["lhs"] + claim["rhs"]


def test_the_interval_of_printed_values_is_their_rounding(tmp_path: Path) -> None:
    claim = printed_claim(tmp_path, printed("Ours"), printed("Other"))
    assert (claim["ci_low"], claim["ci_high"]) == (pytest.approx(0.6), pytest.approx(0.8))


def test_a_value_that_was_not_recovered_decides_nothing(tmp_path: Path) -> None:
    claim = printed_claim(tmp_path, printed("Ours"), printed("Unread"))
    assert claim["verdict"] == "not_run" and "could not be read" in claim["details"]


@pytest.mark.parametrize("selector", ["{table: one}", "{method: Nobody}"])
def test_a_published_value_must_be_one_cell(tmp_path: Path, selector: str) -> None:
    with pytest.raises(ReportingError, match="not one cell"):
        printed_claim(tmp_path, printed("Ours"), f"{{published: {selector}}}")


def test_a_measurement_stands_beside_a_printed_value_on_real_data_only(tmp_path: Path) -> None:
    part = f"{{name: it, lhs: left, rhs: {printed('Other')}}}"
    real = two_arms(tmp_path / "a", 170, 140, "paper")
    world = two_arms(tmp_path / "b", 170, 140, "demo", "synthetic")
    for made in (real, world):
        made.published(PRINTED_ROWS)
    claim = claims_of(real, part)
    assert claim["verdict"] == "holds" and claim["difference"] == pytest.approx(86 - 50.7)
    assert claims_of(world, part)["verdict"] == "not_testable"
