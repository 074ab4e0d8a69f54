"""The protocol of the linear SVM, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.protocols.small_jobs import CLASSES, TEST, TRAIN, check_contract, make_job, result_of

from concord3d.protocols.evaluation.evaluate import evaluate


def test_linear_svm_reports_both_selections(tmp_path: Path) -> None:
    job = make_job(tmp_path, "linear_svm", {})
    evaluate(job)
    body, arrays = check_contract(job)
    by_key = {(record["metric"], record["selection"]): record["value"] for record in body["records"]}
    assert set(by_key) == {
        (metric, selection)
        for metric in ("overall_accuracy", "mean_class_accuracy")
        for selection in ("last", "best_test")
    }
    details = body["details"]
    published = details["as_published"]
    assert by_key["overall_accuracy", "best_test"] == max(published["test_accuracy_by_snapshot"].values())
    assert published["cost"] == 0.01 and set(published["test_accuracy_by_snapshot"]) == {"epoch_0001", "epoch_0002"}
    assert details["num_points"] == 16 and details["feature_dim"] == 1024 and details["num_train"] == 48
    assert details["cost"] in map(float, details["cross_validation"]["accuracy_by_cost"])
    assert set(details["class_accuracy"]) == set(CLASSES)
    assert arrays["item_names"].tolist() == list(TEST.names)


def test_linear_svm_without_a_published_cost_says_so(tmp_path: Path) -> None:
    other = {"train": replace(TRAIN, dataset="mine"), "test": replace(TEST, dataset="mine")}
    evaluate(replace(make_job(tmp_path, "linear_svm", {}), **other))
    body, _ = result_of(make_job(tmp_path, "linear_svm", {}))
    assert {record["selection"] for record in body["records"]} == {"last"}
    assert "mine" in body["details"]["as_published"]["not_run"]
