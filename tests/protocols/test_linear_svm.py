"""The protocol of the linear SVM, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC
from tests.protocols.small_jobs import CLASSES, TEST, TRAIN, check_contract, make_job, result_of

from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.linear_svm import Settings

SELECTIONS = ("last", "published", "best_test")


def trained_dgcnn(folder: Path, **settings: Any) -> EvaluationJob:
    return make_job(folder, "linear_svm", settings, encoder="dgcnn", method="mm_point")


def test_three_ways_to_choose_stand_side_by_side(tmp_path: Path) -> None:
    job = trained_dgcnn(tmp_path)
    evaluate(job)
    body, arrays = check_contract(job)
    by_key = {(record["metric"], record["selection"]): record["value"] for record in body["records"]}
    metrics = ("overall_accuracy", "mean_class_accuracy")
    assert set(by_key) == {(metric, selection) for metric in metrics for selection in SELECTIONS}
    details = body["details"]
    published, chosen, curves = (details[key] for key in ("as_published", "chosen_on_test", "test_accuracy_curve"))
    assert by_key["overall_accuracy", "published"] == max(published["test_accuracy_by_checkpoint"].values())
    assert published["cost"] == 0.01 and set(published["test_accuracy_by_checkpoint"]) == {"epoch_0001", "last"}
    assert set(curves) == {"epoch_0001", "last"}
    assert all(list(map(float, curve)) == list(Settings().curve_costs) for curve in curves.values())
    assert by_key["overall_accuracy", "best_test"] == max(chosen["test_accuracy_by_checkpoint"].values())
    best = max(value for curve in curves.values() for value in curve.values())
    assert by_key["overall_accuracy", "best_test"] == max(best, by_key["overall_accuracy", "last"])
    assert details["num_points"] == 16 and details["feature_dim"] == 32 and details["num_train"] == 48
    assert details["cost"] in map(float, details["cross_validation"]["accuracy_by_cost"])
    assert set(details["class_accuracy"]) == set(CLASSES)
    assert arrays["item_names"].tolist() == list(TEST.names)


def test_the_curve_is_that_of_a_classifier_per_cost(tmp_path: Path) -> None:
    job = trained_dgcnn(tmp_path, curve_costs=[0.01, 3.0])
    evaluate(job)
    details = result_of(job)[0]["details"]
    for name, path in zip(("epoch_0001", "last"), job.snapshot_paths, strict=True):
        encoding = job.encoding(Settings(), 16)
        train, test = (encoding.features(split, snapshot=path).astype(np.float64) for split in ("train", "test"))
        for cost in (0.01, 3.0):
            predicted = SVC(kernel="linear", C=cost).fit(train, TRAIN.labels).predict(test)
            literal = 100 * float((predicted == TEST.labels).mean())
            assert details["test_accuracy_curve"][name][f"{cost:g}"] == pytest.approx(literal)
    assert details["feature_rms"] == pytest.approx(float(np.sqrt((train**2).mean())), rel=1e-5)


def test_the_choice_on_the_test_split_is_never_worse_than_the_clean_one(tmp_path: Path) -> None:
    # The only C of the curve suits nothing, so the clean choice is the best candidate.
    job = make_job(tmp_path, "linear_svm", {"curve_costs": [1e-9]})
    evaluate(job)
    body, arrays = result_of(job)
    np.testing.assert_array_equal(arrays["overall_accuracy__best_test"], arrays["overall_accuracy__last"])
    assert body["details"]["chosen_on_test"]["checkpoint"] == "last"
    assert body["details"]["chosen_on_test"]["cost"] == body["details"]["cost"]


def test_the_clean_choice_does_not_depend_on_the_test_split(tmp_path: Path) -> None:
    found = []
    for folder, settings in (("a", {}), ("b", {"curve_costs": [], "as_published": False})):
        (tmp_path / folder).mkdir()
        job = make_job(tmp_path / folder, "linear_svm", settings)
        evaluate(job)
        found.append(result_of(job))
    assert {record["selection"] for record in found[1][0]["records"]} == {"last"}
    assert not {"as_published", "test_accuracy_curve", "chosen_on_test"} & set(found[1][0]["details"])
    assert found[0][0]["details"]["cost"] == found[1][0]["details"]["cost"]
    np.testing.assert_array_equal(*(arrays["overall_accuracy__last"] for _, arrays in found))


@pytest.mark.parametrize(
    ("encoder", "method", "reason"),
    [("pointnet", "mm_point", "here pointnet, trained"), ("dgcnn", "random_init", "here dgcnn, untrained")],
)
def test_the_published_rule_is_applied_to_the_encoder_whose_rule_it_is(
    tmp_path: Path, encoder: str, method: str, reason: str
) -> None:
    job = make_job(tmp_path, "linear_svm", {}, encoder=encoder, method=method)
    evaluate(job)
    body, _ = result_of(job)
    assert {record["selection"] for record in body["records"]} == {"last", "best_test"}
    assert reason in body["details"]["as_published"]["not_run"]


def test_linear_svm_without_a_published_cost_says_so(tmp_path: Path) -> None:
    other = {"train": replace(TRAIN, dataset="mine"), "test": replace(TEST, dataset="mine")}
    job = replace(trained_dgcnn(tmp_path, curve_costs=[]), **other)
    evaluate(job)
    body, _ = result_of(job)
    assert {record["selection"] for record in body["records"]} == {"last"}
    assert "mine" in body["details"]["as_published"]["not_run"]
    job = replace(trained_dgcnn(tmp_path, curve_costs=[], published_c=0.5), **other)
    evaluate(job)
    assert result_of(job)[0]["details"]["as_published"]["cost"] == 0.5
