"""Detection on KITTI: what is true is perfect, what is ignored costs nothing, rectangles are those of the labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_boxes import ENCODER, boxed_sweeps
from tests.protocols.small_jobs import check_contract, make_job

from concord3d.batches.boxed_sweeps import BoxedSweepData, opened
from concord3d.config.resolve import load_params
from concord3d.data.catalog import load_catalog
from concord3d.data.formats.kitti_labels import DIFFICULTIES, TYPES, read_labels
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import EvaluationError
from concord3d.measures.kitti_precision import kitti_average_precision
from concord3d.methods.interface import EarlierTraining
from concord3d.methods.settings import method_settings
from concord3d.models.centre_detector import CentreDetector
from concord3d.models.factory import build_point_encoder
from concord3d.models.voxel_net import VoxelNet
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.kitti_frames import CLASSES, MIN_OVERLAPS, kitti_frames, picture_heights
from concord3d.protocols.evaluation.predicted_boxes import FoundBoxes
from concord3d.protocols.kitti_detection import precisions
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train
from concord3d.workflow.plan import Plan
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"beams": 32, "azimuth_steps": 180, "height": 188, "width": 620}
GROUPS = [["car"], ["pedestrian"], ["cyclist"]]
OBJECTIVE = {"map_widths": [12, 12], "map_layers": 1, "map_out_width": 12, "head_width": 8, "groups": GROUPS}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kitti")
    build_dataset(WorldRecipe("kitti", {"train": 1, "val": 6}, None, 1, 7, OPTIONS), folder)
    return folder


@pytest.fixture(scope="module")
def tested(root: Path, repository: Path) -> SweepSplit:
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["kitti"]
    store = read_split(spec, root, "val", "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def found(tested: SweepSplit, rows: np.ndarray, classes: np.ndarray | None = None, shift: float = 0.0) -> FoundBoxes:
    """Boxes of the truth as predictions, the first with the best score."""
    true = tested.boxes
    assert true is not None
    boxes = np.column_stack([true.centres, true.sizes, true.yaws, np.zeros((len(true.yaws), 2))])[rows]
    boxes[:, 0] += shift * boxes[:, 3]
    own = true.classes[rows] if classes is None else classes
    return FoundBoxes(true.sweeps[rows], boxes, own, np.linspace(0.9, 0.2, len(rows)))


def wanted(tested: SweepSplit, name: str) -> np.ndarray:
    assert tested.boxes is not None
    own = (tested.boxes.classes == CLASSES.index(name)) & (tested.boxes.attributes >= 0)
    return np.flatnonzero(own & (tested.boxes.attributes <= list(DIFFICULTIES).index("moderate")))


def perfect(rows: np.ndarray) -> Any:
    """Of so few boxes KITTI's evaluation sees one recall a box and drops the first."""
    return pytest.approx((len(rows) - 1) / 40)


def precision(tested: SweepSplit, boxes: FoundBoxes, name: str = "car", difficulty: str = "moderate") -> float:
    return kitti_average_precision(kitti_frames(tested, boxes, name, difficulty), MIN_OVERLAPS[name])


def test_the_truth_is_perfect_and_a_shifted_one_is_not(tested: SweepSplit) -> None:
    cars = wanted(tested, "car")
    assert len(cars) >= 3
    for name in ("car", "pedestrian"):
        rows = wanted(tested, name)
        assert len(rows) > 2 and precision(tested, found(tested, rows), name) == perfect(rows)
    # A shift by s lengths along them leaves an overlap of at least (1 - s) / (1 + s).
    assert precision(tested, found(tested, cars, shift=0.05)) == perfect(cars)
    assert precision(tested, found(tested, cars, shift=1.1)) == 0
    assert precision(tested, found(tested, cars[:2])) == perfect(cars[:2])
    assert precision(tested, found(tested, np.zeros(0, np.int64))) == 0


def test_what_is_not_wanted_costs_nothing_and_what_is_invented_does(tested: SweepSplit) -> None:
    assert tested.boxes is not None
    true, cars = tested.boxes, wanted(tested, "car")
    harder = np.flatnonzero((true.classes == 0) & ~np.isin(np.arange(len(true.classes)), cars))
    assert len(harder)
    # Harder cars first, so that they would be the best predictions.
    assert precision(tested, found(tested, np.concatenate([harder, cars]))) == perfect(cars)
    partly_hidden = replace(true, attributes=true.attributes.copy())
    partly_hidden.attributes[harder[0]] = list(DIFFICULTIES).index("hard")
    changed = replace(tested, boxes=partly_hidden)
    every = found(changed, np.append(cars, harder[0]))
    assert precision(changed, every) == perfect(cars)
    # It is wanted where its prediction is high enough in the picture, which the label decides.
    high = int(picture_heights_of(tested, harder[:1])[0] >= 25)
    assert precision(changed, every, difficulty="hard") == perfect(np.arange(len(cars) + high))
    first = cars[np.argmax(picture_heights_of(tested, cars))]
    invented = found(tested, np.concatenate([[first], cars]))
    invented.boxes[0, 2] += 3.0
    invented.boxes[0, 5] = 2.5
    assert 0 < precision(tested, invented) < 0.9 * perfect(cars).expected
    # A sitting person is no pedestrian that must be found, and finding one is no error.
    walkers = wanted(tested, "pedestrian")
    sitting = replace(true, classes=true.classes.copy(), categories=true.categories.copy())
    sitting.classes[walkers[0]], sitting.categories[walkers[0]] = -1, TYPES.index("Person_sitting")
    changed = replace(tested, boxes=sitting)
    every = found(tested, walkers)
    assert precision(changed, every, "pedestrian") == perfect(walkers[1:])
    sitting.categories[walkers[0]] = TYPES.index("Tram")
    assert precision(changed, every, "pedestrian") < 0.9 * perfect(walkers[1:]).expected


def picture_heights_of(tested: SweepSplit, rows: np.ndarray) -> np.ndarray:
    true = tested.boxes
    assert true is not None
    every = np.column_stack([true.centres, true.sizes, true.yaws])
    return np.array([picture_heights(tested, int(true.sweeps[row]), every[[row]])[0] for row in rows])


def test_heights_in_the_picture_are_those_of_the_labels(tested: SweepSplit, root: Path) -> None:
    true = tested.boxes
    assert true is not None
    labels = [read_labels(root / f"kitti/training/label_2/{name[-6:]}.txt") for name in tested.names]
    expected = np.concatenate([each.rectangles[:, 3] - each.rectangles[:, 1] for each in labels])
    measured = picture_heights_of(tested, np.arange(len(expected)))
    # The stored picture has about half as many pixels, of which the outermost have half a pixel less.
    np.testing.assert_allclose(measured, expected, rtol=0.02, atol=1.5)
    # What is behind the camera has none, nor what is beside the picture.
    away = np.array([[-10, 0, 0, 4, 2, 1.5, 0], [5, 40, 0, 4, 2, 1.5, 0.0]])
    assert picture_heights(tested, 0, away).tolist() == [0, 0]


def test_predictions_that_are_low_in_the_picture_are_no_errors(tested: SweepSplit) -> None:
    cars = wanted(tested, "car")
    boxes = found(tested, np.concatenate([cars[:1], cars]))
    boxes.boxes[0, 0], boxes.boxes[0, 1] = -20.0, 0.0
    assert precision(tested, boxes) == perfect(cars)
    boxes.boxes[0, 0], boxes.boxes[0, 2] = 8.0, 0.5
    assert precision(tested, boxes) < 0.9 * perfect(cars).expected


def test_outcomes_have_the_mean_of_the_classes_that_are_there(tested: SweepSplit) -> None:
    boxes = found(tested, np.concatenate([wanted(tested, "car")[1:], wanted(tested, "pedestrian")]))
    frames = {name: kitti_frames(tested, boxes, name, "moderate") for name in CLASSES}
    outcomes = precisions(frames, list(range(len(tested))), len(tested))
    assert set(outcomes) == {"map", "ap_car", "ap_pedestrian"}
    assert outcomes["ap_car"].mean() == pytest.approx(precision(tested, boxes))
    both = [precision(tested, boxes, name) for name in ("car", "pedestrian")]
    assert min(both) > 0 and outcomes["map"].mean() == pytest.approx(np.mean(both))
    none = {"cyclist": frames["cyclist"]}
    with pytest.raises(EvaluationError, match="No true box must be found"):
        precisions(none, list(range(len(tested))), len(tested))


def detection_job(folder: Path, tested: SweepSplit, **settings: Any) -> EvaluationJob:
    told = {"min_score": 0.0, "boxes_before": 30, "boxes_after": 8, **settings}
    job = make_job(folder, "kitti_detection", told, method="sweep_detection", module="detector")
    torch.manual_seed(1)
    encoder = build_point_encoder({**ENCODER, "reach_mm": 25600, "cell_mm": [400, 200]})
    assert isinstance(encoder, VoxelNet)
    save_weights(CentreDetector(encoder, GROUPS, (12, 12), 1, 12, 8), job.model_path)
    own = {"encoder": {**ENCODER, "reach_mm": 25600, "cell_mm": [400, 200]}, "data": {}, "objective": OBJECTIVE}
    return replace(job, train=None, test=tested, run_config={**job.run_config, **own})


def test_what_is_measured(tmp_path: Path, tested: SweepSplit) -> None:
    job = detection_job(tmp_path, tested, num_blocks=3)
    evaluate(job)
    body, arrays = check_contract(job)
    assert {record["metric"] for record in body["records"]} == {"map", "ap_car", "ap_pedestrian"}
    assert arrays["item_names"].tolist() == [f"frames from {tested.names[row]}" for row in (0, 2, 4)]
    assert body["details"]["num_boxes_wanted"]["car"] == len(wanted(tested, "car"))
    assert 0 < body["details"]["num_boxes_predicted"] <= 6 * 3 * 8


def test_other_sweeps_are_refused(tmp_path: Path, tested: SweepSplit) -> None:
    for changed, message in (
        (boxed_sweeps(), "no frames of KITTI"),
        (replace(tested, boxes=None), "no frames of KITTI"),
        (replace(tested, class_names=("pedestrian", "car", "cyclist")), "other classes"),
    ):
        with pytest.raises(EvaluationError, match=message):
            evaluate(detection_job(tmp_path, changed))


def test_a_detector_learns_from_what_the_picture_shows(tested: SweepSplit) -> None:
    data = BoxedSweepData(tested, np.arange(len(tested)))
    data.validated()
    batch = data.read(np.arange(2), torch.Generator())
    told = tested.extra["annotated"]
    for row, points in enumerate(batch.points):
        shown = told[tested.offsets[row] : tested.offsets[row + 1]]
        assert len(points) == shown.sum() < len(shown) and (points[:, 0] > 0).all()
    every = replace(tested, extra={"annotated": np.ones_like(told)})
    assert BoxedSweepData(every, data.rows).identity != data.identity


def test_what_smoke_trains_and_tests_has_boxes(tmp_path: Path, repository: Path) -> None:
    """One frame with labels, whose boxes hold points, and boxes in the tested ones that must be found."""
    plan = Plan(repository, load_params({"scale": "smoke", "papers": ["cmcr"]}))
    build_dataset(WorldRecipe(**plan.node("raw/world_smoke/kitti").recipe), tmp_path / "world")
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["kitti"]
    for split in ("train", "val"):
        read_split(spec, tmp_path / "world", split, "synthetic").save(tmp_path / f"{split}.npz")
    told = plan.node("cmcr/train/kitti_detected_cmcr_20__s1").recipe
    run = {**told, "training": {**told["training"], "threads": 1}, "needs": {}}
    data = opened(run, method_settings("sweep_detection", run["objective"]), {"sweeps": [tmp_path / "train.npz"]})
    torch.manual_seed(0)
    save_weights(build_point_encoder(run["encoder"]), tmp_path / "point")
    start = {"method": "random_init", "encoder": run["encoder"]}
    needs = {"init": EarlierTraining(start, {"point": tmp_path / "point"})}
    train(TrainingTask(run, data, tmp_path / "work", tmp_path / "out", needs, device="cpu", progress=False))
    [[protocol, _, settings]] = plan.node("cmcr/eval/kitti_detected_cmcr_20__detector__s1").recipe["protocols"]
    job = make_job(tmp_path, protocol, settings, method="sweep_detection", module="detector")
    job.model_path.write_bytes(TrainingFolder(tmp_path / "out").weights("detector").read_bytes())
    store = SweepSplit.load(tmp_path / "val.npz")
    own = {key: run[key] for key in ("encoder", "data", "objective")}
    job = replace(job, train=None, test=store, run_config={**job.run_config, **own})
    evaluate(job)
    body, _ = check_contract(job)
    assert {"map", "ap_car"} <= {record["metric"] for record in body["records"]}
    assert body["details"]["num_boxes_predicted"] > 0 and body["details"]["num_boxes_wanted"]["car"] > 0
