"""Files of features of scans, and the steps that write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.scan_examples import scan, scans
from tests.features.fake_encoders import FakeSentences
from tests.features.scan_encoder_fakes import MaxCoordinates, MeanColors

from concord3d.arrays import write_arrays
from concord3d.errors import UnreadableFile
from concord3d.features.encode import scan_pictures, scan_points, scan_texts
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_sentence_encoder
from concord3d.features.scan_encoders import (
    known_picture_encoder,
    known_point_encoder,
    known_sentence_encoder,
    weights_checksums,
)
from concord3d.features.scan_features import ScanPictures, ScanPoints, ScanTexts, identity_arrays
from concord3d.features.scan_points import ObjectClouds, open_extractor
from concord3d.features.scan_points import scan_points as points_of
from concord3d.features.scan_texts import scan_texts as texts_of
from concord3d.features.tower import TowerWeightsMissing

Opened = Callable[..., Any]


def unopened(*told: Any) -> Any:
    raise AssertionError("an encoder was opened")


def task(folder: Path, opened: Opened, inputs: dict[str, Path] | None = None, **params: Any) -> EncodeTask:
    scans().save(folder / "scans.npz")
    files = {"scans": [folder / "scans.npz"], **{name: [path] for name, path in (inputs or {}).items()}}
    return EncodeTask(files, [folder / "out.npz", folder / "run.json"], {"given": None, **params}, opened, folder)


def some_texts() -> ScanTexts:
    return texts_of(scans(), FakeSentences("0" * 64), 10, 0)


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    written = some_texts()
    written.write(tmp_path / "a.npz")
    read = ScanTexts.read(tmp_path / "a.npz", scans())
    for name, value in written.__dict__.items():
        np.testing.assert_array_equal(getattr(read, name), value)
        assert getattr(read, name).dtype == value.dtype


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"object_ids": np.arange(7)}, "other scans or objects"),
        ({"names": np.array(["a", "b", "c"])}, "other scans or objects"),
        ({"referral": np.zeros((6, 16), np.float32), "has_referral": np.zeros(6, bool)}, "6 rows for 7 objects"),
        ({"referral": np.zeros((7, 16))}, "float64"),
        ({"has_referral": np.zeros(6, bool)}, r"mask of bool \(6,\)"),
        ({"scene_referral": np.full((3, 16), np.nan, np.float32)}, "not finite"),
        ({"has_referral": np.zeros(7, bool)}, "missing rows are not zero"),
    ],
)
def test_what_does_not_fit_the_scans_is_refused(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    replace(some_texts(), **changed).write(tmp_path / "a.npz")
    with pytest.raises(UnreadableFile, match=rf"(?s)Not features of texts of these scans.*a\.npz.*{problem}"):
        ScanTexts.read(tmp_path / "a.npz", scans())


def test_another_file_is_refused(tmp_path: Path) -> None:
    some_texts().write(tmp_path / "texts.npz")
    for kind in (ScanPictures, ScanPoints):
        with pytest.raises(UnreadableFile, match="these scans"):
            kind.read(tmp_path / "texts.npz", scans())
    write_arrays(tmp_path / "half.npz", {"names": np.array(["a"])})
    with pytest.raises(UnreadableFile, match="these scans"):
        ScanTexts.read(tmp_path / "half.npz", scans())
    with pytest.raises(UnreadableFile, match="features of texts"):
        ScanTexts.read(tmp_path / "none.npz", scans())


def test_the_step_of_texts(tmp_path: Path) -> None:
    asked: list[Any] = []

    def opened(*told: Any) -> FakeSentences:
        asked.append(told)
        return FakeSentences("0" * 64)

    told = {"encoder": "all_minilm_l6_v2", "scene_referrals": 10, "referral_seed": 0}
    count = scan_texts.encode(task(tmp_path, opened, **told))
    assert count.encoded == 4 + 2 and asked == [(open_sentence_encoder, "all_minilm_l6_v2")]
    found, expected = ScanTexts.read(tmp_path / "out.npz", scans()), some_texts()
    np.testing.assert_array_equal(found.referral, expected.referral)
    np.testing.assert_array_equal(found.scene_referral, expected.scene_referral)


def test_the_step_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_pictures, "MapEncoder", lambda encoder: MeanColors())
    told = {"encoder": "efficientnet_lite0", "picture_size": 32, "crop_levels": 2}
    count = scan_pictures.encode(task(tmp_path, lambda *told: told[1:], **told))
    assert count.encoded == 2 + 5
    assert ScanPictures.read(tmp_path / "out.npz", scans()).image.shape == (7, 3)


def test_the_step_of_points(tmp_path: Path) -> None:
    asked: list[Any] = []

    def opened(*told: Any) -> MaxCoordinates:
        asked.append(told)
        return MaxCoordinates()

    clouds = {"num_points": 5, "min_points": 5, "y_up": True, "seed": 3}
    told = {"run": {"encoder": {"name": "pointnet"}}, "rebuilt_by": None, "clouds": clouds}
    count = scan_points.encode(task(tmp_path, opened, {"extractor": tmp_path / "point.safetensors"}, **told))
    assert count.encoded == 7 + 2
    assert asked == [(open_extractor, '{"encoder":{"name":"pointnet"}}', None, tmp_path / "point.safetensors")]
    expected = points_of(scans(), MaxCoordinates(), ObjectClouds(**clouds))
    np.testing.assert_array_equal(ScanPoints.read(tmp_path / "out.npz", scans()).point, expected.point)


def test_features_of_an_encoder_that_does_not_run_here_are_taken_from_a_file(tmp_path: Path) -> None:
    given = tmp_path / "given.npz"
    told = {"encoder": "blip_large", "scene_referrals": 10, "referral_seed": 0, "given": str(given)}
    with pytest.raises(TowerWeightsMissing, match=r"(?s)'blip_large' does not.*given\.npz.*text encoder of BLIP"):
        scan_texts.encode(task(tmp_path, unopened, **told))
    some_texts().write(given)
    scan_texts.encode(task(tmp_path, unopened, **told))
    np.testing.assert_array_equal(ScanTexts.read(tmp_path / "out.npz", scans()).referral, some_texts().referral)
    texts_of(scans(scan()), FakeSentences("0" * 64), 10, 0).write(given)
    with pytest.raises(UnreadableFile, match="other scans"):
        scan_texts.encode(task(tmp_path, unopened, **told))
    told = {"encoder": "dinov2_vitg14", "picture_size": 224, "crop_levels": 3, "given": str(tmp_path / "none.npz")}
    with pytest.raises(TowerWeightsMissing, match="block 31 of DINOv2"):
        scan_pictures.encode(task(tmp_path, unopened, **told))


def test_features_of_points_may_be_given_too(tmp_path: Path) -> None:
    given = tmp_path / "given.npz"
    told = {"encoder": "ulip2_points", "given": str(given)}
    with pytest.raises(TowerWeightsMissing, match=r"(?s)'ulip2_points' does not.*given\.npz.*ULIP-2's point encoder"):
        scan_points.encode(task(tmp_path, unopened, **told))
    count = len(scans().object_ids)
    has = np.arange(count) % 2 == 0
    rows = np.where(has[:, None], np.arange(count)[:, None] + np.ones((1, 5)), 0).astype(np.float32)
    made = ScanPoints(**identity_arrays(scans()), point=rows, has_point=has, cad=rows, has_cad=has)
    made.write(given)
    assert scan_points.encode(task(tmp_path, unopened, **told)).encoded == 2 * has.sum()
    np.testing.assert_array_equal(ScanPoints.read(tmp_path / "out.npz", scans()).point, rows)
    replace(made, object_ids=made.object_ids + 1).write(given)
    with pytest.raises(UnreadableFile, match="other scans or objects"):
        scan_points.encode(task(tmp_path, unopened, **told))
    some_texts().write(given)
    with pytest.raises(UnreadableFile, match="features of points"):
        scan_points.encode(task(tmp_path, unopened, **told))


def test_names_of_encoders() -> None:
    assert known_picture_encoder("dinov2_vitg14") and known_sentence_encoder("blip_large")
    assert weights_checksums("blip_large") is None and set(weights_checksums("efficientnet_lite0") or {}) == {"weights"}
    with pytest.raises(ValueError, match="did you mean 'efficientnet_lite0'"):
        known_picture_encoder("efficientnet_lite")
    assert known_point_encoder("ulip2_points") and weights_checksums("ulip2_points") is None
    with pytest.raises(ValueError, match="did you mean 'ulip2_points'"):
        known_point_encoder("ulip2_point")
    with pytest.raises(ValueError, match="no such sentence encoder"):
        known_sentence_encoder("efficientnet_lite0")
