"""Objects of reference scans among those of rescans, from the job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.scan_jobs import Objects, measured, rooms, scan_job

from concord3d.errors import EvaluationError
from concord3d.protocols.temporal_instance_matching import FAMILIES, is_of, rescans_of

NAME = "temporal_instance_matching"


def test_queries_are_listed_furniture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, details, _ = measured(scan_job(tmp_path, NAME, {}, Objects(), monkeypatch))
    # A table that stood still and a chair that moved are listed in each of five rescans.
    assert details["num_objects"]["point_point"] == 10 and details["num_pairs_of_scans"] == 5
    assert values["point_point_top1"] == values["point_point_static_top1"] == values["point_point_dynamic_top1"] == 100
    assert values["image_referral_r75"] == 100
    _, details, _ = measured(scan_job(tmp_path, NAME, {"only_listed": False}, Objects(), monkeypatch))
    assert details["num_objects"]["point_point"] == 15
    everything = {"only_listed": False, "families": None}
    _, details, _ = measured(scan_job(tmp_path, NAME, everything, Objects(), monkeypatch))
    assert details["num_objects"]["point_point"] == 20


def test_all_objects_of_the_rescan_are_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, _, _ = measured(scan_job(tmp_path, NAME, {}, Objects(constant=True), monkeypatch))
    assert values["point_point_top1"] == pytest.approx(25)


def test_an_object_without_the_modality_in_the_rescan_is_no_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {"point": np.arange(40) % 8 == 5}
    _, details, _ = measured(scan_job(tmp_path, NAME, {}, Objects(), monkeypatch, gone=gone))
    assert details["num_objects"] == {
        "point_point": 5, "image_point": 5, "image_referral": 10, "point_referral": 10,
        "shared_image_point": 5, "shared_image_referral": 5, "shared_point_referral": 5,
    }  # fmt: skip


def test_pairs_that_are_compared_ask_for_the_same_objects_among_as_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the fourth object of each scan nothing is told.
    gone = {"referral": np.arange(40) % 4 == 3}
    values, details, _ = measured(scan_job(tmp_path, NAME, {}, Objects(constant=True), monkeypatch, gone=gone))
    assert values["image_point_top1"] == pytest.approx(25) and values["image_referral_top1"] == pytest.approx(100 / 3)
    shared = [f"shared_{pair}" for pair in ("image_point", "image_referral", "point_referral")]
    assert [values[f"{pair}_top1"] for pair in shared] == pytest.approx([100 / 3] * 3)
    assert [details["mean_num_candidates"][name] for name in ("image_point", *shared)] == [4, 3, 3, 3]


def test_rescans_in_another_frame_and_without_reference_are_left_out() -> None:
    split = rooms(num_spaces=3)
    assert rescans_of(split) == {1: 0, 3: 2, 5: 4}
    elsewhere = replace(split, aligned=np.array([True] * 3 + [False] + [True] * 2))
    assert rescans_of(elsewhere) == {1: 0, 5: 4}
    assert rescans_of(replace(split, reference=np.array([False, False] + [True, False] * 2))) == {3: 2, 5: 4}


def test_a_data_set_without_rescans_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EvaluationError, match="Nothing could be measured"):
        measured(scan_job(tmp_path, NAME, {}, Objects(), monkeypatch, rooms(num_scans=1)))


def test_families_are_whole_words() -> None:
    assert is_of("dining chair", FAMILIES) and is_of("trash can", FAMILIES) and is_of("anything", None)
    assert not is_of("wheelchair", FAMILIES) and not is_of("table lamp", FAMILIES) and not is_of("cabinet", FAMILIES)
