"""Small jobs on encoders that are aligned with a tower."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tests.protocols.small_jobs import assert_traceable

from concord3d.data.stores.objects import CloudSplit
from concord3d.models.factory import build_point_encoder
from concord3d.models.projected import in_tower_space
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.tower_features import TowerFeatures

CLASSES = ("flat", "long", "tall", "round")
WIDTH = 12
ENCODER = {"name": "pointnet", "in_channels": 6}


def clouds(split: str, num_shapes: int, seed: int, num_points: int = 24, colored: bool = True) -> CloudSplit:
    """Boxes of four proportions, coloured by class where they are coloured."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num_shapes) % len(CLASSES)
    extent = np.array([[1, 0.1, 1], [0.1, 0.1, 1], [0.1, 1, 0.1], [1, 1, 1]])[labels]
    points = (rng.uniform(-1, 1, size=(num_shapes, num_points, 3)) * extent[:, None]).astype(np.float32)
    colors = np.broadcast_to((50 * labels)[:, None, None], points.shape).astype(np.uint8) if colored else None
    names = tuple(f"{split}_{i}" for i in range(num_shapes))
    return CloudSplit("world", split, "synthetic", points, labels, CLASSES, names, colors=colors)


def tower(num_shapes: int, seed: int = 0, num_views: int = 3, without_text: tuple[int, ...] = ()) -> TowerFeatures:
    """Random features; rows without text hold NaN, so that reading one is noticed."""
    rng = np.random.default_rng(seed)
    texts = rng.normal(size=(num_shapes, WIDTH)).astype(np.float16)
    has_text = ~np.isin(np.arange(num_shapes), without_text)
    texts[~has_text] = np.nan
    return TowerFeatures(
        rng.normal(size=(len(CLASSES), WIDTH)).astype(np.float32),
        rng.normal(size=(num_shapes, num_views, WIDTH)).astype(np.float16),
        texts,
        has_text,
        tuple(f"text {i}" for i in range(num_shapes)),
    )


def aligned_job(
    folder: Path,
    protocol: str,
    settings: dict[str, Any] | None = None,
    features: TowerFeatures | None = None,
    train: CloudSplit | None = None,
    test: CloudSplit | None = None,
    constant: bool = False,
    num_points: int = 16,
) -> EvaluationJob:
    """A job on a projected PointNet with random weights, or with weights that map every cloud to one point."""
    torch.manual_seed(5)
    encoder = in_tower_space(build_point_encoder(ENCODER), WIDTH)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if constant or name == "projection.bias":
                # Without weights the bias is all there is; with random ones it would hide the clouds.
                parameter.fill_(1.0 if constant and name == "projection.bias" else 0.0)
    path = folder / "model.safetensors"
    save_weights(encoder, path)
    run_config = {
        "experiment": "mm_mixing",
        "label": "MM-Mixing",
        "seed": 2,
        "scale": "smoke",
        "method": "random_init",
        "objective": {},
        "encoder": ENCODER,
        "data": {"num_points": num_points},
    }
    train = train or clouds("train", 40, 0)
    test = test or clouds("test", 22, 1)
    out = folder / f"mm_mixing__world__{protocol}__s2"
    return EvaluationJob(
        run_config, path, [], train, test, protocol, settings or {}, out, "cpu", tower=features or TowerFeatures()
    )


def measured(job: EvaluationJob) -> tuple[dict[str, dict[str, Any]], dict[str, NDArray[Any]], dict[str, Any]]:
    """Run a job, check its files against each other, and return records by metric, arrays and details."""
    evaluate(job)
    body = json.loads(Path(f"{job.out}.json").read_text())
    with np.load(f"{job.out}.npz", allow_pickle=False) as store:
        arrays = dict(store)
    records = {record["metric"]: record for record in body["records"]}
    assert len(records) == len(body["records"])
    assert_traceable(body, arrays)
    for record in records.values():
        assert record["selection"] == "last"
        assert record["ci_low"] - 1e-9 <= record["value"] <= record["ci_high"] + 1e-9
    outcomes = {key.removesuffix("__last"): values for key, values in arrays.items() if "__" in key}
    assert outcomes
    for metric, values in outcomes.items():
        assert values.dtype == np.float64 and values.shape == arrays["item_names"].shape
        takes_part = ~np.isnan(values)
        factor = 100 if records[metric]["unit"] == "%" else 1
        np.testing.assert_allclose(records[metric]["value"], factor * values[takes_part].mean(), atol=1e-9)
        assert records[metric]["n_items"] == takes_part.sum()
    return records, arrays, body["details"]


def assert_same_bytes_twice(job: EvaluationJob, again: EvaluationJob) -> None:
    """Both jobs leave the same two files."""
    evaluate(job)
    evaluate(again)
    for suffix in (".json", ".npz"):
        assert Path(f"{job.out}{suffix}").read_bytes() == Path(f"{again.out}{suffix}").read_bytes()
