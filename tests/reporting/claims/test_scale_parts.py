"""What the parts of a claim stand for at a scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.claims.one_claim import PART, claims_of, two_arms
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.errors import ConfigError


def test_without_an_essential_part_nothing_is_judged(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    for good in (PART, "{name: it, lhs: right, rhs: left}"):
        claim = claims_of(made, f"{good}, {{name: gone, lhs: left, rhs: never}}")
        assert claim["verdict"] == "not_run" and claim["headline"] == "Not run."
        assert claim["details"].startswith("Not judged, since") and claim["correction"] == "none: nothing is judged"
        assert claim["parts"][0]["verdict"] in ("holds", "fails"), "what was measured is shown"
    with pytest.raises(ConfigError, match="X has no essential part"):
        claims_of(made, "{name: it, lhs: left, rhs: right, essential: false}")


def test_what_nothing_measures_is_not_run_and_says_why(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    claim = claims_of(made, f"{PART[:-1]}, essential: false}}, {{name: detection, unmeasured: no detector is trained}}")
    assert claim["verdict"] == "not_run" and claim["headline"] == "Not run."
    assert claim["details"].startswith("Not judged, since") and "it: holds" in claim["details"]
    assert claim["details"].endswith("Not run at this scale: detection (no detector is trained).")
    assert (claim["parts"][1]["lhs"], claim["parts"][1]["reason"]) == ("", "no detector is trained")
    beside = claims_of(made, f"{PART}, {{name: detection, unmeasured: no detector is trained, essential: false}}")
    assert beside["verdict"] == "holds", "what is not essential stands in no way"
    with pytest.raises(ConfigError, match="either lhs or trend or says why"):
        claims_of(made, "{name: it, lhs: left, rhs: right, unmeasured: no detector is trained}")


def test_a_preferred_row_is_judged_where_it_is_run_on_both_sides(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    part = "{name: it, lhs: {preferred: [better, left]}, rhs: {preferred: [other, right]}}"
    for seed in (1, 2, 3):
        made.accuracy("better", outcomes(200, 190), seed)
    assert claims_of(made, part)["lhs"].startswith("overall_accuracy(left;"), "rows of one kind on both sides"
    made.expect("other")
    assert claims_of(made, part)["parts"][0]["verdict"] == "missing", "what is asked for is preferred"
    for seed in (1, 2, 3):
        made.accuracy("other", outcomes(200, 100), seed)
    assert claims_of(made, part)["difference"] == pytest.approx(45)
    alone = claims_of(made, "{name: it, lhs: {preferred: [never, left]}, rhs: right}")
    assert alone["lhs"].startswith("overall_accuracy(left;")


def test_one_epoch_has_no_first_beside_the_last(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    part = (
        "{name: it, lhs: {experiment: left, history: information_inter, at: last}, "
        "rhs: {experiment: left, history: information_inter, at: first}}"
    )
    made.history("left", [1.0], 1)
    assert claims_of(made, part)["parts"][0]["verdict"] == "missing"
    made.runs["left"]["training"]["epochs"] = 1
    assert claims_of(made, part)["parts"][0]["verdict"] == "not_run"


def test_for_each_method(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for experiment in ("left", "right", "random_init"):
        made.accuracy(experiment, outcomes(100, 60), selections=("last", "best_test"))
    part = "{name: each, lhs: {experiment: '*', selection: best_test}, rhs: {experiment: '*'}, for_each: [random_init]}"
    claim = claims_of(made, part)
    assert [part["name"] for part in claim["parts"]] == ["left", "right"]
    assert claim["difference"] == pytest.approx(1.0)


def test_a_number_of_the_paper_is_a_bound_in_its_setting_only(tmp_path: Path) -> None:
    part = "{name: it, lhs: left, rhs: %s}"
    real = claims_of(two_arms(tmp_path / "real", 170, 140, "paper"), part % 50.0)
    assert real["verdict"] == "holds" and real["difference"] == pytest.approx(36)
    for folder, scale, kind in (("small", "small", "real"), ("world", "paper", "synthetic")):
        made = two_arms(tmp_path / folder, 120, 90, scale, kind)
        entry = claims_of(made, part % 89.2)
        assert entry["verdict"] == "not_testable" and entry["headline"] == "Not testable at this scale."
        assert "belongs to the paper's setting" in entry["details"]
        both = claims_of(made, f"{PART}, {{name: bound, lhs: left, rhs: 89.2, essential: false}}")
        assert both["verdict"] == "holds" and "Not testable at this scale: bound" in both["details"]


def test_a_part_over_several_data_sets_is_one_part_for_each(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    for seed in (1, 2, 3):
        made.accuracy("left", outcomes(100, 50 + seed), seed, dataset="modelnet10")
        made.accuracy("right", outcomes(100, 80 + seed), seed, dataset="modelnet10")
    over = "over: [{ModelNet40: modelnet40}, {ModelNet10: modelnet10}, {elsewhere: s3dis}]"
    claim = claims_of(made, f"{{lhs: left, rhs: right, {over}}}")
    assert [(part["name"], part["verdict"]) for part in claim["parts"]] == [
        ("ModelNet40", "holds"),
        ("ModelNet10", "fails"),
        ("elsewhere", "not_run"),
    ]
    named = claims_of(made, f"{{name: here, lhs: left, rhs: right, {over}}}")
    assert [part["name"] for part in named["parts"]] == ["here, ModelNet40", "here, ModelNet10", "here, elsewhere"]
    for wrong in ("lhs: left, rhs: right", f"name: a, lhs: left, rhs: right, dataset: s3dis, {over}"):
        with pytest.raises(ConfigError, match=r"a part (needs a name|has either dataset or over)"):
            claims_of(made, f"{{{wrong}}}")


def test_data_sets_stand_in_for_each_other(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    over = "over: [{elsewhere: s3dis, ModelNet40: modelnet40, ModelNet10: modelnet10}]"
    claim = claims_of(made, f"{{lhs: left, rhs: right, {over}}}")
    assert claim["verdict"] == "holds" and [part["name"] for part in claim["parts"]] == ["ModelNet40"]
    made.accuracy("left", outcomes(100, 50), 1, dataset="s3dis")
    claim = claims_of(made, f"{{lhs: left, rhs: right, {over}}}")
    assert claim["verdict"] == "not_run" and [part["name"] for part in claim["parts"]] == ["elsewhere"]


def test_one_data_set_of_an_essential_part_is_enough(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    claim = claims_of(made, "{lhs: left, rhs: right, over: [{ModelNet40: modelnet40}, {ModelNet10: modelnet10}]}")
    assert claim["verdict"] == "holds" and "Not run at this scale: ModelNet10" in claim["details"]
    nowhere = claims_of(made, "{lhs: left, rhs: right, over: [{here: s3dis}, {there: shapenetpart}]}")
    assert nowhere["verdict"] == "not_run" and [part["name"] for part in nowhere["parts"]] == ["here", "there"]


def test_a_choice_that_was_not_made_is_named(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    claim = claims_of(made, "{name: it, lhs: {experiment: left, selection: best_test}, rhs: right}")
    assert claim["verdict"] == "not_run" and "no overall_accuracy (best_test) under" in claim["details"]
    other = claims_of(made, "{name: it, lhs: {experiment: left, metric: gone}, rhs: {experiment: right, metric: gone}}")
    assert "no gone under" in other["details"]


def test_what_synthetic_data_cannot_show_is_not_testable_on_them(tmp_path: Path) -> None:
    part = "{name: it, lhs: left, rhs: right, real_alone: no photographs}"
    world = claims_of(two_arms(tmp_path / "world", 170, 140, "demo", "synthetic"), part)
    assert world["verdict"] == "not_testable" and world["parts"][0]["reason"] == "no photographs"
    assert claims_of(two_arms(tmp_path / "real", 170, 140), part)["verdict"] == "holds"
