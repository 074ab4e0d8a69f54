"""Features that OpenShape's release brings along: stored under the same indices as features encoded here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from concord3d.data.readers.interface import ShapeFeatures
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import DatasetError
from concord3d.features.shipped import shipped_features
from concord3d.features.stored import open_features
from concord3d.features.targets import text_rows
from concord3d.features.tower import TowerError, TowerMismatch, TowerSpec

BIGG = TowerSpec("ViT-bigG-14", "laion2b_s39b_b160k")


def records(num: int = 3, views: int = 4) -> Iterator[ShapeFeatures]:
    for index in range(num):
        rng = np.random.default_rng(index)
        texts = ShapeTexts(f"chair {index}", ("a photo",), () if index else ("SALE", "chair 0"))
        yield ShapeFeatures(
            name=f"id{index}",
            texts=texts,
            image_features=rng.normal(size=(views, 6)).astype(np.float32),
            text_features=rng.normal(size=(len(texts.all), 6)).astype(np.float32),
        )


def store(folder: Path, given: Iterator[ShapeFeatures], tower: TowerSpec = BIGG) -> dict:
    return shipped_features(given, tower, folder / "store", folder / "images.json", folder / "texts.json").record()


def test_pictures_and_texts_come_back_in_the_order_of_the_shapes(tmp_path: Path) -> None:
    count = store(tmp_path, records())
    images, texts = (open_features(tmp_path / name) for name in ("images.json", "texts.json"))
    given = list(records())
    np.testing.assert_array_equal(images.array, np.stack([r.image_features for r in given]).astype(np.float16))
    assert set(texts.texts) == {"chair 0", "chair 1", "chair 2", "a photo", "SALE"}
    np.testing.assert_array_equal(
        texts.encode_texts(["chair 1"])[0], given[1].text_features[0].astype(np.float16), "its own feature"
    )
    np.testing.assert_array_equal(
        texts.encode_texts(["chair 0"])[0], given[0].text_features[0].astype(np.float16), "the first occurrence"
    )
    rows = text_rows([record.texts for record in given], texts.row_of)
    assert [len(row.retrieved) for row in rows] == [2, 0, 0]
    assert count["encoded"] == 3 * 4 + 5


def test_a_second_call_stores_nothing(tmp_path: Path) -> None:
    store(tmp_path, records())
    again = store(tmp_path, records())
    assert (again["encoded"], again["kept"]) == (0, 17)


def test_another_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TowerMismatch, match="ViT-bigG-14"):
        store(tmp_path, records(), TowerSpec("ViT-B-32", "laion2b_s34b_b79k"))
    assert not (tmp_path / "images.json").exists()


def test_bad_releases_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no shapes"):
        store(tmp_path, iter(()))
    first, second, _ = records()
    with pytest.raises(DatasetError, match="differ in their pictures"):
        store(tmp_path, iter([first, replace(second, image_features=np.zeros((5, 6), np.float32))]))
    with pytest.raises(TowerError, match="not finite"):
        store(tmp_path, iter([replace(first, image_features=np.full((4, 6), 1e6, np.float32))]))
    with pytest.raises(DatasetError, match="no texts"):
        store(tmp_path, iter([replace(first, texts=ShapeTexts(), text_features=np.zeros((0, 6), np.float32))]))
