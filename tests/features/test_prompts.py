"""Sentences around class names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features.prompts import (
    TEMPLATES,
    all_class_prompts,
    class_features,
    class_prompts,
    class_words,
    load_class_features,
    save_class_features,
    texts_of,
)
from concord3d.features.tower import TowerMismatch


def test_there_are_64_different_sentences_that_all_hold_the_words() -> None:
    prompts = class_prompts("night_stand")
    assert len(TEMPLATES) == len(prompts) == len(set(prompts)) == 64
    assert all("night stand" in prompt and "{" not in prompt and "_" not in prompt for prompt in prompts)


def test_the_article_follows_the_word() -> None:
    assert "a photograph of an airplane." in class_prompts("airplane")
    assert "a photograph of a glass box." in class_prompts("glass_box")
    assert class_words("  flower__pot ") == "flower pot"


def test_a_class_feature_is_the_mean_of_normalised_features(counting_tower: Callable[..., Any]) -> None:
    tower = counting_tower(dim=5)
    names = ["chair", "table", "tv_stand"]
    found = class_features(tower, names)
    for row, name in enumerate(names):
        expected = np.zeros(5)
        for template in TEMPLATES:
            words = name.replace("_", " ")
            feature = tower.encode_texts([template.format(words, a=f"a {words}")])[0].astype(np.float64)
            expected += feature / np.sqrt((feature**2).sum()) / 64
        np.testing.assert_allclose(found[row], expected, atol=1e-6)
    assert found.dtype == np.float32
    assert all_class_prompts(names)[64:128] == class_prompts("table")


def test_no_classes_are_refused(counting_tower: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="no classes"):
        class_features(counting_tower(), [])


def test_stored_class_features_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    for name in ("a.npz", "b.npz"):
        save_class_features(tmp_path / name, ["chair", "table", "sofa"], features)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert load_class_features(tmp_path / "a.npz", ("sofa", "chair")).tolist() == [[4, 5], [0, 1]]
    with pytest.raises(TowerMismatch, match="bed"):
        load_class_features(tmp_path / "a.npz", ("chair", "bed"))
    (tmp_path / "a.npz").write_bytes(b"PK")
    for name in ("a.npz", "absent.npz"):
        with pytest.raises(UnreadableFile, match=name):
            load_class_features(tmp_path / name, ("chair",))


def test_what_is_written_about_shapes_or_else_the_names_of_their_classes() -> None:
    points, names = np.zeros((3, 4, 3), np.float32), ("a", "b", "c")
    plain = CloudSplit("set", "train", "real", points, np.array([1, -1, 0]), ("cup", "night_stand"), names)
    assert texts_of(plain) == (ShapeTexts("night stand"), ShapeTexts(""), ShapeTexts("cup"))
    assert [text.all for text in texts_of(plain)] == [("night stand",), (), ("cup",)]
    written = (ShapeTexts("one"), ShapeTexts(), ShapeTexts("", ("three",)))
    described = CloudSplit(
        "set", "train", "real", points, np.array([1, -1, 0]), ("cup", "night_stand"), names, texts=written
    )
    assert texts_of(described) == written
