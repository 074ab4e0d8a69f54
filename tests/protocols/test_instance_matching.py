"""Instance matching, from its job to its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.protocols.scan_jobs import Objects, measured, rooms, scan_job

from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.scan_vectors import scan_encoding
from concord3d.protocols.instance_matching import Settings, match_scan


def test_objects_that_say_who_they_are_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, details, arrays = measured(scan_job(tmp_path, "instance_matching", {}, Objects(), monkeypatch))
    assert len(values) == 6 * 7 and set(values.values()) == {100.0}
    assert arrays["item_names"].tolist() == [f"scene{space:04d}" for space in range(5)]
    assert details["num_queries"]["image_point_top1"] == 10 and details["units"] == "spaces"
    assert details["chance"]["image_point_top1"] == pytest.approx(25) and details["over_objects"]["point_cad"] == {
        "num_objects": 40, "top1": 100, "same": 100, "diff": 100,
    }  # fmt: skip


def test_constant_vectors_score_what_the_chance_line_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Objects(constant=True)
    values, details, _ = measured(scan_job(tmp_path, "instance_matching", {}, module, monkeypatch))
    for metric, chance in details["chance"].items():
        assert values[metric] == pytest.approx(chance), metric
    assert len(details["chance"]) == 6 * 5
    assert values["image_point_top3"] == pytest.approx(75)
    assert values["image_point_r25"] == pytest.approx(100 * (1 - 0.75**4))
    # Of the three wrong ones one is of the query's class.
    assert values["image_point_same"] == pytest.approx(75) and values["image_point_diff"] == pytest.approx(50)


def test_numbers_are_means_over_scans_of_the_objects_with_both_modalities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = rooms()
    rng = np.random.default_rng(3)
    gone = {name: rng.random(len(split.object_ids)) < 0.4 for name in ("image", "point", "cad")}
    gone["cad"][:4] = True
    job = scan_job(tmp_path, "instance_matching", {}, Objects(), monkeypatch, split, gone, noise=1.0)
    values, details, arrays = measured(job)
    objects = scan_encoding(job, Settings()).objects()
    recalls = [match.recall(1) for row in range(10) if (match := match_scan(objects, row, "image", "cad"))]
    assert len(recalls) < 10 and values["image_cad_top1"] == pytest.approx(100 * np.mean(recalls))
    assert details["num_queries"]["image_cad_top1"] == len(recalls)
    for pair in ("image_cad", "image_point"):
        assert values[f"{pair}_top1"] == pytest.approx(values[f"{pair}_same"] + values[f"{pair}_diff"] - 100)
    assert np.nanmean(arrays["image_cad_top1__last"]) == pytest.approx(np.mean(recalls))
    expected = (~(gone["image"] | gone["cad"])).sum()
    assert details["over_objects"]["image_cad"]["num_objects"] == expected


def test_a_missing_modality_leaves_its_pairs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = np.ones(40, bool)
    module = Objects(("image", "point", "referral"))
    job = scan_job(tmp_path, "instance_matching", {}, module, monkeypatch, gone={"referral": everywhere})
    values, details, _ = measured(job)
    assert {metric.rpartition("_")[0] for metric in values} == {"image_point"}
    assert details["not_measured"]["image_cad"] == "the module knows no cad"
    assert details["not_measured"]["image_referral_top1"] == "0 scans of 0 spaces take part"


def test_scans_may_be_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = scan_job(tmp_path, "instance_matching", {"units": "scans"}, Objects(), monkeypatch)
    _, details, arrays = measured(job)
    assert len(arrays["item_names"]) == 10 and details["units"] == "scans"


def test_one_space_has_no_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = rooms(num_spaces=1, num_scans=3)
    with pytest.raises(EvaluationError, match="units: scans"):
        measured(scan_job(tmp_path, "instance_matching", {}, Objects(), monkeypatch, one))
    values, _, _ = measured(scan_job(tmp_path, "instance_matching", {"units": "scans"}, Objects(), monkeypatch, one))
    assert values["image_point_top1"] == 100


def test_scans_without_objects_and_with_one_take_part_as_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = rooms(num_objects=0)
    with pytest.raises(EvaluationError, match="Nothing could be measured"):
        measured(scan_job(tmp_path, "instance_matching", {}, Objects(), monkeypatch, bare))
    values, _, _ = measured(
        scan_job(tmp_path, "instance_matching", {}, Objects(), monkeypatch, rooms(num_objects=1), noise=9.0)
    )
    assert values["image_point_top1"] == 100


def test_what_is_no_scan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from tests.protocols.small_jobs import TEST

    job = scan_job(tmp_path, "instance_matching", {}, Objects(), monkeypatch)
    with pytest.raises(EvaluationError, match="needs scans"):
        measured(replace(job, test=TEST))
    with pytest.raises(EvaluationError, match="needs features of scans"):
        measured(replace(job, scan_files=None))
