"""The consistency protocol, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.aligned import aligned_job, assert_same_bytes_twice, clouds, measured

from concord3d.errors import ConfigError, EvaluationError


@pytest.mark.parametrize("operator", ["point_cut_mix_r", "fps_mix", "point_mixup"])
def test_protocol(tmp_path: Path, operator: str) -> None:
    settings = {"weights": [0.0, 0.5, 1.0], "operator": operator}
    records, arrays, details = measured(aligned_job(tmp_path, "consistency", settings))
    expected = {f"consistency_{margin}{weight}" for margin in ("", "margin_") for weight in ("0", "0.5", "1")}
    assert set(records) == expected
    # A cloud mixed with weight 1 is the cloud itself, and this encoder does not see the order of its points.
    assert records["consistency_1"]["value"] == pytest.approx(1, abs=1e-5)
    assert records["consistency_0"]["value"] == pytest.approx(1, abs=1e-5)
    assert records["consistency_0.5"]["value"] < 1 - 1e-4
    assert details["operator"] == operator and details["mean_ratio_by_weight"]["0.5"] == pytest.approx(0.5)
    assert sorted(arrays["partner"]) == list(range(22))


def test_protocol_on_a_subset_keeps_the_names(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "consistency", {"weights": [0.5], "max_items": 9})
    _, arrays, _ = measured(job)
    names = arrays["item_names"].tolist()
    assert len(names) == 9 and names == sorted(names, key=lambda name: int(name.split("_")[1]))
    assert set(names) < {f"test_{i}" for i in range(22)}


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "consistency", {"weights": [0.3, 0.7]}, num_points=30)
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


def test_a_lambda_has_the_same_outcome_in_every_grid(tmp_path: Path) -> None:
    alone = measured(aligned_job(tmp_path, "consistency", {"weights": [0.7]}))[1]
    among = measured(aligned_job(tmp_path, "consistency", {"weights": [0.1, 0.7]}))[1]
    np.testing.assert_array_equal(alone["consistency_0.7__last"], among["consistency_0.7__last"])


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"operator": "cutmix"}, "point_cut_mix_r"),
        ({"weights": [0.5, 0.5]}, "different values"),
        ({"weights": [1.5]}, "less than or equal to 1"),
        ({"weights": []}, "weights"),
        ({"max_items": 1}, "max_items"),
        ({"mixing": {"num_patch": 4}}, "num_patches"),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, values: dict[str, object], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        measured(aligned_job(tmp_path, "consistency", values))


def test_a_split_with_one_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="at least 2 shapes"):
        measured(aligned_job(tmp_path, "consistency", {}, test=clouds("test", 1, 0)))
