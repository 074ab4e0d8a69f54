"""Small jobs on encoders of points alone, and what their files must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from concord3d.data.stores.objects import CloudSplit
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.job import EvaluationJob

CLASSES = ("flat", "long", "tall", "round")


ENCODERS: dict[str, dict[str, Any]] = {
    "pointnet": {"name": "pointnet"},
    "dgcnn": {"name": "dgcnn", "k": 4, "emb_dims": 16},
    "dgcnn_partseg": {"name": "dgcnn_partseg", "k": 4, "emb_dims": 16},
    "dgcnn_semseg": {"name": "dgcnn_semseg", "k": 4, "emb_dims": 16, "in_channels": 9},
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


def make_job(
    folder: Path,
    protocol: str,
    settings: dict[str, Any],
    encoder: str = "pointnet",
    method: str = "random_init",
    module: str = "point",
    build: Callable[[nn.Module], nn.Module] = lambda encoder: encoder,
) -> EvaluationJob:
    """A job on an untrained module with two snapshots; ``build`` makes the module around the encoder."""
    paths = []
    for step in (1, 2):
        torch.manual_seed(step)
        paths.append(folder / f"epoch_{step:04d}.safetensors")
        save_weights(build(build_point_encoder(ENCODERS[encoder])), paths[-1])
    run_config = {
        "experiment": "mm_point",
        "label": "MM-Point",
        "seed": 3,
        "scale": "smoke",
        "method": method,
        "objective": {},
        "encoder": ENCODERS[encoder],
        "data": {"num_points": 16},
    }
    out = folder / f"mm_point__modelnet40__{protocol}__s3"
    return EvaluationJob(run_config, paths[-1], paths, TRAIN, TEST, protocol, settings, out, "cpu", module=module)


def result_of(job: EvaluationJob) -> tuple[dict[str, Any], dict[str, Any]]:
    body = json.loads(Path(f"{job.out}.json").read_text())
    with np.load(f"{job.out}.npz", allow_pickle=False) as store:
        return body, dict(store)


def assert_traceable(body: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Every record has a unit, and outcomes per item or a reason for having none."""
    for record in body["records"]:
        assert record["unit"], record
        reasons = body["details"].get("without_items", {})
        assert (f"{record['metric']}__{record['selection']}" in arrays) != (record["metric"] in reasons), record


def check_contract(job: EvaluationJob) -> tuple[dict[str, Any], dict[str, Any]]:
    body, arrays = result_of(job)
    assert body["experiment"] == "mm_point" and "variant" not in body and body["protocol"] == job.protocol
    assert (body["seed"], body["scale"], body["data_kind"]) == (3, "smoke", "synthetic")
    assert body["dataset"] == job.test.dataset
    measured = {f"{record['metric']}__{record['selection']}": record for record in body["records"]}
    for record in body["records"]:
        assert set(record) == RECORD_KEYS
        assert record["ci_low"] - 1e-9 <= record["value"] <= record["ci_high"] + 1e-9
    outcomes = {key: values for key, values in arrays.items() if "__" in key}
    assert outcomes
    assert_traceable(body, arrays)
    for key, values in outcomes.items():
        assert values.dtype == np.float64 and values.shape == arrays["item_names"].shape
        factor = 100 if measured[key]["unit"] == "%" else 1
        assert measured[key]["value"] == pytest.approx(factor * values.mean())
    return body, arrays


FROZEN = {
    "linear_svm": {"cv_max_items": 40},
    "few_shot": {"ways": [3], "shots": [4, 6], "num_query": 5, "num_runs": 12},
    "knn": {"num_neighbours": 5, "purity_neighbours": 3},
    "occupancy_knn": {"resolution": 6},
    "tsne": {"perplexities": [3, 5], "max_iterations": 250, "purity_neighbours": 3},
}
