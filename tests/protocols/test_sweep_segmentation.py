"""Segmentation of sweeps: what saved segmenters score on every point, and what comparisons of two of them need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.small_sweeps import CLASSES, ENCODER, sweeps
from tests.protocols.small_jobs import check_contract, make_job
from tests.reporting.claims.one_claim import claims_of
from tests.reporting.fabricate import Fabricated

from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError, EvaluationError
from concord3d.geometry.sweep_voxels import sweep_voxels
from concord3d.measures.sweep_confusion import SceneConfusions, mean_iou
from concord3d.models.factory import build_point_encoder
from concord3d.models.mink_unet import MinkUNet
from concord3d.models.sweep_segmenter import SweepSegmenter
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.statistics.jackknife import jackknife_interval

TESTED = sweeps(("scene-0003", "scene-0012", "scene-0013"), 4, seed=5, split="val")


def segmenter(num_classes: int = 3, seed: int = 0) -> SweepSegmenter:
    torch.manual_seed(seed)
    encoder = build_point_encoder(ENCODER)
    assert isinstance(encoder, MinkUNet)
    return SweepSegmenter(encoder, num_classes)


def sweep_job(folder: Path, tested: SweepSplit = TESTED, num_classes: int = 3, **settings: Any) -> EvaluationJob:
    job = make_job(folder, "sweep_segmentation", settings, method="sweep_segmentation", module="segmenter")
    save_weights(segmenter(num_classes), job.model_path)
    run_config = {**job.run_config, "encoder": ENCODER, "data": {}}
    return replace(job, train=None, test=tested, run_config=run_config)


def values(body: dict[str, Any]) -> dict[str, float]:
    return {record["metric"]: record["value"] for record in body["records"]}


def test_every_point_has_the_class_of_its_voxel_and_matrices_are_kept_by_sweep(tmp_path: Path) -> None:
    job = sweep_job(tmp_path, batch_size=5)
    evaluate(job)
    body, arrays = check_contract(job)
    module = segmenter().eval()
    confusions, shared = np.zeros((12, 3, 3), np.int64), 0
    for row in range(len(TESTED)):
        points = torch.from_numpy(TESTED.network_points(row))
        voxels = sweep_voxels([points], module.encoder.grid)
        shared += len(points) - len(voxels.first)
        with torch.no_grad():
            classes = module([points])[1].argmax(1)[voxels.inverse]
        if row == 0:
            np.testing.assert_array_equal(arrays["example_predicted"], classes.numpy())
            np.testing.assert_array_equal(arrays["example_truth"], TESTED.sweep(row).labels)
            np.testing.assert_array_equal(arrays["example_points"], points[:, :3].numpy().astype(np.float16))
        for guess, answer in zip(classes.tolist(), np.asarray(TESTED.sweep(row).labels).tolist(), strict=True):
            if answer >= 0:
                confusions[row, answer, guess] += 1
    np.testing.assert_array_equal(arrays["confusions"], confusions)
    assert shared > 50
    assert arrays["sweep_names"].tolist() == list(TESTED.names)
    assert arrays["item_names"].tolist() == ["scene-0003", "scene-0012", "scene-0013"]
    total = confusions.sum(axis=0)
    assert values(body)["miou"] == pytest.approx(100 * float(mean_iou(total)))
    assert values(body)["overall_accuracy"] == pytest.approx(100 * np.trace(total) / total.sum())
    assert list(values(body)) == ["miou", "fwiou", "overall_accuracy"]
    assert body["details"]["num_sweeps_tested"] == 12 and body["details"]["num_scenes_tested"] == 3
    assert set(body["details"]["class_iou"]) == set(CLASSES)
    assert all(record["n_items"] == 3 for record in body["records"])


def test_the_size_of_batches_changes_nothing(tmp_path: Path) -> None:
    found = []
    for size in (1, 12):
        job = sweep_job(tmp_path, batch_size=size)
        evaluate(job)
        found.append(check_contract(job)[1]["confusions"])
    np.testing.assert_array_equal(*found)


def test_an_even_spread_of_sweeps_may_be_tested(tmp_path: Path) -> None:
    job = sweep_job(tmp_path, max_sweeps=4)
    evaluate(job)
    names = check_contract(job)[1]["sweep_names"].tolist()
    assert names == [TESTED.names[row] for row in (0, 3, 6, 9)]
    with pytest.raises(ConfigError, match=r"(?s)fewer sweeps.*1 to 12.*13"):
        evaluate(sweep_job(tmp_path, max_sweeps=13))


def test_blocks_of_sweeps_may_stand_for_scenes(tmp_path: Path) -> None:
    one_drive = sweeps(("08",), 6, split="val")
    with pytest.raises(EvaluationError, match=r"(?s)One scene has no spread.*sweeps_per_block"):
        evaluate(sweep_job(tmp_path, one_drive))
    job = sweep_job(tmp_path, one_drive, sweeps_per_block=4)
    evaluate(job)
    body, arrays = check_contract(job)
    assert arrays["item_names"].tolist() == ["08/block000", "08/block001"]
    assert body["details"]["num_scenes_tested"] == 1
    by_dataset = sweep_job(tmp_path, one_drive, sweeps_per_block={one_drive.dataset: 2})
    evaluate(by_dataset)
    assert len(check_contract(by_dataset)[1]["item_names"]) == 3
    with pytest.raises(EvaluationError, match="One scene has no spread"):
        evaluate(sweep_job(tmp_path, one_drive, sweeps_per_block={"another": 2}))


@pytest.mark.parametrize(("rule", "extra"), [("one", 1.0), ("left_out", None)])
def test_a_class_that_is_neither_predicted_nor_true_counts_as_told(
    tmp_path: Path, rule: str, extra: float | None
) -> None:
    job = sweep_job(tmp_path, absent_class=rule)
    job = replace(job, test=replace(TESTED, class_names=(*CLASSES, "boat")))
    module = segmenter(4)
    with torch.no_grad():
        module.head.bias[3] = -1e6
    save_weights(module, job.model_path)
    evaluate(job)
    body, _ = check_contract(job)
    ious = [iou / 100 for name, iou in body["details"]["class_iou"].items() if name != "boat"]
    assert body["details"]["class_iou"]["boat"] is None
    assert values(body)["miou"] == pytest.approx(100 * np.mean([*ious, *([extra] if extra is not None else [])]))


def test_what_cannot_be_tested_is_refused(tmp_path: Path) -> None:
    labels = np.array(TESTED.labels)
    labels[7] = 3
    refused: list[tuple[SweepSplit, type[Exception], str]] = [
        (replace(TESTED, labels=None), EvaluationError, "no labels"),
        (replace(TESTED, class_names=("road", "car")), EvaluationError, "(?s)3 classes.*2 classes"),
        (replace(TESTED, labels=labels), EvaluationError, "True labels lie outside the classes"),
        (replace(TESTED, labels=np.full_like(labels, -1)), EvaluationError, "No tested point has a class"),
        (replace(TESTED, intensity_range=None), BadCloud, "no intensity"),
    ]
    for tested, error, message in refused:
        with pytest.raises(error, match=message):
            evaluate(sweep_job(tmp_path, tested))
    clouds = make_job(tmp_path, "knn", {}).test
    with pytest.raises(EvaluationError, match="needs sweeps"):
        evaluate(replace(sweep_job(tmp_path), test=clouds))


def scored(made: Fabricated, experiment: str, confusions: np.ndarray, seed: int) -> None:
    """Write what the protocol would of these matrices of scenes."""
    scenes = SceneConfusions.of(confusions, tuple(f"scene-{number:04d}" for number in range(len(confusions))))
    outcomes = scenes.miou_outcomes()
    records = (record_from_interval("miou", jackknife_interval(outcomes)),)
    result = ProtocolResult(records, {"miou__last": outcomes}, scenes.names)
    made.write(result, experiment, seed, "modelnet40", "sweep_segmentation")


def two_arms(folder: Path, gain: float, num_scenes: int = 24) -> tuple[dict[str, Any], float]:
    """A claim on two segmenters that err on the same scenes, the left one less often, and their true difference."""
    made, difference = Fabricated(folder), 0.0
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        hardness = np.random.default_rng(9).uniform(0.3, 0.9, (num_scenes, 1))
        totals = []
        for experiment, more in (("left", gain), ("right", 0.0)):
            right = rng.binomial(300, np.clip(hardness + more, 0, 1), (num_scenes, 3))
            confusions = np.stack([np.diag(row) + np.roll(np.diag(300 - row), 1, axis=1) for row in right])
            scored(made, experiment, confusions, seed)
            totals.append(float(mean_iou(confusions.sum(axis=0))))
        difference += 100 * (totals[0] - totals[1]) / 2
    part = "{name: it, lhs: left, rhs: right, protocol: sweep_segmentation, metric: miou}"
    return claims_of(made, part), difference


def test_a_claim_compares_two_mious_over_the_same_scenes(tmp_path: Path) -> None:
    claim, difference = two_arms(tmp_path, 0.05)
    assert claim["verdict"] == "holds" and claim["difference"] == pytest.approx(difference, abs=1e-4)
    assert (claim["n_items"], claim["n_seeds"], claim["basis"], claim["unit"]) == (24, 2, "items and seeds", "points")
    # Scenes differ by 20 points and more; without pairing the interval would be several times as wide.
    assert claim["ci_high"] - claim["ci_low"] < 5
    assert two_arms(tmp_path / "other", -0.05)[0]["verdict"] == "fails"
    assert two_arms(tmp_path / "same", 0.0)[0]["verdict"] == "undecided"
