"""Kinds of inputs to a tower: each reads its files and leaves what is opened by its index."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from concord3d.data.readers.interface import ShapeFeatures
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.encode import classes, images, shipped, texts
from concord3d.features.encode.task import EncodeTask
from concord3d.features.prompts import class_features, load_class_features
from concord3d.features.stored import open_features
from concord3d.features.tower import Tower, TowerSpec
from concord3d.files import read_json
from concord3d.named_modules import module_names
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import cloud_view_spec

MakeTower = Callable[..., Any]
CLASSES = ("chair", "night_stand")


def unopened() -> Tower:
    raise AssertionError("the tower was opened")


def task(
    folder: Path, inputs: dict[str, Path], outputs: list[str], open_tower: Callable[[], Any], **options: Any
) -> Any:
    files = {name: [path] for name, path in inputs.items()}
    spec = options.pop("tower", TowerSpec("counting", "none"))
    return EncodeTask(files, [folder / name for name in outputs], options, spec, open_tower, folder / "features")


def clouds(folder: Path, shape_texts: tuple[ShapeTexts, ...] | None) -> Path:
    points = np.random.default_rng(0).normal(size=(3, 64, 3)).astype(np.float32)
    split = CloudSplit(
        "set", "test", "synthetic", points, np.array([0, 1, 0]), CLASSES, ("a", "b", "c"), texts=shape_texts
    )
    split.save(folder / "clouds.npz")
    return folder / "clouds.npz"


def test_every_kind_has_an_encode_and_says_whose_sources_made_its_shards() -> None:
    kinds = set(module_names("concord3d.features.encode")) - {"task"}
    assert kinds == {"classes", "images", "shipped", "texts"}
    for name in kinds:
        kind = import_module(f"concord3d.features.encode.{name}")
        assert callable(kind.encode) and kind.MADE_BY in ((), ("concord3d.features",))
        assert (name == "shipped") == (not kind.MADE_BY)


def test_pictures_of_a_view_set(tmp_path: Path, counting_tower: MakeTower) -> None:
    points = np.random.default_rng(0).normal(size=(3, 64, 3)).astype(np.float32)
    render_cloud_views(points, cloud_view_spec(), tmp_path / "views", tmp_path / "views.json")
    tower = counting_tower()
    count = images.encode(task(tmp_path, {"views": tmp_path / "views.json"}, ["images.json"], lambda: tower))
    assert (count.encoded, tower.images) == (30, 30)
    drawn = np.concatenate(open_view_set(tmp_path / "views.json").images)
    expected = counting_tower().encode_images(drawn.reshape(-1, *drawn.shape[2:])).reshape(3, 10, 4)
    stored = open_features(tmp_path / "images.json", tower.identity)
    np.testing.assert_array_equal(stored.array, expected.astype(np.float16))
    assert read_json(tmp_path / "images.json").get("drawn_by") == read_json(tmp_path / "views.json").get("drawn_by")
    again = images.encode(task(tmp_path, {"views": tmp_path / "views.json"}, ["images.json"], lambda: tower))
    assert (again.encoded, again.kept) == (0, 30)


def test_texts_of_the_shapes(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower = counting_tower()
    given = (ShapeTexts("chair", ("a seat",), ("sale",)), ShapeTexts("", ("a seat",)), ShapeTexts("lamp"))
    texts.encode(task(tmp_path, {"clouds": clouds(tmp_path, given)}, ["texts.json"], lambda: tower))
    stored = open_features(tmp_path / "texts.json", tower.identity)
    assert set(stored.texts) == {"chair", "a seat", "sale", "lamp"} and tower.texts == 4
    with pytest.raises(ConfigError, match="no texts"):
        texts.encode(task(tmp_path, {"clouds": clouds(tmp_path, None)}, ["none.json"], lambda: tower))


def test_class_names_by_way_of_their_sentences(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower = counting_tower()
    outputs = ["classes.npz", "sentences.json"]
    count = classes.encode(task(tmp_path, {"clouds": clouds(tmp_path, None)}, outputs, lambda: tower))
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
