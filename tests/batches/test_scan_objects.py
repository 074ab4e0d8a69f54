"""Batches of the objects of scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.batches.encoded_scans import encoded, written
from tests.data.scan_examples import scan, scans

from concord3d.batches.scan_masks import ScanMasks
from concord3d.batches.scan_objects import NO_OBJECT, ScanObjectData, opened
from concord3d.errors import BadCloud, ConfigError, UnreadableFile


def data_of(*splits: Any, masks: ScanMasks | None = None, loose: bool = False) -> ScanObjectData:
    sets = tuple(encoded(split) for split in splits or (scans(),))
    return ScanObjectData(sets, masks or ScanMasks.none(sum(len(each.split) for each in sets)), loose)


def read(data: ScanObjectData, *units: int, seed: int = 0) -> Any:
    return data.read(np.array(units), torch.Generator().manual_seed(seed))


def test_a_batch_has_the_objects_of_its_scans_filled_up() -> None:
    batch = read(data_of(), 1, 0, 2)
    assert batch.valid.sum(dim=1).tolist() == [4, 3, 0] and batch.valid.shape == (3, 4)
    assert batch.ids.tolist() == [[1, 3, 5, 7], [1, 3, 5, NO_OBJECT], [NO_OBJECT] * 4]
    assert batch.labels.tolist() == [[0, 1, 2, 3], [0, 1, 2, NO_OBJECT], [NO_OBJECT] * 4]
    # The second scan's objects are rows 3 to 6 of the split.
    assert batch.features["point"][:, :, 0].tolist() == [[203, 204, 205, 206], [200, 201, 202, 0], [0, 0, 0, 0]]
    assert batch.present["cad"].tolist() == [[False] * 3 + [True], [False, False, True, False], [False] * 4]
    assert batch.features["image"][0, :, 1].tolist() == [103, 0, 0, 0]
    assert batch.features["referral"].shape == (3, 4, 4) and batch.features["image"].dtype == torch.float32


def test_locations_are_those_of_the_cloud_and_of_the_model_in_its_own_frame() -> None:
    split = scans()
    batch = read(data_of(split), 0)
    assert set(batch.locations) == {"point", "cad"}
    np.testing.assert_allclose(batch.locations["point"][0], split.scan(0).locations)
    model = split.scan(0).cad_points[0]
    expected = np.concatenate([model.mean(axis=0), model.max(axis=0) - model.min(axis=0)])
    np.testing.assert_allclose(batch.locations["cad"][0, 2], expected, rtol=1e-5)
    assert not batch.locations["cad"][0, :2].any()


def test_an_object_without_a_cloud_has_no_location() -> None:
    found = encoded(scans())
    mask = np.arange(7) != 1
    points = replace(found.points, has_point=mask, point=found.points.point * mask[:, None])
    batch = read(ScanObjectData((replace(found, points=points),), ScanMasks.none(3)), 0)
    assert batch.locations["point"][0].any(dim=1).tolist() == [True, False, True] and batch.valid.all()


def test_what_is_hidden_is_missing_with_its_location() -> None:
    masks = ScanMasks((frozenset({"point", "image"}), frozenset(), frozenset()), {})
    batch = read(data_of(masks=masks), 0, 1)
    for name in ("point", "image"):
        assert not batch.present[name][0].any() and not batch.features[name][0].any()
        assert batch.present[name][1].any()
    assert not batch.locations["point"][0].any() and batch.locations["point"][1].any()
    assert batch.present["cad"][0].any() and batch.valid[0].sum() == 3


def test_data_sets_stand_behind_one_another() -> None:
    other = scans(scan("a", 2, seed=7), scan("b", 1, seed=8), dataset="scan3r")
    data = data_of(scans(), other)
    assert len(data) == 5 and data.unit == "scans"
    batch = read(data, 4, 2, 3)
    assert batch.valid.sum(dim=1).tolist() == [1, 0, 2]
    assert batch.features["point"][:, 0, 0].tolist() == [202, 0, 200]


def test_loose_objects_are_scans_of_one() -> None:
    other = scans(scan("a", 2, seed=7), dataset="scan3r")
    data = data_of(scans(), other, masks=ScanMasks((frozenset(),) * 3 + (frozenset({"image"}),), {}), loose=True)
    assert len(data) == 9 and data.unit == "objects"
    batch = read(data, 8, 3, 7)
    assert batch.valid.tolist() == [[True]] * 3 and batch.ids.tolist() == [[3], [1], [1]]
    assert batch.features["point"][:, 0, 0].tolist() == [201, 203, 200]
    # The other data set's pictures are hidden.
    assert batch.features["image"][:, 0, 0].tolist() == [0, 103, 0]


def test_objects_of_which_nothing_is_known_are_no_loose_objects() -> None:
    found = encoded(scans())
    unseen = replace(found.points, has_point=np.zeros(7, bool), point=np.zeros((7, 3), np.float32))
    data = ScanObjectData((replace(found, points=unseen),), ScanMasks.none(3), loose=True)
    # Objects 0 and 3 have pictures, 0, 1, 3 and 4 texts, 2 and 6 models.
    assert len(data) == 6
    batch = read(data, *range(6))
    assert torch.stack(list(batch.present.values())).any(dim=0).all()


def test_drops_follow_the_generator() -> None:
    data = data_of(masks=ScanMasks((frozenset(),) * 3, {"point": 0.5}))
    first = [read(data, 0, 1, seed=seed).present["point"].any(dim=1).tolist() for seed in range(20)]
    assert first == [read(data, 0, 1, seed=seed).present["point"].any(dim=1).tolist() for seed in range(20)]
    assert {tuple(each) for each in first} == {(a, b) for a in (False, True) for b in (False, True)}


def test_an_epoch_reads_every_scan_once() -> None:
    data = data_of()
    assert sorted(data.order(np.arange(3), torch.Generator())) == [0, 1, 2]


def run_of(**data: Any) -> dict[str, Any]:
    return {"data": data}


def test_a_training_opens_its_files(tmp_path: Path) -> None:
    stores, features = zip(
        *(written(split, tmp_path) for split in (scans(), scans(scan("a", 2), dataset="scan3r"))), strict=True
    )
    files = {"scans": list(stores)}
    files |= {kind: [getattr(each, kind) for each in features] for kind in ("pictures", "texts", "points")}
    run = run_of(modalities={"scan3r": ["image", "point", "referral"]})
    data = opened(run, SimpleNamespace(loose_objects=False), files)
    data.validated()
    assert len(data) == 4
    batch = read(data, 3, 0)
    assert not batch.present["cad"][0].any() and batch.present["cad"][1].any()
    assert len(opened(run, SimpleNamespace(loose_objects=True), files)) == 9
    files["texts"].reverse()
    with pytest.raises(UnreadableFile, match="other scans"):
        opened(run, SimpleNamespace(loose_objects=False), files)
    with pytest.raises(ConfigError, match="within a workflow"):
        _ = data.identity


def test_what_would_fail_late_is_refused() -> None:
    found = encoded(scans())
    wide = replace(found.points, cad=np.zeros((7, 9), np.float32), has_cad=np.zeros(7, bool))
    other = replace(found, points=wide)
    with pytest.raises(ConfigError, match=r"(?s)'cad' differ in width"):
        ScanObjectData(
            (found, replace(other, split=replace(other.split, dataset="scan3r"))), ScanMasks.none(6)
        ).validated()
    with pytest.raises(ConfigError, match="No object"):
        data_of(scans(scan(num_objects=0))).validated()
    broken = replace(found.split, points=np.full_like(found.split.points, np.nan))
    with pytest.raises(BadCloud, match="not finite"):
        ScanObjectData((replace(found, split=broken),), ScanMasks.none(3)).validated()
