"""Batches of frozen features of pictures with the texts of their objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import ALIGNED, FakePictures, register

from concord3d.batches.picture_features import PictureFeatureData, opened
from concord3d.batches.pictures import PictureData
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.features.feature_pairs import FeaturePairs
from concord3d.features.open_tower import encoder_preprocess
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.tower import TowerMismatch
from concord3d.features.view_features import view_features
from concord3d.methods.aligned.settings import AlignedSettings
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import cloud_view_spec

RUN: dict[str, Any] = {"data": {"view_sets": ["near", "far"]}, "encoder": ALIGNED}
SETTINGS = AlignedSettings(min_mean_of_views_top1=None)


class Numbers:
    """Features that say which picture they are of: ten times the object plus the view."""

    num_objects, num_views = 6, 5

    def read(self, object_index: np.ndarray, view_index: np.ndarray) -> np.ndarray:
        number = 10 * object_index[:, None] + view_index
        return np.stack([number, -number], axis=2).astype(np.float16)


def numbers() -> PictureFeatureData:
    texts = tuple(ShapeTexts(f"object {number}") for number in range(6))
    return PictureFeatureData(
        FeaturePairs([PicturedObjects("n", {"v": Numbers()}, texts, np.zeros(6, np.int64), ("x",))], 2)
    )


def test_each_object_has_one_randomly_chosen_picture_of_its_own_and_its_texts() -> None:
    data, units = numbers(), np.array([4, 0, 5])
    seen: set[tuple[int, ...]] = set()
    for seed in range(40):
        batch = data.read(units, torch.Generator().manual_seed(seed))
        assert batch.features.shape == (3, 2) and batch.features.dtype == torch.float32
        found = batch.features[:, 0].long()
        assert (found // 10).tolist() == batch.units.tolist() == units.tolist()
        seen.add(tuple((found % 10).tolist()))
        assert [choice.description for choice in batch.texts] == ["object 4", "object 0", "object 5"]
    assert {view for views in seen for view in views} == set(range(5)) and len(seen) > 20
    assert len(data) == 6 and sorted(data.order(units, torch.Generator()).tolist()) == [0, 4, 5]


def files_of(folder: Path, encoder: FakePictures) -> dict[str, list[Path]]:
    """Two data sets with two view sets each; the last object has no text."""
    files: dict[str, list[Path]] = {"clouds": [], "pictures": [], "views": []}
    for seed, name in enumerate(("first", "second")):
        points = np.random.default_rng(seed).normal(size=(2, 64, 3)).astype(np.float32)
        texts = (ShapeTexts(f"{name} thing"), ShapeTexts() if seed else ShapeTexts("another"))
        labels, names = np.array([0, -1]), (f"{name} 0", f"{name} 1")
        store = CloudSplit(name, "train", "synthetic", points, labels, (f"class of {name}",), names, texts=texts)
        store.save(folder / f"{name}.npz")
        files["clouds"].append(folder / f"{name}.npz")
        for view_set in ("near", "far"):
            views, index = folder / f"{name}_{view_set}.json", folder / f"{name}_{view_set}_frozen.json"
            shown = points if view_set == "near" else points / 2
            render_cloud_views(shown, cloud_view_spec(), folder / "views", views)
            view_features(views, encoder, folder / "features", index)
            files["pictures"].append(index)
            files["views"].append(views)
    return files


def test_what_is_read_are_the_features_of_the_pictures_that_a_training_on_pixels_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch)
    files = files_of(tmp_path, FakePictures(32, "0" * 64))
    data = opened(RUN, SETTINGS, files)
    assert (len(data), data.pairs.num_without_text, data.unit) == (3, 1, "pairs")
    assert data.pairs.ranges == {"near": (0, 10), "far": (10, 20)}
    indices = iter(files["views"])
    sets = []
    for path in files["clouds"]:
        clouds = CloudSplit.load(path)
        views = {name: open_view_set(next(indices)) for name in ("near", "far")}
        sets.append(PicturedObjects(clouds.dataset, views, clouds.texts or (), clouds.labels, clouds.class_names))
    pixels = PictureData(Pairs(sets, encoder_preprocess(ALIGNED)))
    units = np.array([2, 0, 1])
    read = data.read(units, torch.Generator().manual_seed(3))
    seen = pixels.read(units, torch.Generator().manual_seed(3))
    pictures = (seen.pixels * 255).round().byte().permute(0, 2, 3, 1).numpy()
    # The picture is resized before it is rounded here, and as a whole in the encoder.
    np.testing.assert_allclose(read.features, FakePictures(32, "").encode_images(pictures), atol=1.5)
    assert [choice.description for choice in read.texts] == [choice.description for choice in seen.texts]


def test_features_of_another_encoder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    files = files_of(tmp_path, FakePictures(48, "0" * 64))
    with pytest.raises(TowerMismatch) as refused:
        opened(RUN, SETTINGS, files)
    assert (refused.value.expected, refused.value.found) == ({"size": 32}, {"size": 48})
