"""Detection is measured over all sweeps together, in the frame of the map, paired over scenes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_boxes import CLASSES, ENCODER, boxed_sweeps
from tests.protocols.small_jobs import check_contract, make_job

from concord3d.batches.boxed_sweeps import BoxedSweepData
from concord3d.data.formats.nuscenes_boxes import ATTRIBUTES
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import EvaluationError
from concord3d.measures.detection_quality import Boxes, detection_quality
from concord3d.measures.detection_rules import NUSCENES_DETECTION
from concord3d.models.centre_detector import CentreDetector, Found
from concord3d.models.factory import build_point_encoder
from concord3d.models.voxel_net import VoxelNet
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.judged_boxes import matched_sweeps
from concord3d.protocols.evaluation.predicted_boxes import Suppression, predicted_boxes
from concord3d.protocols.sweep_detection import qualities

TESTED = boxed_sweeps(("scene-0003", "scene-0012", "scene-0013"), 2, seed=5, split="val")
GROUPS = (("car",), ("pedestrian", "barrier"))
OBJECTIVE = {"map_widths": [12, 12], "map_layers": 1, "map_out_width": 12, "head_width": 8, "groups": GROUPS}


def detector(seed: int = 1) -> CentreDetector:
    torch.manual_seed(seed)
    encoder = build_point_encoder(ENCODER)
    assert isinstance(encoder, VoxelNet)
    return CentreDetector(encoder, GROUPS, (12, 12), 1, 12, 8).eval()


def detection_job(folder: Path, tested: SweepSplit = TESTED, **settings: Any) -> EvaluationJob:
    told = {"min_score": 0.0, "boxes_before": 30, "boxes_after": 8, **settings}
    job = make_job(folder, "sweep_detection", told, method="sweep_detection", module="detector")
    save_weights(detector(), job.model_path)
    run = {**job.run_config, "encoder": ENCODER, "data": {}, "objective": OBJECTIVE}
    return replace(job, train=None, test=tested, run_config=run)


class Knowing(torch.nn.Module):
    """It finds the true boxes of the tested sweeps, one after another, each twice, and knows what stands still."""

    class_names = ("car", "pedestrian", "barrier")

    def __init__(self, sweeps: SweepSplit) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        data = BoxedSweepData(sweeps, np.arange(len(sweeps)))
        self.truth = data.read(np.arange(len(sweeps)), torch.Generator()).boxes
        self.at = 0

    def found(self, points: list[torch.Tensor], num_boxes: int, min_score: float) -> list[list[Found]]:
        result = []
        for _ in points:
            boxes = torch.nan_to_num(self.truth[self.at])
            result.append([
                Found(boxes[[k, k]], torch.tensor([k, k]), torch.tensor([0.9, 0.8])) for k in range(2)
            ])  # fmt: skip
            self.at += 1
        return result


def found_by(told: Suppression) -> tuple[Boxes, Any]:
    knowing: Any = Knowing(TESTED)
    return predicted_boxes(knowing, TESTED, 4, 0.1, told, NUSCENES_DETECTION)


def test_true_boxes_are_perfect_predictions() -> None:
    boxes, scores = found_by(Suppression(10, 5, "rectangles", 0.2, 1.0))
    assert len(scores) == 12 and boxes.sweeps.tolist() == np.repeat(np.arange(6), 2).tolist()
    named = [ATTRIBUTES[number] for number in boxes.attributes]
    assert named[1:4] == ["pedestrian.moving", "vehicle.moving", "pedestrian.moving"]
    quality = detection_quality(matched_sweeps(TESTED, boxes, scores, NUSCENES_DETECTION), NUSCENES_DETECTION)
    by_class = dict(zip(NUSCENES_DETECTION.classes, quality.precisions.mean(axis=1), strict=True))
    assert by_class["car"] == pytest.approx(1) and by_class["pedestrian"] == pytest.approx(1)
    assert sum(by_class.values()) == pytest.approx(2)
    car = quality.errors[NUSCENES_DETECTION.classes.index("car")]
    np.testing.assert_allclose(car, 0, atol=2e-3)
    every, circles = Suppression(10, 5, "rectangles", 1.0, 1.0), Suppression(10, 5, "circles", 1.0, 0.5)
    assert len(found_by(every)[1]) == 24 and len(found_by(circles)[1]) == 12


def test_what_is_measured(tmp_path: Path) -> None:
    job = detection_job(tmp_path)
    evaluate(job)
    body, arrays = check_contract(job)
    assert {record["metric"] for record in body["records"]} == {"map", "nds"}
    assert arrays["item_names"].tolist() == ["scene-0003", "scene-0012", "scene-0013"]
    assert body["details"]["num_sweeps_tested"] == 6 and set(body["details"]["class_ap"]) == set(CLASSES[:-1])
    assert body["details"]["num_boxes_predicted"] <= 6 * 16
    told = Suppression(30, 8, "rectangles", 0.2, 1.0)
    boxes, scores = predicted_boxes(detector(), TESTED, 4, 0.0, told, NUSCENES_DETECTION)
    whole = detection_quality(matched_sweeps(TESTED, boxes, scores, NUSCENES_DETECTION), NUSCENES_DETECTION)
    values = {record["metric"]: record["value"] for record in body["records"]}
    assert values["map"] == pytest.approx(100 * whole.mean_ap)
    assert values["nds"] == pytest.approx(100 * whole.score(NUSCENES_DETECTION))


def test_outcomes_are_what_is_left_without_each_scene() -> None:
    assert TESTED.boxes is not None
    own = TESTED.boxes
    rows = np.flatnonzero(own.classes >= 0)
    noise = np.random.default_rng(0).normal(0, 1.2, (len(rows), 3))
    boxes = Boxes(
        own.sweeps[rows], own.classes[rows], own.centres[rows] + noise, own.sizes[rows], own.yaws[rows],
        own.velocities[rows], own.attributes[rows],
    )  # fmt: skip
    scores = np.linspace(0.9, 0.1, len(rows))
    scenes = [name.partition("/")[0] for name in TESTED.names]
    matches = matched_sweeps(TESTED, boxes, scores, NUSCENES_DETECTION)
    whole, outcomes = qualities(matches, scenes)
    assert whole.mean_ap > 0
    without = []
    for scene in range(3):
        kept = np.array([row for row in range(6) if row // 2 != scene])
        place = {int(row): number for number, row in enumerate(kept)}
        some = np.flatnonzero(np.isin(boxes.sweeps, kept))
        moved = boxes.at(some)._replace(sweeps=np.array([place[int(row)] for row in boxes.sweeps[some]]))
        part = matched_sweeps(TESTED.subset(kept), moved, scores[some], NUSCENES_DETECTION)
        without.append(detection_quality(part, NUSCENES_DETECTION).mean_ap)
    expected = whole.mean_ap + 2 * (np.mean(without) - np.array(without))
    np.testing.assert_allclose(outcomes["map"], expected)
    assert np.ptp(outcomes["map"]) > 0


def test_sweeps_that_cannot_be_judged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="have no boxes"):
        evaluate(detection_job(tmp_path, replace(TESTED, boxes=None)))
    with pytest.raises(EvaluationError, match="other classes than the benchmark"):
        evaluate(detection_job(tmp_path, replace(TESTED, class_names=CLASSES[::-1])))
