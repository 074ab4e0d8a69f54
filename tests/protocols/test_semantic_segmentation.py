"""Semantic segmentation: what saved segmenters score, on the test split and over left-out areas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.protocols.small_jobs import check_contract, make_job

from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import EvaluationError
from concord3d.models.area_segmenters import AreaSegmenters
from concord3d.models.dgcnn_semseg import SemSegmenter
from concord3d.models.factory import build_point_encoder
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob

AREAS = (1, 2, 3)


def rooms(split: str, num_blocks: int, seed: int, areas: tuple[int, ...]) -> RoomBlocks:
    features = np.random.default_rng(seed).normal(size=(num_blocks, 16, 9)).astype(np.float32)
    of = np.resize(areas, num_blocks)
    names = tuple(f"Area_{area}_office_{i // 2 % 2}/{i:05d}" for i, area in enumerate(of))
    labels = (features[..., 2] > 0).astype(np.int64)
    return RoomBlocks("s3dis", split, "synthetic", features, labels, ("floor", "wall", "beam"), names, of)


TRAIN, TEST = rooms("train", 18, 0, (1, 3)), rooms("test", 9, 1, (2,))


def semantic_job(folder: Path, method: str = "semantic_segmentation", **settings: Any) -> EvaluationJob:
    def build(encoder: torch.nn.Module) -> torch.nn.Module:
        if method == "semantic_segmentation":
            return SemSegmenter(encoder, 3)
        section = {"name": "dgcnn_semseg", "k": 4, "emb_dims": 16, "in_channels": 9}
        return AreaSegmenters({area: SemSegmenter(build_point_encoder(section), 3) for area in AREAS})

    (folder / method).mkdir(exist_ok=True)
    job = make_job(folder / method, "semantic_segmentation", settings, "dgcnn_semseg", method, "segmenter", build)
    return replace(job, train=TRAIN, test=TEST)


def with_left_out(job: EvaluationJob, area: int) -> EvaluationJob:
    return replace(job, run_config={**job.run_config, "objective": {"left_out_area": area}})


def labels(module: torch.nn.Module, blocks: RoomBlocks) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = module.eval()(torch.from_numpy(blocks.features)).argmax(dim=2).numpy()
    return found


def test_the_test_split_is_scored(tmp_path: Path) -> None:
    job = semantic_job(tmp_path)
    evaluate(job)
    body, arrays = check_contract(job)
    assert [record["metric"] for record in body["records"]] == ["overall_accuracy", "miou"]
    assert body["details"]["num_channels"] == 9 and body["details"]["test_areas"] == [2]
    assert arrays["item_names"].tolist() == list(TEST.names)
    right = (labels(job.load_module(), TEST) == TEST.labels).mean(axis=1)
    np.testing.assert_array_equal(arrays["overall_accuracy__last"], right)


def test_folds_label_each_area_by_the_segmenter_that_never_saw_it_and_are_added_up(tmp_path: Path) -> None:
    job = semantic_job(tmp_path, "area_folds", test_areas=[1, 2, 3])
    evaluate(job)
    body, arrays = check_contract(job)
    assert len(arrays["item_names"]) == 27 == len(set(arrays["item_names"]))
    assert body["details"]["test_areas"] == [1, 2, 3] and body["details"]["num_rooms_tested"] == 6
    module, right, inter, union = job.load_module(), {}, np.zeros(3), np.zeros(3)
    assert isinstance(module, AreaSegmenters)
    for split in (TRAIN, TEST):
        for area in set(split.areas.tolist()):
            blocks = split.subset(np.flatnonzero(split.areas == area))
            found = labels(module.by_area[str(area)], blocks)
            right.update(zip(blocks.names, (found == blocks.labels).mean(axis=1), strict=True))
            inter += [((found == c) & (blocks.labels == c)).sum() for c in range(3)]
            union += [((found == c) | (blocks.labels == c)).sum() for c in range(3)]
    assert dict(zip(arrays["item_names"].tolist(), arrays["overall_accuracy__last"], strict=True)) == right
    miou = next(record["value"] for record in body["records"] if record["metric"] == "miou")
    assert miou == pytest.approx(100 * np.mean((inter / union)[union > 0]))


def test_one_left_out_area_is_tested_wherever_its_blocks_lie(tmp_path: Path) -> None:
    job = with_left_out(semantic_job(tmp_path, test_areas=[3]), 3)
    evaluate(job)
    assert check_contract(job)[0]["details"]["test_areas"] == [3]


def test_what_was_trained_on_is_never_tested(tmp_path: Path) -> None:
    whole, single = semantic_job(tmp_path, test_areas=[2]), semantic_job(tmp_path)
    folds = semantic_job(tmp_path, "area_folds", test_areas=[1, 4])
    for job in (whole, with_left_out(whole, 3), with_left_out(single, 2), folds, replace(folds, settings={})):
        with pytest.raises(EvaluationError, match="trained on"):
            evaluate(job)
    with pytest.raises(EvaluationError, match="no blocks"):
        evaluate(with_left_out(replace(whole, settings={"test_areas": [7]}), 7))
    with pytest.raises(EvaluationError, match="needs blocks of rooms"):
        evaluate(replace(single, test=make_job(tmp_path, "knn", {}).test))
