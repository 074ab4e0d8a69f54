"""Panoptic segmentation: objects are clusters of the points that a segmenter gives one class of things."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_sweeps import CLASSES, ENCODER, sweeps
from tests.protocols.small_jobs import check_contract, make_job
from tests.protocols.test_sweep_segmentation import segmenter

from concord3d.data.even_spread import even_spread
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import EvaluationError
from concord3d.measures.panoptic_quality import Segments, panoptic_counts, panoptic_quality, pq_dagger
from concord3d.measures.sweep_confusion import class_iou, confusion_matrix
from concord3d.models.sweep_segmenter import SweepSegmenter
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.panoptic_segmentation import clustered

# Of the three classes the first two are things here.
THINGS = 2


def with_objects(split: SweepSplit) -> SweepSplit:
    labels = np.asarray(split.labels)
    instance = (labels < THINGS) * (1 + (split.points[:, 0] > 0))
    return replace(split, extra={"panoptic": np.where(labels >= 0, 1000 * (labels + 1) + instance, 0)})


TESTED = with_objects(sweeps(("scene-0003", "scene-0012", "scene-0013"), 3, seed=5, split="val"))


def undecided_segmenter() -> SweepSegmenter:
    """Untrained weights that name every class somewhere."""
    module = segmenter(seed=23).eval()
    with torch.no_grad():
        points = [torch.from_numpy(TESTED.network_points(row)) for row in range(len(TESTED))]
        module.head.bias -= module(points)[1].mean(0)
    return module


def panoptic_job(folder: Path, tested: SweepSplit = TESTED, **settings: Any) -> EvaluationJob:
    told = {"num_things": THINGS, "reach": 0.8, "min_points": 3, **settings}
    job = make_job(folder, "panoptic_segmentation", told, method="sweep_segmentation", module="segmenter")
    save_weights(undecided_segmenter(), job.model_path)
    return replace(job, train=None, test=tested, run_config={**job.run_config, "encoder": ENCODER, "data": {}})


def test_objects_are_clusters_within_one_class_of_things() -> None:
    points = np.array([[0.0, 0, 0], [0.5, 0, 9], [3.0, 0, 0], [0.2, 0, 0], [3.0, 0, 0], [90.0, 0, 0]])
    found = clustered(points, np.array([0, 0, 0, 1, 2, 2]), 2, 1.0)
    assert found.numbers.tolist() == [0, 0, 1, 0, 0, 0] and found.classes.tolist() == [0, 0, 0, 1, 2, 2]


def test_quality_is_that_of_all_sweeps_together(tmp_path: Path) -> None:
    job = panoptic_job(tmp_path)
    evaluate(job)
    body, arrays = check_contract(job)
    module, counts, confusion = undecided_segmenter(), np.zeros((9, 3, 4)), np.zeros((3, 3), np.int64)
    for row in range(len(TESTED)):
        sweep = TESTED.sweep(row)
        with torch.no_grad():
            [classes] = module.point_classes([torch.from_numpy(TESTED.network_points(row))])
        truth = Segments(np.asarray(sweep.labels), np.asarray(sweep.extra["panoptic"]))
        counts[row] = panoptic_counts(clustered(sweep.points, classes.numpy(), THINGS, 0.8), truth, 3, 3)
        confusion += confusion_matrix(classes.numpy(), truth.classes, 3)
    np.testing.assert_allclose(arrays["counts"], counts)
    quality = panoptic_quality(counts.sum(axis=0))
    values = {record["metric"]: record["value"] for record in body["records"]}
    assert values == pytest.approx({
        "pq": 100 * quality.pq.mean(), "sq": 100 * quality.sq.mean(), "rq": 100 * quality.rq.mean(),
        "pq_dagger": 100 * float(pq_dagger(quality, class_iou(confusion), THINGS)),
        "pq_things": 100 * quality.pq[:THINGS].mean(),
    })  # fmt: skip
    assert values["pq_things"] > 0 and values["pq_dagger"] != values["pq"]
    assert set(body["details"]["class_pq"]) == set(CLASSES)
    assert arrays["item_names"].tolist() == ["scene-0003", "scene-0012", "scene-0013"]
    # Without the first scene, as the jackknife's outcomes say it.
    of_scenes = counts.reshape(3, 3, 3, 4).sum(axis=1)
    without = [panoptic_quality(np.delete(of_scenes, scene, axis=0).sum(axis=0)).pq.mean() for scene in range(3)]
    expected = values["pq"] / 100 + 2 * (np.mean(without) - np.array(without))
    np.testing.assert_allclose(arrays["pq__last"], expected)


def test_an_even_spread_of_sweeps_may_be_tested(tmp_path: Path) -> None:
    job = panoptic_job(tmp_path, max_sweeps=3, batch_size=2)
    evaluate(job)
    body, arrays = check_contract(job)
    assert arrays["sweep_names"].tolist() == [TESTED.names[row] for row in even_spread(9, 3, "")]
    assert body["details"]["num_sweeps_tested"] == 3


def test_sweeps_without_panoptic_labels_are_refused(tmp_path: Path) -> None:
    for extra in ({}, {"panoptic": np.zeros(len(TESTED.points), np.int32)}):
        with pytest.raises(EvaluationError, match=r"(?s)no panoptic labels.*nuScenes-panoptic"):
            evaluate(panoptic_job(tmp_path, replace(TESTED, extra=extra)))
