"""Trainings that a longer one of the same arm still improves on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.claims.one_claim import PART, claims_of, two_arms
from tests.reporting.fabricate import ROOT, Fabricated, outcomes

from concord3d.config.resolve import load_study
from concord3d.reporting.claims.convergence import longer_trainings
from concord3d.reporting.evidence.report_inputs import report_inputs


def longer(root: Path, gain: int) -> Fabricated:
    """Two arms of one length, and the right one trained for twice as long, which is right on so many items more."""
    made = two_arms(root, 150, 140)
    for seed in (1, 2, 3):
        made.accuracy("twice", outcomes(200, 140 + gain + seed), seed)
    made.runs["twice"]["training"] = {**made.runs["right"]["training"], "epochs": 12}
    return made


def test_a_longer_training_that_still_gains_is_remarked(tmp_path: Path) -> None:
    claim = claims_of(longer(tmp_path / "gains", 20), PART)
    assert claim["verdict"] == "holds" and not claim["converged"]
    [gain] = [each for each in claim["parts"][0]["not_converged"] if each["arm"] == "right"]
    assert gain["longer"] == "twice" and gain["difference"] == pytest.approx(10) and gain["ci_low"] > 0
    assert (gain["epochs"], gain["epochs_longer"]) == (6, 12)
    assert "Not converged: right, trained for 12 in place of 6 epochs, still gains +10.00 [" in claim["details"]
    assert claim["parts"][0]["converged"] is False
    still = claims_of(longer(tmp_path / "still", 0), PART)
    assert still["converged"] is True and "Not converged" not in still["details"]


def test_what_no_longer_training_was_compared_with_is_not_called_converged(tmp_path: Path) -> None:
    alone = claims_of(two_arms(tmp_path / "alone", 150, 140), PART)
    assert alone["verdict"] == "holds" and alone["converged"] is None and alone["parts"][0]["converged"] is None
    once = two_arms(tmp_path / "once", 150, 140)
    once.accuracy("twice", outcomes(200, 190), 1)
    once.runs["twice"]["training"] = {**once.runs["right"]["training"], "epochs": 12}
    assert claims_of(once, PART)["converged"] is None, "one longer training decides nothing"


@pytest.mark.parametrize(("gain", "converged"), [(0, None), (20, False)])
def test_one_part_that_gains_is_enough_and_one_that_was_not_asked_too(
    tmp_path: Path, gain: int, converged: bool | None
) -> None:
    made = longer(tmp_path, gain)
    for seed in (1, 2, 3):
        for name, right in (("third", 150), ("fourth", 140)):
            made.accuracy(name, outcomes(200, right + seed), seed)
    for name in ("third", "fourth"):
        made.runs[name]["encoder"] = {**made.runs["right"]["encoder"], "width": 9}
    claim = claims_of(made, f"{PART}, {{name: other, lhs: third, rhs: fourth}}")
    assert claim["converged"] is converged
    assert [part["converged"] for part in claim["parts"]] == [not gain, None]


@pytest.mark.parametrize(
    ("paper", "scale", "pairs"),
    [
        (
            "mm_mixing",
            "small",
            {
                ("baseline", "k1"),
                ("baseline", "baseline_times_4"),
                ("baseline", "baseline_times_8"),
                ("k1", "baseline_times_4"),
                ("k1", "baseline_times_8"),
                ("baseline_times_4", "baseline_times_8"),
                ("stage1", "stage1_times_2"),
                ("stage1", "stage1_times_4"),
                ("stage1_times_2", "stage1_times_4"),
                ("k2_stage1", "k2_stage1_times_2"),
                ("k2_stage1", "k2_stage1_times_4"),
                ("k2_stage1_times_2", "k2_stage1_times_4"),
            },
        ),
        ("mm_mixing", "paper", {("baseline", "k1")}),
        (
            "mm_point",
            "small",
            {
                ("mm_point_mild", "mm_point_mild_times_4"),
                ("mm_point_mild", "mm_point_mild_times_16"),
                ("mm_point_mild_times_4", "mm_point_mild_times_16"),
            },
        ),
        # Zero-shot is Cross-MoST of no epochs, and no shorter training of it.
        ("cross_most", "small", set()),
    ],
)
def test_pairs_are_found_in_the_configuration(paper: str, scale: str, pairs: set[tuple[str, str]]) -> None:
    runs = report_inputs(ROOT, load_study(ROOT, paper, scale)).runs
    found = longer_trainings(runs)
    assert {(pair.arm, pair.longer) for pair in found} == pairs
    for pair in found:
        assert pair.arm in pair.alike and pair.longer not in pair.alike
        lengths = {runs[name]["training"]["epochs"] for name in pair.alike}
        assert len(lengths) == 1
    if paper == "mm_mixing" and scale == "small":
        assert next(pair.alike for pair in found if pair.arm == "baseline") == {
            "baseline", "stage1", "full", "k2_stage1", "k2", "full_warm", "k2_warm", "full_shared", "k2_shared",
            "mixed_at_512_0", "unmixed_at_512_0", "mixed_at_512_87", "unmixed_at_512_87",
        }  # fmt: skip
