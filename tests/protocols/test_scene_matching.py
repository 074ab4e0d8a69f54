"""Scene matching, the ablation of views and both localisations, from their jobs to their files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.scan_jobs import Objects, Scenes, measured, rooms, scan_job

from concord3d.errors import ConfigError, EvaluationError
from concord3d.protocols.evaluation.feature_memo import FeatureMemo

KS = {"ks": [1, 3], "category_ks": [1], "temporal_ks": [1, 3], "intra_ks": [1]}


def test_every_pair_has_every_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, details, arrays = measured(scan_job(tmp_path, "scene_matching", KS, Scenes(), monkeypatch))
    own = ["top1", "top3", "category_top1", "temporal_top1", "temporal_top3"]
    own += ["temporal_published_top1", "temporal_published_top3", "intra_top1"]
    assert {metric for metric in values if metric.startswith("image_floorplan")} == {
        f"image_floorplan_{m}" for m in own
    }
    assert {metric for metric in values if metric.startswith("fused_fused")} == {f"fused_fused_{m}" for m in own[2:]}
    assert values["image_floorplan_top1"] == values["image_referral_top1"] == 100
    assert values["image_floorplan_temporal_top1"] == 100 and values["fused_fused_temporal_top1"] == 100
    # All nine other scans are among the ten best; by row the first of them is the rescan of the first scan alone.
    assert values["image_floorplan_temporal_published_top1"] == 20
    # Their clouds say nothing.
    assert values["image_point_top1"] < 50
    assert details["num_queries"]["image_point_top1"] == 10 and details["num_queries"]["image_point_temporal_top1"] == 5
    assert details["chance"]["image_point_top3"] == pytest.approx(30)
    assert details["chance"]["image_point_temporal_top1"] == pytest.approx(100 / 9)
    assert arrays["strip_queries"].tolist() == [0, 2, 5] and arrays["strip_found"].shape == (3, 4)
    assert len(arrays["strip_pictures"]) == len(arrays["strip_names"]) == len(set(arrays["strip_rows"].tolist()))


def test_constant_vectors_score_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = scan_job(tmp_path, "scene_matching", {**KS, "layouts": False}, Scenes(constant=True), monkeypatch)
    values, details, _ = measured(job)
    assert len(details["chance"]) == 6 * 6 + 5 * 4
    for metric, chance in details["chance"].items():
        assert values[metric] == pytest.approx(chance), metric


def test_averages_of_objects_stand_for_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = rooms()
    gone = {"referral": np.isin(np.arange(40), range(4)), "scene_referral": np.arange(10) == 0}
    values, details, _ = measured(scan_job(tmp_path, "scene_matching", KS, Objects(), monkeypatch, split, gone))
    assert not details["encodes_scans"] and details["not_measured"]["fused_fused"]
    assert "floorplan" not in "".join(values) and values["point_point_temporal_top1"] == 100
    # A scan without the modality is no query and no candidate, but stays a reference that was missed.
    assert details["num_queries"]["image_referral_top1"] == 9
    assert details["num_queries"]["image_referral_temporal_top1"] == 5
    assert values["referral_referral_temporal_top1"] == 80


def test_all_modules_are_tested_on_the_same_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No object of the first scan is seen in a picture, and it has pictures all the same.
    gone = {"image": np.arange(40) < 4, "floorplan": np.arange(10) == 3}
    found = {}
    for name, module in (("scenes", Scenes()), ("objects", Objects()), ("nothing", Objects(("image", "point")))):
        job = scan_job(tmp_path, "scene_matching", KS, module, monkeypatch, gone=gone)
        _, details, _ = measured(job)
        found[name] = details["num_queries"]
    assert found["scenes"]["image_point_top1"] == found["objects"]["image_point_top1"] == 10
    assert found["scenes"]["image_referral_intra_top1"] == found["objects"]["image_referral_intra_top1"] == 10
    assert not [metric for metric in found["nothing"] if "referral" in metric]


def test_a_scan_whose_objects_lack_the_modality_ties_with_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"image": np.arange(40) < 4}
    settings = {"units": "scans", "ks": [1], "pairs": [["image", "referral"]], "layouts": False}
    _, _, arrays = measured(scan_job(tmp_path, "scene_matching", settings, Objects(), monkeypatch, gone=gone))
    # Rescans have the very same objects, so that every other scan ties with one.
    assert arrays["image_referral_top1__last"].tolist() == pytest.approx([0.1] + [0.5] * 9)


def test_layouts_are_compared_with_those_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = scan_job(tmp_path, "scene_matching", KS, Scenes(), monkeypatch)
    values, details, _ = measured(replace(job, train=job.test))
    assert values["layout_training_category_top1"] == 100 and details["layouts"]["num_as_in_training"] == 10
    assert (
        details["layouts"]["median_distance_to_training"] == 0 < details["layouts"]["median_distance_within_training"]
    )
    values, details, _ = measured(job)
    assert "layout_layout_temporal_top1" in values and "layouts" not in details


def test_protocols_of_one_job_encode_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Counting(Scenes):
        def encode(self, modality, batch):
            calls.append(modality)
            return super().encode(modality, batch)

    memo = FeatureMemo()
    job = replace(scan_job(tmp_path, "scene_matching", KS, Counting(), monkeypatch), memo=memo)
    first, _, _ = measured(job)
    assert sorted(calls) == ["floorplan", "fused", "image", "point", "referral"]
    again, _, _ = measured(job)
    assert len(calls) == 5 and again == first


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EvaluationError, match="not finite"):
        measured(scan_job(tmp_path, "scene_matching", KS, Scenes(broken=True), monkeypatch))


def test_more_views_are_more_of_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**KS, "views": [1, 4], "candidates": "floorplan"}
    values, _, _ = measured(scan_job(tmp_path, "view_ablation", settings, Scenes(), monkeypatch))
    assert values["views1_top1"] == values["views4_top1"] == 100 and "views4_intra_top1" in values
    with pytest.raises(ConfigError, match="key frames"):
        measured(scan_job(tmp_path, "view_ablation", {**settings, "views": [5]}, Scenes(), monkeypatch))
    with pytest.raises(EvaluationError, match="encodes no pictures"):
        measured(scan_job(tmp_path, "view_ablation", settings, Objects(), monkeypatch))


def test_one_picture_finds_its_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"map_modality": "floorplan", "num_candidates": [3, 50], "ks": [1, 2]}
    values, details, _ = measured(scan_job(tmp_path, "coarse_localisation", settings, Scenes(), monkeypatch))
    assert values["static_3_top1"] == 100 and values["temporal_50_top1"] == 100
    assert details["num_spaces_in_map"] == 5 and details["num_pictures"] == 20
    assert details["chance"]["static_3_top1"] == pytest.approx(100 / 3)
    assert details["chance"]["static_50_top2"] == pytest.approx(40)
    of_scans = scan_job(tmp_path, "coarse_localisation", {**settings, "units": "scans"}, Scenes(), monkeypatch)
    _, _, arrays = measured(of_scans)
    is_query = {name: ~np.isnan(arrays[f"{name}_3_top1__last"]) for name in ("static", "temporal")}
    assert is_query["static"].tolist() == [True, False] * 5 and is_query["temporal"].tolist() == [False, True] * 5
    constant = scan_job(tmp_path, "coarse_localisation", settings, Scenes(constant=True), monkeypatch)
    values, details, _ = measured(constant)
    assert values == pytest.approx(details["chance"])
    with pytest.raises(EvaluationError, match="encodes no pictures"):
        measured(scan_job(tmp_path, "coarse_localisation", settings, Objects(), monkeypatch))


def test_two_steps_are_not_better_than_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {"steps": [["image", "floorplan", "image", "point"], ["image", "point", "image", "point"]]}
    values, details, _ = measured(scan_job(tmp_path, "two_step_localisation", steps, Scenes(), monkeypatch))
    assert values["image_floorplan_image_point_objects"] == 100
    assert values["image_point_image_point_objects"] == values["image_point_image_point_scan_step"] < 100
    assert values["image_point_image_point_object_step"] == 100
    assert details["chance"]["image_point_image_point_objects"] == pytest.approx(100 / 40)
    values, details, _ = measured(
        scan_job(tmp_path, "two_step_localisation", steps, Scenes(constant=True), monkeypatch)
    )
    chance = details["chance"]["image_point_image_point_objects"]
    assert values["image_point_image_point_objects"] == pytest.approx(chance)
