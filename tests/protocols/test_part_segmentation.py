"""Part segmentation: parts by category, and what a saved segmenter scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.protocols.small_jobs import CLASSES, TEST, TRAIN, check_contract, make_job

from concord3d.errors import BadCloud, EvaluationError
from concord3d.measures.part_iou import shape_ious
from concord3d.models.dgcnn_partseg import PartSegmenter
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.part_segmentation import LabelledShapes, checked_shapes, parts_by_category


def test_parts_of_a_category_come_from_all_splits() -> None:
    def shapes(categories: list[int], parts: list[list[int]]) -> LabelledShapes:
        return LabelledShapes(np.zeros((len(parts), 2, 3), np.float32), np.array(categories), np.array(parts))

    assert parts_by_category(shapes([0], [[0, 1]]), shapes([0, 1], [[2, 0], [3, 3]])) == {0: (0, 1, 2), 1: (3,)}


def test_shapes_without_part_labels_are_refused() -> None:
    points, categories = np.zeros((2, 4, 3), np.float32), np.zeros(2, np.int64)
    with pytest.raises(EvaluationError, match="no part labels"):
        checked_shapes(points, categories, None, 4, "here")
    with pytest.raises(EvaluationError, match="negative"):
        checked_shapes(points, categories, np.full((2, 4), -1), 4, "here")
    with pytest.raises(BadCloud):
        checked_shapes(points, categories, np.zeros((2, 4), np.int64), 5, "here")


def test_part_segmentation(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        "part_segmentation",
        {"num_examples": 6},
        "dgcnn_partseg",
        method="part_segmentation",
        module="segmenter",
        build=lambda encoder: PartSegmenter(encoder, 4, 8),
    )
    evaluate(job)
    body, arrays = check_contract(job)
    metrics = [(record["metric"], record["selection"]) for record in body["records"]]
    assert metrics == [(m, s) for s in ("last", "best_test") for m in ("instance_miou", "class_miou")]
    assert arrays["example_points"].shape == (6, 16, 3) and arrays["example_predicted"].shape == (6, 16)
    assert set(arrays["example_category"]) == {0, 1, 2, 3}
    assert set(body["details"]["category_miou"]) == set(CLASSES)
    with torch.inference_mode():
        logits = job.load_module().eval()(torch.from_numpy(TEST.points[:, :16]), torch.from_numpy(TEST.labels))
    shapes = [checked_shapes(s.points, s.labels, s.part_labels, 16, "") for s in (TRAIN, TEST)]
    ious = shape_ious(logits.argmax(dim=2).numpy(), shapes[1].parts, TEST.labels, parts_by_category(*shapes))
    np.testing.assert_array_equal(arrays["instance_miou__last"], ious)
    scores = body["details"]["as_published"]["test_score_by_snapshot"]
    assert 100 * arrays["instance_miou__best_test"].mean() == pytest.approx(max(scores.values()))
