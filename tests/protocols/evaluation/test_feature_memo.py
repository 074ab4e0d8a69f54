"""Features that protocols share: what keeps them apart, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.protocols.aligned import aligned_job, clouds

from concord3d.features.cloud_form import CloudForm
from concord3d.models.weights import read_tensors, save_tensors
from concord3d.protocols.evaluation import job as job_module
from concord3d.protocols.evaluation.feature_memo import Encoded, FeatureMemo
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.interface import AlignedSettings, FrozenSettings

FEW = np.array([0, 3, 5])
VARIANTS: dict[str, Callable[[EvaluationJob], NDArray[np.float32]]] = {
    "plain": lambda job: job.encoding(FrozenSettings(), 16).features("test"),
    "split": lambda job: job.encoding(FrozenSettings(), 16).features("train"),
    "points": lambda job: job.encoding(FrozenSettings(num_points=9), 16).features("test"),
    "normalised": lambda job: job.encoding(FrozenSettings(normalise=True), 16).features("test"),
    "layer": lambda job: job.encoding(FrozenSettings(), 16).features("test", "backbone"),
    "drawn": lambda job: job.encoding(AlignedSettings(num_points=30), 16).features("test"),
    "drawn again": lambda job: job.encoding(AlignedSettings(num_points=30), 16).features("test", draw=1),
    "another seed": lambda job: job.encoding(AlignedSettings(num_points=30, resample_seed=1), 16).features("test"),
    "rows": lambda job: job.encoding(FrozenSettings(), 16).features("test", rows=FEW),
    "other rows": lambda job: job.encoding(FrozenSettings(), 16).features("test", rows=FEW + 1),
    "snapshot": lambda job: job.encoding(FrozenSettings(), 16).features("test", snapshot=job.snapshot_paths[0]),
    "data set": lambda job: job.encoding(FrozenSettings(), 16).features("test"),
}


def variant_of(job: EvaluationJob, name: str) -> NDArray[np.float32]:
    other = replace(job, test=replace(clouds("test", 22, 7), dataset="other")) if name == "data set" else job
    return VARIANTS[name](other)


@pytest.fixture
def job(tmp_path: Path) -> EvaluationJob:
    """A job with a snapshot of other weights and one of the final weights."""
    found = aligned_job(tmp_path, "knn")
    tensors, _ = read_tensors(found.model_path)
    snapshots = [tmp_path / "epoch_0001.safetensors", tmp_path / "epoch_0002.safetensors"]
    save_tensors({name: t * 1.5 if t.is_floating_point() else t for name, t in tensors.items()}, snapshots[0])
    save_tensors(tensors, snapshots[1], {"epoch": "2"})
    return replace(found, snapshot_paths=snapshots)


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was extracted since."""
    calls: list[Any] = []
    original = job_module.extract_features
    monkeypatch.setattr(job_module, "extract_features", lambda *given: calls.append(given) or original(*given))
    return calls


def test_whatever_changes_the_features_keeps_them_apart(job: EvaluationJob, extracted: list[Any]) -> None:
    shared = replace(job, memo=FeatureMemo())
    for name in [*VARIANTS, *reversed(VARIANTS)]:
        np.testing.assert_array_equal(variant_of(shared, name), variant_of(job, name), err_msg=name)
    assert len(extracted) == len(VARIANTS) + 2 * len(VARIANTS)
    features = [variant_of(shared, name).tobytes() for name in VARIANTS]
    assert len(set(features)) == len(VARIANTS) and len(extracted) == 3 * len(VARIANTS)


def test_the_last_snapshot_has_the_features_of_the_final_weights(job: EvaluationJob, extracted: list[Any]) -> None:
    encoding = replace(job, memo=FeatureMemo()).encoding(FrozenSettings(), 16)
    final = encoding.features("test")
    assert encoding.features("test", snapshot=job.snapshot_paths[1]) is final and len(extracted) == 1


def test_jobs_without_a_memo_share_nothing(job: EvaluationJob, extracted: list[Any]) -> None:
    for _ in range(2):
        VARIANTS["plain"](job)
    assert len(extracted) == 2


def test_weights_differ_by_name_shape_and_value(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    others = [{"a": torch.zeros(3, 2), "b": torch.ones(4)}, {"a": torch.zeros(2, 3), "c": torch.ones(4)}]
    others.append({"a": torch.zeros(2, 3), "b": torch.full((4,), 2.0)})
    memo, digests = FeatureMemo(), set()
    for number, content in enumerate([tensors, *others]):
        save_tensors(content, tmp_path / f"{number}.safetensors")
        digests.add(memo.digest(tmp_path / f"{number}.safetensors"))
    assert len(digests) == 4


def test_older_features_are_dropped_beyond_the_limit() -> None:
    memo, made = FeatureMemo(max_bytes=100), []

    def features(number: int) -> NDArray[np.float32]:
        encoded = Encoded("weights", "world", "test", number, CloudForm())
        return memo.get(encoded, lambda: made.append(number) or np.full((10, 1), number, np.float32))

    for number in (1, 2, 2, 3, 3, 1):
        assert features(number)[0, 0] == number
    assert made == [1, 2, 3, 1]
