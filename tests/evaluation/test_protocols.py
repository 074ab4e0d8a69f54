"""Every protocol from its job to its two files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from concord3d.data.stores.objects import CloudSplit
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.evaluation import job as job_module
from concord3d.evaluation.protocols import EvaluationJob, evaluate, evaluate_all
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights

CLASSES = ("flat", "long", "tall", "round")
ENCODERS: dict[str, dict[str, Any]] = {
    "pointnet": {"name": "pointnet"},
    "dgcnn": {"name": "dgcnn", "k": 4, "emb_dims": 16},
    "dgcnn_partseg": {"name": "dgcnn_partseg", "k": 4, "emb_dims": 16},
    "dgcnn_semseg": {"name": "dgcnn_semseg", "k": 4, "emb_dims": 16},
}
RECORD_KEYS = {"metric", "value", "n_items", "ci_low", "ci_high", "selection", "unit"}


def clouds(split: str, num_shapes: int, seed: int) -> CloudSplit:
    labels = np.arange(num_shapes) % 4
    extent = np.array([[1, 0.1, 1], [0.1, 0.1, 1], [0.1, 1, 0.1], [1, 1, 1]])[labels]
    points = (np.random.default_rng(seed).uniform(-1, 1, size=(num_shapes, 24, 3)) * extent[:, None]).astype(np.float32)
    parts = (2 * labels[:, None] + (points[..., 1] > 0)).astype(np.int64)
    names = tuple(f"{split}_{i}" for i in range(num_shapes))
    return CloudSplit("modelnet40", split, "synthetic", points, labels, CLASSES, names, part_labels=parts)


TRAIN, TEST = clouds("train", 48, 0), clouds("test", 20, 1)


def make_job(folder: Path, protocol: str, settings: dict[str, Any], encoder: str = "pointnet") -> EvaluationJob:
    paths = []
    for step in (1, 2):
        torch.manual_seed(step)
        paths.append(folder / f"epoch_{step:04d}.safetensors")
        save_weights(build_point_encoder(ENCODERS[encoder]), paths[-1])
    run_config = {
        "experiment": "mm_point",
        "label": "MM-Point",
        "seed": 3,
        "scale": "smoke",
        "encoder": ENCODERS[encoder],
        "data": {"num_points": 16},
    }
    out = folder / f"mm_point__modelnet40__{protocol}__s3"
    return EvaluationJob(run_config, paths[-1], paths, TRAIN, TEST, protocol, settings, out, "cpu")


def result_of(job: EvaluationJob) -> tuple[dict[str, Any], dict[str, Any]]:
    body = json.loads(Path(f"{job.out}.json").read_text())
    with np.load(f"{job.out}.npz", allow_pickle=False) as store:
        return body, dict(store)


def check_contract(job: EvaluationJob) -> tuple[dict[str, Any], dict[str, Any]]:
    body, arrays = result_of(job)
    assert body["experiment"] == "mm_point" and "variant" not in body and body["protocol"] == job.protocol
    assert (body["seed"], body["scale"], body["data_kind"]) == (3, "smoke", "synthetic")
    assert body["dataset"] == ("s3dis" if job.dataset else "modelnet40")
    measured = {f"{record['metric']}__{record['selection']}": record for record in body["records"]}
    for record in body["records"]:
        assert set(record) == RECORD_KEYS
        assert record["ci_low"] - 1e-9 <= record["value"] <= record["ci_high"] + 1e-9
    outcomes = {key: values for key, values in arrays.items() if "__" in key}
    assert outcomes
    for key, values in outcomes.items():
        assert values.dtype == np.float64 and values.shape == arrays["item_names"].shape
        factor = 100 if measured[key]["unit"] == "%" else 1
        assert measured[key]["value"] == pytest.approx(factor * values.mean())
    return body, arrays


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


FROZEN = {
    "linear_svm": {"cv_max_items": 40},
    "few_shot": {"ways": [3], "shots": [4, 6], "num_query": 5, "num_runs": 12},
    "knn": {"num_neighbours": 5, "purity_neighbours": 3},
    "occupancy_knn": {"resolution": 6},
    "tsne": {"perplexities": [3, 5], "max_iterations": 250, "purity_neighbours": 3},
}


@pytest.mark.parametrize("protocol", sorted(FROZEN))
def test_frozen_protocols_write_the_contract_and_the_same_bytes_twice(tmp_path: Path, protocol: str) -> None:
    job = make_job(tmp_path, protocol, FROZEN[protocol])
    evaluate(job)
    check_contract(job)
    again = replace(job, out=tmp_path / "again")
    evaluate(again)
    for suffix in (".json", ".npz"):
        assert Path(f"{job.out}{suffix}").read_bytes() == Path(f"{again.out}{suffix}").read_bytes()
    assert not list(tmp_path.glob(".partial-*"))


def test_few_shot_metrics_name_their_setting(tmp_path: Path) -> None:
    job = make_job(tmp_path, "few_shot", FROZEN["few_shot"])
    evaluate(job)
    body, arrays = check_contract(job)
    assert [record["metric"] for record in body["records"]] == ["accuracy_3way_4shot", "accuracy_3way_6shot"]
    assert body["records"][0]["n_items"] == 12 == len(arrays["accuracy_3way_4shot__last"])
    spread = body["details"]["settings"]["accuracy_3way_4shot"]
    assert spread["num_first_runs"] == 10 and spread["num_classes"] == 4
    assert spread["std"] == pytest.approx(100 * arrays["accuracy_3way_4shot__last"].std())


def test_tsne_keeps_one_map_per_perplexity(tmp_path: Path) -> None:
    job = make_job(tmp_path, "tsne", FROZEN["tsne"])
    evaluate(job)
    body, arrays = check_contract(job)
    assert body["details"]["maps"] == ["tsne_perplexity_3", "tsne_perplexity_5"]
    assert arrays["tsne_perplexity_3"].shape == (20, 2) and np.isfinite(arrays["tsne_perplexity_5"]).all()
    assert arrays["class_names"].tolist() == list(CLASSES)


def test_protocols_on_one_encoder_encode_each_split_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = job_module.extract_features

    def counting(*arguments: Any) -> Any:
        calls.append(len(arguments[1]))
        return original(*arguments)

    monkeypatch.setattr(job_module, "extract_features", counting)
    evaluate_all(make_job(tmp_path, name, FROZEN[name]) for name in ("linear_svm", "knn", "tsne"))
    # Two snapshots on two splits; the final weights are the second snapshot.
    assert sorted(calls) == [20, 20, 48, 48]
    shared, _ = result_of(make_job(tmp_path, "knn", FROZEN["knn"]))
    evaluate(make_job(tmp_path, "knn", FROZEN["knn"]))
    assert result_of(make_job(tmp_path, "knn", FROZEN["knn"]))[0] == shared


TINY = {"epochs": 2, "batch_size": 12}


@pytest.mark.parametrize("encoder", ["pointnet", "dgcnn"])
def test_finetune(tmp_path: Path, encoder: str) -> None:
    job = make_job(tmp_path, "finetune", {"k": 5, "training": {**TINY, "evaluate_every": 1}}, encoder)
    evaluate(job)
    body, _ = check_contract(job)
    assert {record["selection"] for record in body["records"]} == {"last", "best_test"}
    assert body["details"]["encoder"].get("k", 5) == 5 and len(body["details"]["loss_by_epoch"]) == 2


def test_part_segmentation(tmp_path: Path) -> None:
    job = make_job(tmp_path, "part_segmentation", {"k": 5, "training": TINY, "num_examples": 6}, "dgcnn_partseg")
    evaluate(job)
    body, arrays = check_contract(job)
    assert [record["metric"] for record in body["records"]] == ["instance_miou", "class_miou"]
    assert arrays["example_points"].shape == (6, 16, 3) and arrays["example_predicted"].shape == (6, 16)
    assert set(arrays["example_category"]) == {0, 1, 2, 3}
    assert set(body["details"]["category_miou"]) == set(CLASSES)


def rooms(num_blocks: int, seed: int) -> RoomBlocks:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_blocks, 16, 9)).astype(np.float32)
    areas = np.arange(num_blocks) % 3 + 1
    names = tuple(f"Area_{area}_office_{i % 2}/{i:05d}" for i, area in enumerate(areas))
    labels = (features[..., 2] > 0).astype(np.int64)
    return RoomBlocks("s3dis", "train", "synthetic", features, labels, ("a", "b", "c"), names, areas)


def semantic_job(folder: Path, settings: dict[str, Any]) -> EvaluationJob:
    job = make_job(folder, "semantic_segmentation", {"k": 4, "num_classes": 3, **settings}, "dgcnn_semseg")
    identity = {"dataset": "s3dis", "data_kind": "synthetic"}
    return replace(job, train=rooms(18, 0), test=rooms(9, 1), **identity)


def test_semantic_segmentation_of_the_given_split(tmp_path: Path) -> None:
    job = semantic_job(tmp_path, {"training": {"epochs": 1, "batch_size": 6}})
    evaluate(job)
    body, arrays = check_contract(job)
    assert {record["metric"] for record in body["records"]} == {"overall_accuracy", "miou"}
    assert len(arrays["item_names"]) == 9 and body["details"]["num_channels"] == 9
    assert body["details"]["class_iou"][2] in (None, 0.0)


def test_semantic_segmentation_over_folds(tmp_path: Path) -> None:
    job = semantic_job(tmp_path, {"training": {"epochs": 1, "batch_size": 6}, "test_areas": [1, 2, 3]})
    evaluate(job)
    body, arrays = check_contract(job)
    assert len(arrays["item_names"]) == 27 and body["details"]["test_areas"] == [1, 2, 3]
    assert set(body["details"]["loss_by_epoch"]) == {"area_1", "area_2", "area_3"}


def test_semantic_segmentation_of_clouds_uses_three_channels(tmp_path: Path) -> None:
    def as_clouds(blocks: RoomBlocks, split: str) -> CloudSplit:
        points = np.ascontiguousarray(blocks.features[..., :3])
        names = tuple(f"{room}/{i:05d}" for i, room in enumerate(blocks.rooms))
        none = np.full(len(points), -1)
        return CloudSplit("s3dis", split, "synthetic", points, none, ("a", "b", "c"), names, blocks.labels)

    job = semantic_job(tmp_path, {"training": {"epochs": 1, "batch_size": 6}})
    job = replace(job, train=as_clouds(rooms(18, 0), "train"), test=as_clouds(rooms(9, 1), "test"))
    evaluate(job)
    assert check_contract(job)[0]["details"]["num_channels"] == 3
