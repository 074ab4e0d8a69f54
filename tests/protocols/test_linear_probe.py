"""The protocol of linear probing, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.aligned import CLASSES, aligned_job, assert_same_bytes_twice, clouds, measured

from concord3d.errors import ConfigError, EvaluationError


@pytest.mark.parametrize("layer", ["output", "backbone"])
def test_protocol(tmp_path: Path, layer: str) -> None:
    settings = {"layer": layer, "costs": [0.1, 1.0]}
    records, _, details = measured(aligned_job(tmp_path, "linear_probe", settings))
    assert set(records) == {"overall_accuracy", "mean_class_accuracy"}
    assert details["feature_dim"] == (12 if layer == "output" else 1024) and details["layer"] == layer
    assert details["cost"] in (0.1, 1.0) and set(details["held_out"]["accuracy_by_cost"]) == {"0.1", "1"}
    assert details["held_out"]["num_items"] == 4 and details["num_train"] == 40
    assert set(details["class_accuracy"]) == set(CLASSES)
    assert records["overall_accuracy"]["value"] > 60


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "linear_probe", {"costs": [1.0]})
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


def test_small_clouds_are_resampled_from_the_seed(tmp_path: Path) -> None:
    settings = {"costs": [1.0], "num_points": 50}
    values = []
    for seed in (0, 0, 1):
        job = aligned_job(tmp_path, "linear_probe", {**settings, "resample_seed": seed}, test=clouds("test", 60, 1))
        values.append(measured(job)[1]["overall_accuracy__last"])
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_an_encoder_without_a_projection_has_no_backbone_features(tmp_path: Path) -> None:
    from concord3d.models.factory import build_point_encoder
    from concord3d.models.weights import save_weights

    job = aligned_job(tmp_path, "linear_probe", {"layer": "backbone"})
    save_weights(build_point_encoder({"name": "pointnet"}), job.model_path)
    job = replace(job, run_config={**job.run_config, "encoder": {"name": "pointnet"}})
    with pytest.raises(EvaluationError, match="no features before a projection"):
        measured(job)
    records, _, details = measured(replace(job, settings={"costs": [1.0]}))
    assert details["feature_dim"] == 1024 and records["overall_accuracy"]["value"] > 60


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"costs": []}, "costs"),
        ({"layer": "trunk"}, "backbone"),
        ({"held_out_share": 1.0}, "held_out_share"),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, values: dict[str, object], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        measured(aligned_job(tmp_path, "linear_probe", values))
