"""Verdicts on claims: every path, and nothing passed by default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from tests.reporting.fabricate import ROOT, Fabricated, demo_like, outcomes

from concord3d.errors import ConfigError, ReportingError
from concord3d.layout import report_yaml
from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.claims.comparisons import Comparison
from concord3d.reporting.claims.verdicts import combine, decide, evaluate_claims, scope_of
from concord3d.reporting.evidence.published_values import read_published
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.specs.report_spec import load_report_spec

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
    assert "right (modelnet40, linear_svm)" in claim["summary"]


def test_nothing_run_at_all_passes_nothing(tmp_path: Path, repository: Path) -> None:
    made = Fabricated(tmp_path)
    spec = load_report_spec(repository / report_yaml("mm_point"))
    claims = evaluate_claims(load_results(made.inputs), spec, made.inputs)
    assert [claim["id"] for claim in claims] == [f"C{n}" for n in range(1, 17)]
    assert {claim["verdict"] for claim in claims} == {"not_run"}
    assert {claim["scope"] for claim in claims} == {"synthetic"}


def test_one_seed_says_what_its_interval_leaves_out(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("left", outcomes(200, 180))
    made.accuracy("right", outcomes(200, 150))
    claim = claims_of(made, PART)
    assert (claim["n_seeds"], claim["basis"]) == (1, "items")
    assert "leaves out how trainings differ" in claim["summary"]


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
    gone = "{name: gone, lhs: left, rhs: never}"
    claim = claims_of(made, f"{PART}, {back}")
    assert claim["verdict"] == "fails" and claim["decided_by"] == "back" and claim["difference"] < 0
    partly = claims_of(made, f"{PART}, {gone}")
    assert partly["verdict"] == "undecided" and "Not run: gone" in partly["summary"]


def test_an_optional_part_is_left_out_where_the_scale_does_not_ask_for_it(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    optional = "{name: gone, lhs: left, rhs: never, optional: true}"
    assert [part["name"] for part in claims_of(made, f"{PART}, {optional}")["parts"]] == ["it"]
    made.expect("never")
    assert claims_of(made, f"{PART}, {optional}")["verdict"] == "undecided"


def test_max_and_mean_of_arms(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    for seed in (1, 2, 3):
        made.accuracy("middle", outcomes(200, 150 + seed), seed)
    largest = claims_of(made, "{name: it, lhs: left, rhs: {max: [right, middle]}}")
    mean = claims_of(made, "{name: it, lhs: left, rhs: {mean: [right, middle]}}")
    assert largest["difference"] == pytest.approx(10) and mean["difference"] == pytest.approx(12.5)


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
    assert claim["verdict"] == "not_run" and "never" in claim["summary"]


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


def test_for_each_method(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for experiment in ("left", "right", "random_init"):
        made.accuracy(experiment, outcomes(100, 60), selections=("last", "best_test"))
    part = "{name: each, lhs: {experiment: '*', selection: best_test}, rhs: {experiment: '*'}, for_each: [random_init]}"
    claim = claims_of(made, part)
    assert [part["name"] for part in claim["parts"]] == ["left", "right"]
    assert claim["difference"] == pytest.approx(1.0)


def test_published_values_are_compared_with_real_data_only(tmp_path: Path) -> None:
    part = "{name: it, lhs: left, rhs: 50.0}"
    real = claims_of(two_arms(tmp_path / "real", 170, 140), part)
    assert real["verdict"] == "holds" and real["difference"] == pytest.approx(36)
    made_up = claims_of(two_arms(tmp_path / "world", 170, 140, "demo", "synthetic"), part)
    assert made_up["verdict"] == "not_run" and "synthetic" in made_up["summary"]


@pytest.mark.parametrize(
    ("kinds", "scale", "trained", "scope"),
    [
        (["synthetic"], "paper", [], "synthetic"),
        (["real", "synthetic"], "paper", [], "synthetic"),
        (["real"], "paper", ["synthetic"], "real_reduced"),
        (["real"], "paper", ["mixed"], "real_reduced"),
        (["real"], "small", ["real"], "real_reduced"),
        (["real"], "paper", ["real"], "paper"),
        ([], "demo", [], "synthetic"),
    ],
)
def test_scope(kinds: list[str], scale: str, trained: list[str], scope: str) -> None:
    assert scope_of(kinds, scale, trained) == scope


@given(
    kinds=st.lists(st.sampled_from(["real", "synthetic"]), max_size=3),
    scale=st.sampled_from(["smoke", "demo", "small", "paper"]),
    trained=st.lists(st.sampled_from(["real", "synthetic", "mixed"]), max_size=2),
)
def test_synthetic_data_never_reach_the_paper(kinds: list[str], scale: str, trained: list[str]) -> None:
    if {"synthetic", "mixed"} & {*kinds, *trained} or scale != "paper":
        assert scope_of(kinds, scale, trained) != "paper"


def test_synthetic_evaluation_at_paper_scale_keeps_its_scope(tmp_path: Path) -> None:
    assert claims_of(two_arms(tmp_path, 170, 140, "paper", "synthetic"), PART)["scope"] == "synthetic"


@given(low=st.floats(-5, 5), width=st.floats(0, 5), relation=st.sampled_from([">", ">="]), margin=st.floats(0, 2))
def test_decide_never_holds_across_zero(low: float, width: float, relation: str, margin: float) -> None:
    verdict = decide(relation, Comparison(low + width / 2, low, low + width, 10, 2), margin)
    if verdict == "holds":
        assert low + margin >= 0
    if verdict == "fails":
        assert low + width + margin < 0


def test_no_number_is_never_a_verdict() -> None:
    assert decide(">", Comparison()) == "not_run"
    assert decide(">", Comparison(3.0)) == "undecided"
    assert combine([]) == "not_run"


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
    assert claim["verdict"] == "holds" and claim["n_items"] == 98 + 100
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
    over = "over: {ModelNet40: modelnet40, ModelNet10: modelnet10, elsewhere: s3dis}"
    claim = claims_of(made, f"{{lhs: left, rhs: right, {over}}}")
    assert [(part["name"], part["verdict"]) for part in claim["parts"]] == [
        ("ModelNet40", "holds"),
        ("ModelNet10", "fails"),
    ]
    named = claims_of(made, f"{{name: here, lhs: left, rhs: right, {over}}}")
    assert [part["name"] for part in named["parts"]] == ["here, ModelNet40", "here, ModelNet10"]
    for wrong in ("lhs: left, rhs: right", f"name: a, lhs: left, rhs: right, dataset: s3dis, {over}"):
        with pytest.raises(ConfigError, match=r"a part (needs a name|has either dataset or over)"):
            claims_of(made, f"{{{wrong}}}")


def test_a_data_set_is_left_out_only_where_nothing_is_evaluated_on_it(tmp_path: Path) -> None:
    made = two_arms(tmp_path, 170, 140)
    over = "over: {ModelNet40: modelnet40, ModelNet10: modelnet10}"
    claim = claims_of(made, f"{{lhs: left, rhs: never, {over}}}")
    assert claim["verdict"] == "not_run" and [part["name"] for part in claim["parts"]] == ["ModelNet40"]
    made.accuracy("left", outcomes(100, 50), 1, dataset="modelnet10")
    claim = claims_of(made, f"{{lhs: left, rhs: right, {over}}}")
    assert claim["verdict"] == "undecided" and "Not run: ModelNet10" in claim["summary"]
    nowhere = claims_of(made, "{lhs: left, rhs: right, over: {here: s3dis, there: shapenetpart}}")
    assert nowhere["verdict"] == "not_run" and [part["name"] for part in nowhere["parts"]] == ["here", "there"]
    optional = claims_of(made, f"{{lhs: left, rhs: never, optional: true, {over}}}")
    assert optional["verdict"] == "not_run" and not optional["parts"]


def test_a_misspelt_key_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'margin'"):
        claims_of(Fabricated(tmp_path), "{name: it, lhs: left, rhs: right, margn: 1}")


def test_a_report_may_ask_for_more_than_one_training(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("left", outcomes(200, 180))
    made.accuracy("right", outcomes(200, 150))
    assert claims_of(made, PART)["verdict"] == "holds"
    made.report(claim_text(measured(PART)).replace("claims:", "min_seeds: 2\nclaims:"))
    spec = load_report_spec(made.inputs.report_yaml)
    claim = evaluate_claims(load_results(made.inputs), spec, made.inputs)[0]
    assert claim["verdict"] == "undecided" and claim["difference"] == pytest.approx(15)


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
        (f"{{max: [{printed('Ours')}, {printed('Other')}]}}", printed("Other"), 0.7, "holds"),
        (f"{{mean: [{printed('Ours')}, {printed('Other')}]}}", printed("Other"), 0.35, "holds"),
    ],
)
def test_printed_values_are_compared_as_far_as_their_rounding_allows(
    tmp_path: Path, lhs: str, rhs: str, difference: float, verdict: str
) -> None:
    claim = printed_claim(tmp_path, lhs, rhs)
    assert claim["difference"] == pytest.approx(difference) and claim["verdict"] == verdict
    assert (claim["n_items"], claim["n_seeds"], claim["basis"], claim["scope"]) == (0, 0, "printed values", "paper")
    assert "(printed values)" in claim["summary"] and "published(one;" in claim["lhs"] + claim["rhs"]


def test_the_interval_of_printed_values_is_their_rounding(tmp_path: Path) -> None:
    claim = printed_claim(tmp_path, printed("Ours"), printed("Other"))
    assert (claim["ci_low"], claim["ci_high"]) == (pytest.approx(0.6), pytest.approx(0.8))


def test_a_value_that_was_not_recovered_decides_nothing(tmp_path: Path) -> None:
    claim = printed_claim(tmp_path, printed("Ours"), printed("Unread"))
    assert claim["verdict"] == "not_run" and "could not be read" in claim["summary"]


@pytest.mark.parametrize("selector", ["{table: one}", "{method: Nobody}"])
def test_a_published_value_must_be_one_cell(tmp_path: Path, selector: str) -> None:
    with pytest.raises(ReportingError, match="not one cell"):
        printed_claim(tmp_path, printed("Ours"), f"{{published: {selector}}}")


def test_a_measurement_stands_beside_a_printed_value_on_real_data_only(tmp_path: Path) -> None:
    part = f"{{name: it, lhs: left, rhs: {printed('Other')}}}"
    real, world = two_arms(tmp_path / "a", 170, 140), two_arms(tmp_path / "b", 170, 140, "demo", "synthetic")
    for made in (real, world):
        made.published(PRINTED_ROWS)
    claim = claims_of(real, part)
    assert claim["verdict"] == "holds" and claim["difference"] == pytest.approx(86 - 50.7)
    assert claims_of(world, part)["verdict"] == "not_run"
