"""Objects of whose pictures frozen features are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.features.picture_sets import PLAIN, Pictures

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features import feature_pairs
from concord3d.features.cache import image_features
from concord3d.features.feature_pairs import FeaturePairs, StoredPictures
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.stored import open_features


class Levels:
    """Encodes a picture by its grey, twice."""

    dim, identity = 2, {"architecture": "levels"}

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        grey = images[:, 0, 0, 0].astype(np.float32)
        return np.stack([grey, -grey], axis=1)


class Halves:
    """Projects onto half the first feature."""

    def project(self, pictures: NDArray[np.floating]) -> NDArray[np.float32]:
        return pictures[:, :1].astype(np.float32) / 2


def stored(folder: Path, pictures: Pictures, name: str) -> StoredPictures:
    pixels = [pictures.pixels[:2], pictures.pixels[2:]]
    index, levels = folder / f"{name}.json", Levels()
    image_features(pixels, [f"{name} 0", f"{name} 1"], levels, levels.encode_images, folder / "store", index)
    return StoredPictures(open_features(index))


def both(folder: Path) -> tuple[FeaturePairs, Pairs]:
    """The same objects, by features and by pixels; object 1 has no text."""
    texts = (ShapeTexts("x"), ShapeTexts(), ShapeTexts("y"), ShapeTexts("z"))
    pictures = {"clean": Pictures(4, 3), "photo": Pictures(4, 2, 100)}
    features = {name: stored(folder, shown, name) for name, shown in pictures.items()}
    facts = (texts, np.array([0, 1, 1, 0]), ("chair", "table"))
    sets = [PicturedObjects("a", views, *facts) for views in (features, pictures)]
    return FeaturePairs(sets[:1], 2), Pairs(sets[1:], PLAIN)


def test_the_features_are_those_of_the_same_pictures_of_the_same_objects(tmp_path: Path) -> None:
    features, pixels = both(tmp_path)
    assert (features.num_objects, features.num_views, features.ranges) == (3, 5, pixels.ranges)
    assert features.labels.tolist() == pixels.labels.tolist()
    assert [choice.description for choice in features.texts] == ["x", "y", "z"]
    objects, views = np.array([2, 0, 1]), np.array([[0, 4], [1, 2], [3, 0]])
    found = features.read(objects, views)
    assert found.dtype == np.float16 and found.shape == (3, 2, 2)
    assert found[..., 0].tolist() == pixels.read(objects, views)[..., 0, 0, 0].tolist()
    every = np.broadcast_to(np.arange(5), (3, 5))
    np.testing.assert_array_equal(features.every(objects), features.read(objects, every))


def test_all_pictures_are_projected_as_a_tower_encodes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features, pixels = both(tmp_path)
    objects = np.array([2, 0, 1])
    expected = pixels.features(Levels(), objects)[..., :1] / 2
    for block in (256, 2):
        monkeypatch.setattr(feature_pairs, "_BLOCK_OBJECTS", block)
        np.testing.assert_array_equal(features.features(Halves(), objects), expected)


def test_identity_follows_the_features_and_bad_sets_are_refused(tmp_path: Path) -> None:
    texts = (ShapeTexts("x"),) * 4
    facts = (texts, np.zeros(4, np.int64), ("chair",))
    base, other = (stored(tmp_path, Pictures(4, 3, offset), f"offset {offset}") for offset in (0, 1))
    identities = [
        FeaturePairs([PicturedObjects("a", {"v": views}, *facts)], 2).identity for views in (base, base, other)
    ]
    assert identities[0] == identities[1] != identities[2]
    short = PicturedObjects("a", {"v": base}, texts[:3], np.zeros(3, np.int64), ("chair",))
    with pytest.raises(ConfigError, match="differ in number"):
        FeaturePairs([short], 2)
