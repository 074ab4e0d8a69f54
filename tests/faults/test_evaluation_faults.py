"""What evaluation does when something is wrong: a named error, and earlier results untouched."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from concord3d import files
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import BadCloud, CheckpointCorrupt, ConcordError, ConfigError, DiskFull, EvaluationError
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.results import ProtocolResult, Record, write_result
from concord3d.protocols.loading import parse

ENCODER = {"name": "pointnet"}


def clouds(split: str, num_shapes: int) -> CloudSplit:
    points = np.random.default_rng(num_shapes).normal(size=(num_shapes, 12, 3)).astype(np.float32)
    labels = np.arange(num_shapes) % 3
    names = tuple(f"{split}{i}" for i in range(num_shapes))
    return CloudSplit("modelnet40", split, "synthetic", points, labels, ("a", "b", "c"), names)


@pytest.fixture
def job(tmp_path: Path) -> EvaluationJob:
    path = tmp_path / "model.safetensors"
    save_weights(build_point_encoder(ENCODER), path)
    run_config = {
        "experiment": "mm_point",
        "label": "MM-Point",
        "seed": 1,
        "scale": "smoke",
        "method": "random_init",
        "objective": {},
        "encoder": ENCODER,
        "data": {"num_points": 8},
    }
    train, test = clouds("train", 30), clouds("test", 12)
    return EvaluationJob(run_config, path, [], train, test, "linear_svm", {}, tmp_path / "result", "cpu")


def assert_refused(job: EvaluationJob, error: type[ConcordError], text: str) -> None:
    """The job fails with the named error and leaves what was there before it."""
    for suffix in (".json", ".npz"):
        Path(f"{job.out}{suffix}").write_text("earlier")
    with pytest.raises(error, match=text):
        evaluate(job)
    assert sorted(path.name for path in job.out.parent.glob("result*")) == ["result.json", "result.npz"]
    for suffix in (".json", ".npz"):
        assert Path(f"{job.out}{suffix}").read_text() == "earlier"
    assert not list(job.out.parent.glob(".partial-*"))


def with_points(split: CloudSplit, points: np.ndarray) -> CloudSplit:
    return replace(split, points=points.astype(np.float32))


@pytest.mark.parametrize(
    ("protocol", "settings", "hint"),
    [
        ("linear_smv", {}, "linear_svm"),
        ("linear_svm", {"cv_fold": 5}, "cv_folds"),
        ("classification", {"as_publishd": True}, "as_published"),
        ("few_shot", {"num_runs": 1}, "num_runs"),
        ("linear_svm", {"c_grid": []}, "c_grid"),
        ("linear_svm", {"c_grid": [-1.0]}, "c_grid"),
        ("semantic_segmentation", {"test_area": [1]}, "test_areas"),
        ("knn", {"num_neighbours": "many"}, "num_neighbours"),
    ],
)
def test_unknown_names_and_impossible_values_name_the_key(protocol: str, settings: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        parse(protocol, settings)


def test_misspelt_setting_leaves_earlier_results(job: EvaluationJob) -> None:
    assert_refused(replace(job, settings={"num_point": 8}), ConfigError, "num_points")


def test_cloud_that_is_not_finite(job: EvaluationJob) -> None:
    points = job.test.points.copy()
    points[3, 2] = np.nan
    assert_refused(replace(job, test=with_points(job.test, points)), BadCloud, "not finite")


def test_fewer_points_than_asked(job: EvaluationJob) -> None:
    assert_refused(replace(job, settings={"num_points": 13}), BadCloud, "fewer points")


def test_single_class_in_the_training_split(job: EvaluationJob) -> None:
    train = replace(job.train, labels=np.zeros(30, dtype=np.int64))
    assert_refused(replace(job, train=train), EvaluationError, "two classes")


def test_labels_without_a_class(job: EvaluationJob) -> None:
    test = replace(job.test, labels=np.full(12, -1))
    assert_refused(replace(job, test=test), EvaluationError, "without a class")


def test_permuted_class_order(job: EvaluationJob) -> None:
    test = replace(job.test, class_names=("b", "a", "c"))
    assert_refused(replace(job, test=test), EvaluationError, "different classes")


def test_a_class_with_no_test_item_is_left_out_of_the_class_mean(job: EvaluationJob) -> None:
    evaluate(replace(job, test=job.test.subset(np.flatnonzero(job.test.labels != 2))))
    body = files.read_json(Path(f"{job.out}.json"))
    assert set(body["details"]["class_accuracy"]) == {"a", "b"}


def test_truncated_weights(job: EvaluationJob) -> None:
    job.model_path.write_bytes(job.model_path.read_bytes()[:1000])
    assert_refused(job, CheckpointCorrupt, "weights")


def test_weights_of_another_encoder(job: EvaluationJob) -> None:
    other = {**job.run_config, "encoder": {"name": "dgcnn", "k": 4, "emb_dims": 16}}
    assert_refused(replace(job, run_config=other), CheckpointCorrupt, "do not fit")


def test_weights_that_diverged(job: EvaluationJob) -> None:
    encoder = build_point_encoder(ENCODER)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.fill_(float("nan"))
    save_weights(encoder, job.model_path)
    assert_refused(job, EvaluationError, "not finite")


def test_constant_embeddings_score_chance_under_every_frozen_protocol(job: EvaluationJob) -> None:
    encoder = build_point_encoder(ENCODER)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    save_weights(encoder, job.model_path)
    protocols: dict[str, dict[str, Any]] = {
        "linear_svm": {},
        "knn": {"num_neighbours": 5, "purity_neighbours": 3},
        "few_shot": {"ways": [3], "shots": [3], "num_query": 5, "num_runs": 4},
    }
    for protocol, settings in protocols.items():
        evaluate(replace(job, protocol=protocol, settings=settings))
        for record in files.read_json(Path(f"{job.out}.json"))["records"]:
            expected = {"silhouette": 0.0, "knn_purity": 100 * 3 / 11}.get(record["metric"], 100 / 3)
            assert record["value"] == pytest.approx(expected), (protocol, record)


def test_constant_embeddings_cannot_be_mapped(job: EvaluationJob) -> None:
    encoder = build_point_encoder(ENCODER)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    save_weights(encoder, job.model_path)
    assert_refused(replace(job, protocol="tsne", settings={"perplexities": [3]}), EvaluationError, "equal")


def test_perplexity_above_the_number_of_items(job: EvaluationJob) -> None:
    assert_refused(replace(job, protocol="tsne", settings={"perplexities": [30]}), EvaluationError, "perplexity")


def test_more_neighbours_than_items(job: EvaluationJob) -> None:
    assert_refused(replace(job, protocol="knn", settings={"num_neighbours": 31}), EvaluationError, "neighbours")


def test_more_ways_than_classes(job: EvaluationJob) -> None:
    settings = {"ways": [5], "shots": [2], "num_query": 2}
    assert_refused(replace(job, protocol="few_shot", settings=settings), EvaluationError, "5-way")


def test_disk_full_while_writing_leaves_the_earlier_result(job: EvaluationJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert_refused(replace(job, protocol="knn", settings={"purity_neighbours": 3}), DiskFull, "full")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_not_finite_is_never_written(tmp_path: Path, value: float) -> None:
    result = ProtocolResult((Record("overall_accuracy", value, 3, 0.0, 1.0),))
    with pytest.raises(EvaluationError, match="not finite"):
        write_result(result, {}, tmp_path / "result")
    assert not list(tmp_path.iterdir())


def test_a_metric_without_a_unit_is_never_written(tmp_path: Path) -> None:
    result = ProtocolResult((Record("silhouette", 0.1, 3, 0.0, 0.2, unit=""),))
    with pytest.raises(EvaluationError, match="no unit"):
        write_result(result, {}, tmp_path / "result")
    assert not list(tmp_path.iterdir())


def test_outcomes_must_match_the_item_names(tmp_path: Path) -> None:
    result = ProtocolResult((), {"overall_accuracy__last": np.zeros(3)}, ("a", "b"))
    with pytest.raises(EvaluationError, match="item names"):
        write_result(result, {}, tmp_path / "result")
    assert not list(tmp_path.iterdir())
