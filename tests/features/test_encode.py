"""Kinds of inputs to a tower: each reads its files and leaves what is opened by its index."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import ALIGNED, FakePictures, picture_identity, register

from concord3d.data.readers.interface import ShapeFeatures
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.features.aligned_tower import AlignedTower, FrozenPair
from concord3d.features.encode import classes, frozen, images, projected, shipped, texts
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_picture_encoder
from concord3d.features.open_tower import open_tower
from concord3d.features.prompts import class_features, load_class_features
from concord3d.features.stored import open_features
from concord3d.features.tower import TowerMismatch, TowerSpec
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.files import read_json
from concord3d.models.weights import save_weights
from concord3d.named_modules import module_names
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import cloud_view_spec

MakeTower = Callable[..., Any]
CLASSES = ("chair", "night_stand")
COUNTING = TowerSpec("counting", "none")
OF_TOWERS = {"classes", "frozen", "images", "projected", "shipped", "texts", "trunk_maps"}
OF_STORES = {"scan_pictures", "scan_points", "scan_texts", "superpixels"}


def unopened(opening: Callable[..., Any], *told: Any) -> Any:
    raise AssertionError("a tower was opened")


def gives(tower: Any) -> Callable[..., Any]:
    """Stands for the opening of the tower ``COUNTING``."""

    def opened(opening: Callable[..., Any], *told: Any) -> Any:
        assert (opening, told) == (open_tower, (COUNTING,))
        return tower

    return opened


def task(
    folder: Path, inputs: dict[str, Path], outputs: list[str], opened: Callable[..., Any], **options: Any
) -> EncodeTask:
    files = {name: [path] for name, path in inputs.items()}
    params = {**options, "tower": asdict(options.get("tower", COUNTING))}
    return EncodeTask(files, [folder / name for name in outputs], params, opened, folder / "features")


def clouds(folder: Path, shape_texts: tuple[ShapeTexts, ...] | None) -> Path:
    points = np.random.default_rng(0).normal(size=(3, 64, 3)).astype(np.float32)
    split = CloudSplit(
        "set", "test", "synthetic", points, np.array([0, 1, 0]), CLASSES, ("a", "b", "c"), texts=shape_texts
    )
    split.save(folder / "clouds.npz")
    return folder / "clouds.npz"


def test_every_kind_has_an_encode_and_says_whose_sources_made_its_shards() -> None:
    kinds = set(module_names("concord3d.features.encode")) - {"task"}
    assert kinds == OF_TOWERS | OF_STORES
    for name in kinds:
        kind = import_module(f"concord3d.features.encode.{name}")
        assert callable(kind.encode) and kind.MADE_BY in ((), ("concord3d.features",))
        assert (name == "shipped") == (not kind.MADE_BY)


def test_pictures_of_a_view_set(tmp_path: Path, counting_tower: MakeTower) -> None:
    views_of(tmp_path)
    tower = counting_tower()
    count = images.encode(task(tmp_path, {"views": tmp_path / "views.json"}, ["images.json"], gives(tower)))
    assert (count.encoded, tower.images) == (30, 30)
    drawn = np.concatenate(open_view_set(tmp_path / "views.json").images)
    expected = counting_tower().encode_images(drawn.reshape(-1, *drawn.shape[2:])).reshape(3, 10, 4)
    stored = open_features(tmp_path / "images.json", tower.identity)
    np.testing.assert_array_equal(stored.array, expected.astype(np.float16))
    assert read_json(tmp_path / "images.json").get("drawn_by") == read_json(tmp_path / "views.json").get("drawn_by")
    again = images.encode(task(tmp_path, {"views": tmp_path / "views.json"}, ["images.json"], gives(tower)))
    assert (again.encoded, again.kept) == (0, 30)


PICTURES_TOLD = ALIGNED["pictures"]


def opens(told: list[tuple[Any, ...]] | None = None) -> Callable[..., Any]:
    """Opens what is asked for, and remembers it."""

    def opened(opening: Callable[..., Any], *arguments: Any) -> Any:
        if told is not None:
            told.append((opening, *arguments))
        return opening(*arguments, "cpu", None)

    return opened


def views_of(folder: Path, name: str = "views") -> Path:
    points = np.random.default_rng(len(name)).normal(size=(3, 64, 3)).astype(np.float32)
    render_cloud_views(points, cloud_view_spec(), folder / "views", folder / f"{name}.json")
    return folder / f"{name}.json"


def aligned_tower(folder: Path, seed: int) -> TowerSpec:
    """An aligned tower with random weights."""
    (folder / f"{seed}.json").write_text(json.dumps(ALIGNED))
    pair = FrozenPair(AlignedTowerConfig.model_validate(ALIGNED))
    torch.manual_seed(seed)
    save_weights(pair.new_projection(), folder / f"{seed}.safetensors", pair.header())
    return TowerSpec(str(folder / f"{seed}.json"), str(folder / f"{seed}.safetensors"))


def test_pictures_by_a_frozen_encoder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    monkeypatch.setattr(frozen, "open_picture_encoder", lambda *told: FakePictures(told[1], "0" * 64))
    views, told = views_of(tmp_path), list[tuple[Any, ...]]()
    asked = task(tmp_path, {"views": views}, ["frozen.json"], opens(told), pictures=PICTURES_TOLD)
    count = frozen.encode(asked)
    assert count.encoded == 30 and told == [(frozen.open_picture_encoder, "fake_pictures", 32)]
    stored = open_features(tmp_path / "frozen.json", picture_identity(32))
    drawn = np.concatenate(open_view_set(views).images)
    expected = FakePictures(32, "").encode_images(drawn.reshape(-1, *drawn.shape[2:])).reshape(3, 10, -1)
    np.testing.assert_array_equal(stored.array, expected.astype(np.float16))
    assert read_json(tmp_path / "frozen.json").get("drawn_by") == read_json(views).get("drawn_by")
    assert frozen.encode(asked).record()["kept"] == 30
    assert open_picture_encoder is not frozen.open_picture_encoder


def test_an_aligned_tower_projects_what_its_picture_encoder_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch)
    monkeypatch.setattr(frozen, "open_picture_encoder", lambda *told: FakePictures(told[1], "0" * 64))
    views = views_of(tmp_path)
    frozen.encode(task(tmp_path, {"views": views}, ["frozen.json"], opens(), pictures=PICTURES_TOLD))
    monkeypatch.setattr(FrozenPair, "pictures", property(lambda self: pytest.fail("the picture encoder was opened")))
    drawn = np.concatenate(open_view_set(views).images)
    found = []
    for seed in (0, 1):
        spec = aligned_tower(tmp_path, seed)
        asked = task(tmp_path, {"pictures": tmp_path / "frozen.json"}, [f"{seed}.index.json"], opens(), tower=spec)
        assert projected.encode(asked).encoded == 30 and projected.encode(asked).kept == 30
        tower = AlignedTower.open(spec, "cpu", None)
        stored = open_features(tmp_path / f"{seed}.index.json", tower.identity)
        expected = tower.project(FakePictures(32, "").encode_images(drawn.reshape(-1, *drawn.shape[2:])))
        np.testing.assert_allclose(stored.array.reshape(30, -1), expected, atol=4e-3)
        assert (stored.dim, stored.num_views) == (16, 10)
        found.append(stored.array)
    assert np.abs(found[0].astype(np.float32) - found[1]).max() > 0.1
    drawn_by = [read_json(path).get("drawn_by") for path in (tmp_path / "0.index.json", views)]
    assert drawn_by[0] == drawn_by[1] is not None


def test_features_of_another_picture_encoder_are_not_projected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    monkeypatch.setattr(frozen, "open_picture_encoder", lambda *told: FakePictures(told[1], "1" * 64))
    inputs = {"views": views_of(tmp_path)}
    frozen.encode(task(tmp_path, inputs, ["frozen.json"], opens(), pictures=PICTURES_TOLD))
    asked = task(
        tmp_path, {"pictures": tmp_path / "frozen.json"}, ["index.json"], opens(), tower=aligned_tower(tmp_path, 0)
    )
    with pytest.raises(TowerMismatch) as refused:
        projected.encode(asked)
    assert refused.value.found == {"weights_sha256": "1" * 64} and not (tmp_path / "index.json").exists()


def test_texts_of_the_shapes(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower = counting_tower()
    given = (ShapeTexts("chair", ("a seat",), ("sale",)), ShapeTexts("", ("a seat",)), ShapeTexts("lamp"))
    texts.encode(task(tmp_path, {"clouds": clouds(tmp_path, given)}, ["texts.json"], gives(tower)))
    stored = open_features(tmp_path / "texts.json", tower.identity)
    assert set(stored.texts) == {"chair", "a seat", "sale", "lamp"} and tower.texts == 4


def test_of_a_data_set_without_texts_the_names_of_classes_are_encoded(
    tmp_path: Path, counting_tower: MakeTower
) -> None:
    tower = counting_tower()
    texts.encode(task(tmp_path, {"clouds": clouds(tmp_path, None)}, ["texts.json"], gives(tower)))
    stored = open_features(tmp_path / "texts.json", tower.identity)
    assert set(stored.texts) == {"chair", "night stand"} and tower.texts == 2


def test_class_names_by_way_of_their_sentences(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower = counting_tower()
    outputs = ["classes.npz", "sentences.json"]
    count = classes.encode(task(tmp_path, {"clouds": clouds(tmp_path, None)}, outputs, gives(tower)))
    assert count.encoded == tower.texts == 128
    found = load_class_features(tmp_path / "classes.npz", CLASSES)
    np.testing.assert_allclose(found, class_features(counting_tower(), CLASSES), atol=2e-3)


def test_features_of_a_release_need_no_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def read(*told: Any) -> Any:
        asked.append(told)
        for name in ("a", "b"):
            text_features = np.full((1, 3), 2, np.float32)
            yield ShapeFeatures(name, ShapeTexts(f"text of {name}"), np.ones((2, 3), np.float32), text_features)

    spec = SimpleNamespace(reader="openshape")
    monkeypatch.setattr(shipped, "load_catalog", lambda path: {"release": spec} if path.name == "sets.yaml" else {})
    monkeypatch.setattr(shipped, "find_reader", lambda name: SimpleNamespace(read_tower_features=read))
    tower = TowerSpec("ViT-bigG-14", "laion2b_s39b_b160k")
    told = {"catalog": "sets.yaml", "dataset": "release", "split": "train", "tower": tower}
    inputs = {"marker": tmp_path / "raw" / "complete"}
    shipped.encode(task(tmp_path, inputs, ["images.json", "texts.json", "count.json"], unopened, **told))
    assert asked == [(spec, tmp_path / "raw", "train")]
    assert open_features(tmp_path / "images.json").array.shape == (2, 2, 3)
    assert set(open_features(tmp_path / "texts.json").texts) == {"text of a", "text of b"}
