"""The zero-shot protocol, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.protocols.aligned import CLASSES, aligned_job, assert_same_bytes_twice, clouds, measured, tower

from concord3d.errors import EvaluationError
from concord3d.protocols import zero_shot
from concord3d.protocols.evaluation.tower_features import TowerFeatures


def rows(count: int, seed: int, width: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def test_protocol(tmp_path: Path) -> None:
    records, arrays, details = measured(aligned_job(tmp_path, "zero_shot", {"ks": [1, 3]}, tower(22)))
    assert set(records) == {"top1", "top3", "class_mean_top1"}
    assert arrays["item_names"].tolist() == [f"test_{i}" for i in range(22)]
    by_class = [100 * arrays["top1__last"][np.arange(22) % 4 == c].mean() for c in range(4)]
    assert records["class_mean_top1"]["value"] == pytest.approx(np.mean(by_class))
    assert details["num_resamples"] == 0 and details["num_classes_tested"] == 4 and details["num_channels"] == 6
    assert np.isin(arrays["top1__last"], (0, 1)).all()


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "zero_shot", {"ks": [1]}, tower(22), num_points=40)
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


def test_small_clouds_are_resampled_and_averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[NDArray[np.float32]] = []
    outcomes: list[NDArray[np.float64]] = []

    def recording(embeddings: NDArray[np.float32], *rest: Any) -> dict[int, NDArray[np.float64]]:
        seen.append(embeddings)
        # Whatever a draw measures, the protocol reports the mean over the draws.
        outcomes.append((np.arange(22) % 4 < len(seen)).astype(np.float64))
        return {1: outcomes[-1]}

    monkeypatch.setattr(zero_shot, "zero_shot_correct", recording)
    job = aligned_job(tmp_path, "zero_shot", {"ks": [1], "num_resamples": 3}, tower(22), num_points=30)
    records, arrays, details = measured(job)
    assert len(seen) == 3 and not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])
    np.testing.assert_allclose(arrays["top1__last"], np.mean(outcomes, axis=0))
    assert details["num_resamples"] == 3 and details["num_points"] == 30 and details["num_points_stored"] == 24
    assert records["top1"]["ci_low"] < records["top1"]["value"] < records["top1"]["ci_high"]


def test_constant_embeddings_score_chance_in_the_protocol(tmp_path: Path) -> None:
    test = clouds("test", 20, 1)
    job = aligned_job(tmp_path, "zero_shot", {"ks": [1, 3]}, tower(20), test=test, constant=True)
    records, _, _ = measured(job)
    values = {metric: record["value"] for metric, record in records.items()}
    assert values == pytest.approx({"top1": 25.0, "top3": 75.0, "class_mean_top1": 25.0})


def test_a_class_without_test_items_is_left_out_of_the_class_mean(tmp_path: Path) -> None:
    test = clouds("test", 24, 1)
    test = test.subset(np.flatnonzero(test.labels != 2))
    records, arrays, details = measured(aligned_job(tmp_path, "zero_shot", {"ks": [1]}, tower(18), test=test))
    assert details["num_classes"] == 4 and details["num_classes_tested"] == 3
    assert set(details["class_accuracy"]) == set(CLASSES) - {"tall"}
    by_class = [100 * arrays["top1__last"][test.labels == c].mean() for c in (0, 1, 3)]
    assert records["class_mean_top1"]["value"] == pytest.approx(np.mean(by_class))


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (None, "class names, and there are none"),
        (TowerFeatures(rows(3, 0, 12)), "class names do not fit"),
        (TowerFeatures(rows(4, 0, 5)), "class names do not fit"),
        (TowerFeatures(np.full((4, 12), np.nan)), "not finite"),
    ],
)
def test_features_that_do_not_fit_are_refused(tmp_path: Path, features: TowerFeatures | None, text: str) -> None:
    with pytest.raises(EvaluationError, match=text):
        measured(aligned_job(tmp_path, "zero_shot", {"ks": [1]}, features))
    assert not list(tmp_path.glob("*__s2*"))


def test_more_places_than_classes_are_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"above the number of classes(.|\n)*leave 5 out of 'ks'"):
        measured(aligned_job(tmp_path, "zero_shot", {}, None))
