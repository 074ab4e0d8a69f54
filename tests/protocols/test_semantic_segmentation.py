"""Semantic segmentation: folds over areas, and a fine-tuning that learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.protocols.small_jobs import check_contract, make_job
from torch import nn

from concord3d.data.readers.s3dis_h5 import RoomBlocks
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.semantic_segmentation import LabelledBlocks, area_folds, cross_validate, join_blocks
from concord3d.training.fine_tuning_settings import FineTuning


def blocks(num_blocks: int, seed: int, num_channels: int = 9) -> LabelledBlocks:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_blocks, 24, num_channels)).astype(np.float32)
    areas = np.arange(num_blocks) % 3 + 1
    rooms = tuple(f"Area_{area}_room_{i // 3 % 2}" for i, area in enumerate(areas))
    labels = (features[..., 2] > 0).astype(np.int64) + (features[..., 2] > 1)
    return LabelledBlocks(features, labels, areas, rooms, tuple(f"b{i}" for i in range(num_blocks)))


def test_folds_leave_out_one_area_each() -> None:
    areas = np.array([1, 2, 3, 1, 2])
    folds = area_folds(areas, (1, 3))
    assert [(area, train.tolist(), test.tolist()) for area, train, test in folds] == [
        (1, [1, 2, 4], [0, 3]),
        (3, [0, 1, 3, 4], [2]),
    ]
    with pytest.raises(EvaluationError, match="Area 6"):
        area_folds(areas, (6,))
    with pytest.raises(EvaluationError, match="Area 1"):
        area_folds(np.array([1, 1]), (1,))


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 3))


def test_cross_validation_tests_each_block_once_learns_and_repeats() -> None:
    data = join_blocks(blocks(18, 0), blocks(12, 5))
    recipe = FineTuning(epochs=12, batch_size=6, label_smoothing=0.0)
    tested, predicted, losses = cross_validate(build, data, (1, 2, 3), recipe, seed=1)
    assert len(tested.names) == 30 and sorted(losses) == [1, 2, 3]
    assert (predicted == tested.labels).mean() > 0.8
    global_state = torch.random.get_rng_state()
    _, again, _ = cross_validate(build, data, (1, 2, 3), recipe, seed=1)
    np.testing.assert_array_equal(predicted, again)
    assert torch.equal(global_state, torch.random.get_rng_state())


def test_blocks_that_are_not_finite_are_refused() -> None:
    data = blocks(12, 0)
    data.features[3, 2, 1] = np.nan
    with pytest.raises(EvaluationError, match="not finite"):
        cross_validate(build, data, (1,), FineTuning(epochs=1, batch_size=4))


def rooms(num_blocks: int, seed: int) -> RoomBlocks:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_blocks, 16, 9)).astype(np.float32)
    areas = np.arange(num_blocks) % 3 + 1
    names = tuple(f"Area_{area}_office_{i % 2}" for i, area in enumerate(areas))
    return RoomBlocks(features, (features[..., 2] > 0).astype(np.int64), names, areas)


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
