"""Segmentation of corrupted sweeps: every condition is measured, related to a reference, and paired by scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.batches.small_sweeps import ENCODER, sweeps
from tests.protocols.small_jobs import check_contract, make_job
from tests.protocols.test_sweep_segmentation import segmenter

from concord3d.data.corruptions import CORRUPTIONS, condition_name, conditions
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import ConfigError, EvaluationError
from concord3d.measures.corruption_error import corruption_errors, resilience_rates
from concord3d.measures.sweep_confusion import mean_iou
from concord3d.models.weights import save_weights
from concord3d.protocols.corrupted_segmentation import MINKUNET_18
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob

CONDITIONS = ("clean", *(condition_name(*pair) for pair in conditions()))
KEYFRAMES = sweeps(("scene-0003", "scene-0012", "scene-0013"), 2, seed=5, split="val")


def corrupted_sweeps() -> SweepSplit:
    """Every keyframe once for each condition, the later ones the more disturbed; their order is not that of names."""
    rng, noise = np.random.default_rng(0), np.random.default_rng(1)
    order = rng.permutation(25 * len(KEYFRAMES))
    whole = KEYFRAMES.subset(order % len(KEYFRAMES))
    condition = order // len(KEYFRAMES)
    sizes = np.diff(whole.offsets)
    points = whole.points + noise.normal(0, 0.02, whole.points.shape) * np.repeat(condition, sizes)[:, None]
    names = tuple(f"{name}/{CONDITIONS[number]}" for name, number in zip(whole.names, condition, strict=True))
    points[:, 3] = np.clip(points[:, 3], 0, 255)
    return replace(whole, dataset="nuscenes_c", points=points.astype(np.float32), names=names)


TESTED = corrupted_sweeps()
TESTED_KEYFRAMES = tuple(dict.fromkeys("/".join(name.split("/")[:2]) for name in TESTED.names))


def corrupted_job(folder: Path, tested: SweepSplit = TESTED, **settings: Any) -> EvaluationJob:
    job = make_job(folder, "corrupted_segmentation", settings, method="sweep_segmentation", module="segmenter")
    save_weights(segmenter(), job.model_path)
    return replace(job, train=None, test=tested, run_config={**job.run_config, "encoder": ENCODER, "data": {}})


def test_figures_follow_from_the_matrices_of_every_condition(tmp_path: Path) -> None:
    job = corrupted_job(tmp_path)
    evaluate(job)
    body, arrays = check_contract(job)
    confusions = arrays["confusions"]
    assert arrays["conditions"].tolist() == list(CONDITIONS) and confusions.shape == (25, 6, 3, 3)
    # The sweep of a condition and a keyframe has as many labelled points as its matrix.
    for place, condition in enumerate(CONDITIONS):
        for row, keyframe in enumerate(TESTED_KEYFRAMES):
            sweep = TESTED.sweep(TESTED.names.index(f"{keyframe}/{condition}"))
            assert confusions[place, row].sum() == (np.asarray(sweep.labels) >= 0).sum()
    miou = np.array([float(mean_iou(matrix, "left_out")) for matrix in confusions.sum(axis=1)])
    reference = np.array([MINKUNET_18[name] for name in CORRUPTIONS]) / 100
    by_corruption = miou[1:].reshape(8, 3)
    found = {record["metric"]: record for record in body["records"]}
    assert found["mce"]["value"] == pytest.approx(100 * corruption_errors(by_corruption, reference).mean())
    assert found["mrr"]["value"] == pytest.approx(100 * resilience_rates(by_corruption, miou[0]).mean())
    assert found["clean_miou"]["value"] == pytest.approx(100 * miou[0])
    for name, values in zip(CORRUPTIONS, by_corruption, strict=True):
        assert found[f"{name}_miou"]["value"] == pytest.approx(100 * values.mean())
    assert (found["mce"]["unit"], found["mrr"]["unit"]) == ("% of MinkUNet-18", "% of clean")
    assert body["details"]["miou"] == pytest.approx(dict(zip(CONDITIONS, 100 * miou, strict=True)))
    assert sorted(arrays["item_names"].tolist()) == ["scene-0003", "scene-0012", "scene-0013"]


def test_scenes_are_left_out_under_all_conditions_at_once(tmp_path: Path) -> None:
    job = corrupted_job(tmp_path)
    evaluate(job)
    _, arrays = check_contract(job)
    scenes = arrays["item_names"].tolist()
    first = [name.split("/")[0] for name in TESTED_KEYFRAMES]
    without = arrays["confusions"][:, [scene != scenes[0] for scene in first]].sum(axis=1)
    whole = arrays["confusions"].sum(axis=1)
    figures = []
    for matrices in (whole, without):
        miou = np.array([float(mean_iou(matrix, "left_out")) for matrix in matrices])
        figures.append(100 * float(resilience_rates(miou[1:].reshape(8, 3), miou[0]).mean()))
    outcomes = arrays["mrr__last"]
    # y_g = theta + (G - 1) (mean of thetas without each - theta without g), so differences of two scenes tell.
    assert outcomes.mean() == pytest.approx(figures[0])
    assert len(outcomes) == 3 and outcomes.std() > 0
    others = []
    for scene in scenes[1:]:
        matrices = arrays["confusions"][:, [each != scene for each in first]].sum(axis=1)
        miou = np.array([float(mean_iou(matrix, "left_out")) for matrix in matrices])
        others.append(100 * float(resilience_rates(miou[1:].reshape(8, 3), miou[0]).mean()))
    assert outcomes[0] - outcomes[1] == pytest.approx(2 * (others[0] - figures[1]))


def test_an_even_spread_of_keyframes_and_another_reference(tmp_path: Path) -> None:
    reference = dict.fromkeys(CORRUPTIONS, 0.0)
    job = corrupted_job(tmp_path, max_keyframes=3, reference=reference, batch_size=50)
    evaluate(job)
    body, arrays = check_contract(job)
    assert arrays["confusions"].shape[1] == body["details"]["num_keyframes_tested"] == 3
    errors = 100 - np.mean([body["details"]["miou"][name] for name in CONDITIONS[1:]])
    assert body["records"][0]["value"] == pytest.approx(errors)
    with pytest.raises(ConfigError, match="fewer sweeps"):
        evaluate(corrupted_job(tmp_path, max_keyframes=7))
    with pytest.raises(ConfigError, match="a percentage below 100 for each of fog"):
        evaluate(corrupted_job(tmp_path, reference={"fog": 50.0}))


def test_what_is_no_corrupted_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"(?s)every corruption once.*scene-0003/000"):
        evaluate(corrupted_job(tmp_path, KEYFRAMES))
    row = TESTED.names.index("scene-0012/001/fog/light")
    rest = TESTED.subset(np.delete(np.arange(len(TESTED)), row))
    with pytest.raises(EvaluationError, match=r"(?s)every corruption once.*scene-0012/001"):
        evaluate(corrupted_job(tmp_path, rest))
    with pytest.raises(EvaluationError, match="no labels"):
        evaluate(corrupted_job(tmp_path, replace(TESTED, labels=None)))
