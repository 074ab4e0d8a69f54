"""Verdicts on claims: every path, and nothing passed by default."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy import stats
from tests.reporting.claims.one_claim import PART, claim_text, claims_of, measured, two_arms
from tests.reporting.fabricate import ROOT, Fabricated, demo_like, outcomes

from concord3d.errors import ConfigError, ReportingError
from concord3d.layout import report_yaml
from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.claims.verdicts import evaluate_claims
from concord3d.reporting.evidence.published_values import read_published
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.specs.report_spec import load_report_spec


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


def literal_half_width(difference: NDArray[np.float64]) -> float:
    """Half of the interval of two experiments alone, from the two-way table (R, S) of their differences by hand.

    Each has half of the spread of their difference; what seeds share cancels.
    """
    num_seeds, num_items = difference.shape
    by_seed, by_item = difference.mean(axis=1), difference.mean(axis=0)
    rest = difference - by_seed[:, None] - by_item[None, :] + difference.mean()
    interaction = (rest**2).sum() / ((num_seeds - 1) * (num_items - 1)) / num_items
    among_seeds = by_seed.var(ddof=1)
    of_items = by_item.var(ddof=1) / num_items + (np.abs(by_item).max() / num_items) ** 2
    of_seeds = (among_seeds - interaction) / num_seeds
    variance = max(of_items + of_seeds, 0.75 * of_items)
    terms = of_items**2 / (num_items - 1)
    if of_seeds > 0:
        terms += (among_seeds / num_seeds) ** 2 / (num_seeds - 1)
    return float(stats.t.ppf(0.975, variance**2 / terms) * np.sqrt(variance))


def test_the_interval_is_the_paired_one(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 160, 150)
    claim = claims_of(made, PART)
    left, right = (100 * np.stack([outcomes(200, n + seed) for seed in (1, 2, 3)]) for n in (160, 150))
    half = literal_half_width(left - right)
    assert (claim["ci_low"], claim["ci_high"]) == (pytest.approx(5 - half), pytest.approx(5 + half))
    # Unpaired, the two proportions would give an interval about 16 points wide.
    assert claim["ci_high"] - claim["ci_low"] < 8


def test_a_missing_side_is_not_run_and_named(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("left", outcomes(50, 30))
    claim = claims_of(made, PART)
    assert claim["verdict"] == "not_run" and claim["difference"] is None
    assert claim["parts"][0]["verdict"] == "not_run" and "right: left out" in claim["details"]
    made.expect("right")
    assert claims_of(made, PART)["parts"][0]["verdict"] == "missing"


def test_nothing_run_at_all_passes_nothing(tmp_path: Path, repository: Path) -> None:
    made = Fabricated(tmp_path)
    spec = load_report_spec(repository / report_yaml("mm_point"))
    claims = evaluate_claims(load_results(made.inputs), spec, made.inputs)
    assert [claim["id"] for claim in claims] == [claim.id for claim in spec.claims]
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


def test_each_side_counts_all_its_seeds(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 150)
    made.accuracy("left", outcomes(200, 176), 4)
    claim = claims_of(made, PART)
    assert claim["n_seeds"] == 3 and claim["reason"] == "seeds: left 4, right 3"
    assert claim["difference"] == pytest.approx(100 * ((171 + 172 + 173 + 176) / 4 - 152) / 200)


def test_one_seed_takes_the_spread_of_the_other_experiments(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 150)
    made.accuracy("single", outcomes(200, 130), 1)
    claim = claims_of(made, "{name: it, lhs: left, rhs: single}")
    assert (claim["n_seeds"], claim["basis"]) == (1, "items and seeds")
    assert "one seed of single: how its trainings differ is taken from the other experiments" in claim["reason"]
    made.accuracy("random_init", outcomes(200, 60), 1)
    claim = claims_of(made, "{name: it, lhs: left, rhs: random_init}")
    assert "one seed of random_init: the interval leaves out how it varies" in claim["reason"]


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
    assert partly["verdict"] == "holds" and partly["headline"].startswith("Holds on 1 of 2 parts, tested on real data")
    assert "Not run at this scale: gone (never: left out)." in partly["details"]
    assert (partly["num_measured"], partly["num_parts"]) == (1, 2)
    # What the scale asks for and has not made stays a gap.
    made.expect("never")
    missing = claims_of(made, f"{PART}, {gone}")
    assert missing["verdict"] == "undecided" and "No result yet: gone" in missing["details"]


def test_mean_of_arms(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    for seed in (1, 2, 3):
        made.accuracy("middle", outcomes(200, 150 + seed), seed)
    mean = claims_of(made, "{name: it, lhs: left, rhs: {mean: [right, middle]}}")
    assert mean["difference"] == pytest.approx(12.5)
    with pytest.raises(ConfigError, match="max"):
        claims_of(made, "{name: it, lhs: left, rhs: {max: [right, middle]}}")


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
    assert "Failing at 95 %, but not at the level corrected for 10 parts: it." in ten["details"]


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
        "{name: it, lhs: {experiment: left, history: information_inter, at: last}, "
        "rhs: {experiment: left, history: information_inter, at: first}}"
    )
    made.history("left", [1.0, 2.0, 3.0], 1)
    assert claims_of(made, part)["verdict"] == "undecided"
    made.history("left", [1.1, 2.0, 3.2], 2)
    claim = claims_of(made, part)
    assert (claim["verdict"], claim["n_items"], claim["n_seeds"], claim["basis"]) == ("holds", 0, 2, "seeds")
    assert claim["difference"] == pytest.approx(2.05)
    made.history("left", [5.0], 3)
    assert claims_of(made, part)["n_seeds"] == 2, "one snapshot has no first and last"


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
    bound = "{experiment: left, history: information_inter, at: %s}"
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
