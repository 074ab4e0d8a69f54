"""Verdicts on claims: every path, and nothing passed by default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.reporting.conftest import NUM_RESAMPLES
from tests.reporting.fabricate import ROOT, Fabricated, demo_like, outcomes

from concord3d.errors import ConfigError, ReportingError
from concord3d.layout import report_yaml
from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.claims.verdicts import evaluate_claims
from concord3d.reporting.evidence.published_values import read_published
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.specs.report_spec import load_report_spec
from concord3d.statistics.bootstrap import statistic_interval

HEAD = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
claims:
"""


def measured(parts: str) -> str:
    """Parts that measure the accuracy of a linear SVM on ModelNet40 where they do not say otherwise."""
    found = []
    for part in yaml.safe_load(f"[{parts}]"):
        place = {} if "over" in part else {"dataset": "modelnet40"}
        found.append({**place, "protocol": "linear_svm", "metric": "overall_accuracy", **part})
    return json.dumps(found)


def claim_text(parts: str) -> str:
    """A report with one claim."""
    return HEAD + f"  - {{id: X, text: a claim, whose: ours, origin: a test, parts: {parts}}}\n"


def claims_of(made: Fabricated, parts: str) -> dict[str, Any]:
    made.report(claim_text(measured(parts)))
    spec = load_report_spec(made.inputs.report_yaml)
    return evaluate_claims(load_results(made.inputs), spec, made.inputs, read_published(made.inputs.published_csv))[0]


def two_arms(root: Path, left: int, right: int, scale: str = "small", kind: str = "real") -> Fabricated:
    """Items are nested: the worse arm is right only where the better is."""
    made = Fabricated(root, scale, kind)
    for seed in (1, 2, 3):
        made.accuracy("left", outcomes(200, left + seed), seed)
        made.accuracy("right", outcomes(200, right + seed), seed)
    return made


PART = "{name: it, lhs: left, rhs: right}"


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [(170, 140, "holds"), (140, 170, "fails"), (150, 149, "undecided"), (150, 150, "undecided")],
)
def test_each_verdict_follows_from_the_interval(tmp_path: Path, left: int, right: int, verdict: str) -> None:
    claim = claims_of(two_arms(tmp_path, left, right), PART)
    assert claim["verdict"] == verdict
    assert claim["difference"] == pytest.approx(100 * (left - right) / 200)
    assert claim["ci_low"] <= claim["difference"] <= claim["ci_high"]
    assert (claim["n_items"], claim["n_seeds"], claim["basis"]) == (200, 3, "items and seeds")
    assert claim["scope"] == "real_reduced"


def test_the_interval_is_the_paired_one(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 160, 150)
    claim = claims_of(made, PART)
    left, right = (np.stack([outcomes(200, n + seed) for seed in (1, 2, 3)]) for n in (160, 150))
    arms = np.stack([left, right])
    expected = statistic_interval(lambda m: m[:, 0] - m[:, 1], arms, num_resamples=NUM_RESAMPLES).scaled(100)
    assert (claim["ci_low"], claim["ci_high"]) == (pytest.approx(expected.low), pytest.approx(expected.high))
    # Unpaired, the two proportions would give an interval about 16 points wide.
    assert claim["ci_high"] - claim["ci_low"] < 8


def test_a_missing_side_is_not_run_and_named(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("left", outcomes(50, 30))
    claim = claims_of(made, PART)
    assert claim["verdict"] == "not_run" and claim["difference"] is None
    assert claim["parts"][0]["verdict"] == "not_run" and "right (modelnet40, linear_svm" in claim["details"]
    made.expect("right")
    assert claims_of(made, PART)["parts"][0]["verdict"] == "missing"


def test_nothing_run_at_all_passes_nothing(tmp_path: Path, repository: Path) -> None:
    made = Fabricated(tmp_path)
    spec = load_report_spec(repository / report_yaml("mm_point"))
    claims = evaluate_claims(load_results(made.inputs), spec, made.inputs)
    assert [claim["id"] for claim in claims] == [f"C{n}" for n in range(1, 17)]
    verdicts = {claim["id"]: claim["verdict"] for claim in claims}
    assert verdicts.pop("C9") == "not_testable" and set(verdicts.values()) == {"not_run"}
    assert {claim["scope"] for claim in claims} == {"synthetic"}


def test_one_seed_says_what_its_interval_leaves_out(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("left", outcomes(200, 180))
    made.accuracy("right", outcomes(200, 150))
    claim = claims_of(made, PART)
    assert (claim["n_seeds"], claim["basis"]) == (1, "items")
    assert "leaves out how trainings differ" in claim["details"]


def test_seeds_that_only_one_side_has_do_not_count(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 150)
    made.accuracy("left", outcomes(200, 20), 4)
    claim = claims_of(made, PART)
    assert claim["n_seeds"] == 3 and claim["difference"] == pytest.approx(10)


def test_a_margin_widens_at_least(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 150, 152)
    assert claims_of(made, "{name: it, lhs: left, rhs: right, relation: '>=', margin: 8.0}")["verdict"] == "holds"
    assert claims_of(made, "{name: it, lhs: left, rhs: right, relation: '>='}")["verdict"] != "holds"


def test_equal_outcomes_decide_nothing_without_a_margin(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 150, 150)
    assert claims_of(made, "{name: it, lhs: left, rhs: right, relation: '>='}")["verdict"] == "undecided"
    assert claims_of(made, "{name: it, lhs: left, rhs: right, relation: '>=', margin: 1.0}")["verdict"] == "holds"
    assert claims_of(made, PART)["verdict"] == "undecided"


def test_all_parts_must_hold_and_one_failure_fails(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    back = "{name: back, lhs: right, rhs: left}"
    gone = "{name: gone, lhs: left, rhs: never, essential: false}"
    claim = claims_of(made, f"{PART}, {back}")
    assert claim["verdict"] == "fails" and claim["decided_by"] == "back" and claim["difference"] < 0
    partly = claims_of(made, f"{PART}, {gone}")
    assert partly["verdict"] == "holds" and partly["headline"].startswith("Holds on 1 of 2 parts, on real data")
    assert "Not run at this scale: gone (never (modelnet40, linear_svm, overall_accuracy))." in partly["details"]
    assert (partly["num_measured"], partly["num_parts"]) == (1, 2)
    # What the scale asks for and has not made stays a gap.
    made.expect("never")
    missing = claims_of(made, f"{PART}, {gone}")
    assert missing["verdict"] == "undecided" and "No result yet: gone" in missing["details"]


def test_without_an_essential_part_nothing_is_judged(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    for good in (PART, "{name: it, lhs: right, rhs: left}"):
        claim = claims_of(made, f"{good}, {{name: gone, lhs: left, rhs: never}}")
        assert claim["verdict"] == "not_run" and claim["headline"] == "Not run."
        assert claim["details"].startswith("Not judged, since") and claim["correction"] == "none: nothing is judged"
        assert claim["parts"][0]["verdict"] in ("holds", "fails"), "what was measured is shown"
    with pytest.raises(ConfigError, match="X has no essential part"):
        claims_of(made, "{name: it, lhs: left, rhs: right, essential: false}")


def test_mean_of_arms(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    for seed in (1, 2, 3):
        made.accuracy("middle", outcomes(200, 150 + seed), seed)
    mean = claims_of(made, "{name: it, lhs: left, rhs: {mean: [right, middle]}}")
    assert mean["difference"] == pytest.approx(12.5)
    with pytest.raises(ConfigError, match="max"):
        claims_of(made, "{name: it, lhs: left, rhs: {max: [right, middle]}}")


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


def test_a_failure_is_corrected_for_the_number_of_parts(tmp_path: Path) -> None:
    """A difference of 2.2 standard errors below 0 fails a claim of one part, and not one of ten."""
    made = Fabricated(tmp_path)
    for seed in (1, 2, 3):
        made.accuracy("left", outcomes(2000, 1200, 1), seed)
        made.accuracy("right", outcomes(2000, 1266, 2), seed)
    one = claims_of(made, PART)
    assert one["verdict"] == "fails" and one["ci_high_corrected"] == one["ci_high"] < 0
    assert one["correction"].startswith("none")
    others = ", ".join(f"{{name: other {n}, lhs: right, rhs: left}}" for n in range(9))
    ten = claims_of(made, f"{PART}, {others}")
    [low, *_] = [part for part in ten["parts"] if part["name"] == "it"]
    assert (low["ci_low"], low["ci_high"]) == (one["ci_low"], one["ci_high"]) and low["ci_high_corrected"] > 0
    assert ten["verdict"] == "undecided" and ten["correction"].startswith("fails: Bonferroni over the 10 parts")
    assert "Below 0 at 95 %, but not at the level corrected for 10 parts: it." in ten["details"]


def test_difference_of_differences_over_two_data_sets(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 150, 148)
    for seed in (1, 2, 3):
        made.accuracy("left", outcomes(100, 80 + seed), seed, dataset="scanobjectnn_obj_bg")
        made.accuracy("right", outcomes(100, 50 + seed), seed, dataset="scanobjectnn_obj_bg")
    there = "{experiment: %s, dataset: scanobjectnn_obj_bg}"
    part = f"{{name: it, lhs: {{minus: [{there % 'left'}, {there % 'right'}]}}, rhs: {{minus: [left, right]}}}}"
    claim = claims_of(made, part)
    assert claim["difference"] == pytest.approx(29) and claim["n_items"] == 300 and claim["verdict"] == "holds"


@pytest.mark.parametrize(("counts", "sign"), [([100, 130, 160, 190], 1), ([190, 160, 130, 100], -1)])
def test_trend_is_a_rank_correlation(tmp_path: Path, counts: list[int], sign: int) -> None:
    made = Fabricated(tmp_path)
    for seed in (1, 2):
        for views, count in enumerate(counts, start=1):
            made.accuracy(f"m{views}", outcomes(250, count), seed)
    claim = claims_of(made, "{name: it, trend: {x: [1, 2, 3, 4], terms: [m1, m2, m3, m4]}}")
    assert claim["difference"] == pytest.approx(sign)
    assert claim["verdict"] == ("holds" if sign > 0 else "fails")


def test_a_trend_over_two_settings_is_not_run(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    claim = claims_of(made, "{name: it, trend: {x: [1, 2, 3], terms: [left, right, never]}}")
    assert claim["verdict"] == "not_run" and "never" in claim["details"]


def test_training_figures_are_compared_over_seeds(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    part = (
        "{name: it, lhs: {experiment: left, history: mi_inter, at: last}, "
        "rhs: {experiment: left, history: mi_inter, at: first}}"
    )
    made.history("left", [1.0, 2.0, 3.0], 1)
    assert claims_of(made, part)["verdict"] == "undecided"
    made.history("left", [1.1, 2.0, 3.2], 2)
    claim = claims_of(made, part)
    assert (claim["verdict"], claim["n_items"], claim["n_seeds"], claim["basis"]) == ("holds", 0, 2, "seeds")
    assert claim["difference"] == pytest.approx(2.05)
    made.history("left", [5.0], 3)
    assert claims_of(made, part)["n_seeds"] == 2, "one snapshot has no first and last"


def test_one_epoch_has_no_first_beside_the_last(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    part = (
        "{name: it, lhs: {experiment: left, history: mi_inter, at: last}, "
        "rhs: {experiment: left, history: mi_inter, at: first}}"
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


def test_synthetic_evaluation_at_paper_scale_keeps_its_scope(tmp_path: Path) -> None:
    assert claims_of(two_arms(tmp_path, 170, 140, "paper", "synthetic"), PART)["scope"] == "synthetic"


def test_sides_tested_on_different_items_are_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("left", outcomes(50, 30))
    made.accuracy("right", outcomes(40, 30))
    with pytest.raises(ReportingError, match="same test items"):
        claims_of(made, PART)


def searched(made: Fabricated, experiment: str, right: int, without_text: list[int]) -> None:
    """Write two metrics of one protocol, one of which leaves some items out."""
    by_text, by_image = outcomes(100, right), outcomes(100, right + 4)
    by_text[without_text] = np.nan
    records = [
        Record(metric, 100 * float(np.nanmean(values)), int(np.isfinite(values).sum()), 0.0, 100.0)
        for metric, values in (("by_text", by_text), ("by_image", by_image))
    ]
    items = {"by_text__last": by_text, "by_image__last": by_image}
    made.write(ProtocolResult(tuple(records), items, made.names(100)), experiment, 1, "modelnet40", "retrieval")


BOTH = "{mean: [{experiment: %s, metric: by_text}, {experiment: %s, metric: by_image}]}"


def test_two_metrics_of_one_protocol_may_concern_different_items(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    searched(made, "left", 70, [1, 2])
    searched(made, "right", 50, [1, 2])
    part = f"{{name: it, lhs: {BOTH % ('left', 'left')}, rhs: {BOTH % ('right', 'right')}, protocol: retrieval}}"
    claim = claims_of(made, part)
    assert claim["ci_low"] > 0 and claim["n_items"] == 98 + 100
    assert claim["difference"] == pytest.approx(20, abs=0.6)


def test_one_metric_on_different_items_is_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    searched(made, "left", 70, [1, 2])
    searched(made, "right", 50, [1, 3])
    for metric in ("by_text", "by_image"):
        part = f"{{name: it, lhs: left, rhs: right, protocol: retrieval, metric: {metric}}}"
        if metric == "by_image":
            assert claims_of(made, part)["n_items"] == 100
            continue
        with pytest.raises(ReportingError, match="same test items"):
            claims_of(made, part)


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


def test_a_misspelt_key_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'margin'"):
        claims_of(Fabricated(tmp_path), "{name: it, lhs: left, rhs: right, margn: 1}")


def test_one_training_decides_nothing(tmp_path: Path) -> None:
    for name, left, right in (("good", 180, 150), ("bad", 150, 180)):
        made = Fabricated(tmp_path / name)
        made.accuracy("left", outcomes(200, left))
        made.accuracy("right", outcomes(200, right))
        claim = claims_of(made, PART)
        assert claim["verdict"] == "undecided" and abs(claim["difference"]) == pytest.approx(15)
    made.report(claim_text(measured(PART)).replace("claims:", "min_seeds: 1\nclaims:"))
    with pytest.raises(ConfigError, match="min_seeds"):
        load_report_spec(made.inputs.report_yaml)


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
    still = claims_of(longer(tmp_path / "still", 0), PART)
    assert still["converged"] and "Not converged" not in still["details"]


MEASURE = {"dataset": "modelnet40", "protocol": "linear_svm", "metric": "overall_accuracy"}


@pytest.mark.parametrize("left_out", MEASURE)
def test_a_part_names_what_it_measures(tmp_path: Path, left_out: str) -> None:
    made = two_arms(tmp_path, 170, 140)
    stated = {key: value for key, value in MEASURE.items() if key != left_out}
    part = {"name": "it", "lhs": "left", "rhs": "right", **stated}
    made.report(claim_text(json.dumps([part])))
    with pytest.raises(ConfigError, match=rf"line 7: .*'it' names no {left_out}"):
        load_report_spec(made.inputs.report_yaml)
    terms = {side: {"experiment": part[side], left_out: MEASURE[left_out]} for side in ("lhs", "rhs")}
    made.report(claim_text(json.dumps([{**part, **terms}])))
    assert load_report_spec(made.inputs.report_yaml).claims[0].parts[0].name == "it"


def test_what_measures_nothing_names_nothing(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    bound = "{experiment: left, history: mi_inter, at: %s}"
    made.report(claim_text(f"[{{name: it, lhs: {bound % 'last'}, rhs: {bound % 'first'}}}]"))
    assert load_report_spec(made.inputs.report_yaml).claims[0].parts[0].protocol == ""


def test_a_trend_and_one_part_per_experiment_name_their_place(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    term = '{"experiment": "left", "dataset": "modelnet40", "protocol": "linear_svm", "metric": "overall_accuracy"}'
    for part in (f"trend: {{x: [1, 2, 3], terms: [{term}, {term}, {term}]}}", f"lhs: {term}, for_each: []"):
        made.report(claim_text(f"[{{name: it, {part}}}]"))
        with pytest.raises(ConfigError, match="'it' names no dataset, protocol"):
            load_report_spec(made.inputs.report_yaml)


def test_the_order_of_data_sets_changes_no_verdict(tmp_path: Path) -> None:
    made = demo_like(tmp_path)
    content = yaml.safe_load((ROOT / report_yaml("mm_point")).read_text())
    found = []
    for order in (list(content["datasets"]), list(content["datasets"])[::-1]):
        made.report(json.dumps({**content, "datasets": {name: content["datasets"][name] for name in order}}))
        spec = load_report_spec(made.inputs.report_yaml)
        assert list(spec.datasets) == order
        published = read_published(made.inputs.published_csv)
        found.append(evaluate_claims(load_results(made.inputs), spec, made.inputs, published))
    assert found[0] == found[1] and {claim["verdict"] for claim in found[0]} > {"not_run"}


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
