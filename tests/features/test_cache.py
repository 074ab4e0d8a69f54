"""The store of features: encoded once, checked, mended shard by shard, read by memory map."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features import cache
from concord3d.features.cache import FeatureCount, image_features, text_features
from concord3d.features.prompts import all_class_prompts, class_features
from concord3d.features.stored import open_features
from concord3d.features.tower import BadText
from concord3d.files import read_json, sha256_file
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import cloud_view_spec

MakeTower = Callable[..., Any]


def shards(*sizes: int) -> tuple[list[NDArray[np.uint8]], list[str]]:
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (size, 5, 8, 8, 3), dtype=np.uint8) for size in sizes]
    return images, [f"hash {number} of {size}" for number, size in enumerate(sizes)]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def encode(folder: Path, tower: Any, images: Any, index: str = "index.json") -> FeatureCount:
    return image_features(*images, tower, tower.encode_images, folder / "store", folder / index)


def test_a_second_run_encodes_nothing_and_changes_nothing(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower, images = counting_tower(), shards(3, 3, 2)
    first = encode(tmp_path, tower, images)
    before = tree(tmp_path)
    again = counting_tower()
    second = encode(tmp_path, again, images)
    assert (tower.images, again.images) == (40, 0)
    assert (first.encoded, first.kept, first.shards_encoded) == (40, 0, 3)
    assert (second.encoded, second.kept, second.shards_kept) == (0, 40, 3)
    assert tree(tmp_path) == before
    assert first.record()["items_per_s"] > 0 and second.record()["items_per_s"] is None


def test_what_is_read_is_what_the_tower_gave(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower, images = counting_tower(), shards(3, 2)
    encode(tmp_path, tower, images)
    features = open_features(tmp_path / "index.json", tower.identity)
    stacked = np.concatenate(images[0])
    expected = counting_tower().encode_images(stacked.reshape(-1, 8, 8, 3)).reshape(5, 5, 4).astype(np.float16)
    assert features.array.dtype == np.float16 and np.array_equal(features.array, expected)
    assert (features.num_items, features.num_views, features.dim, features.texts) == (5, 5, 4, ())
    stored = [sha256_file(tmp_path / "store" / shard["file"]) for shard in read_json(tmp_path / "index.json")["shards"]]
    assert features.checksums == stored
    assert all(isinstance(shard, np.memmap) for shard in features.shards)
    copy = pickle.loads(pickle.dumps(features))
    assert np.array_equal(copy.array, features.array) and copy.identity == features.identity


def test_the_index_says_what_drew_the_pictures(tmp_path: Path, counting_tower: MakeTower) -> None:
    drawn_by = {"renderer": "pytorch3d", "renderer_version": 1, "library": "pytorch3d 0.7.9"}
    images, hashes = shards(3)
    tower = counting_tower()
    stored = tmp_path / "store", tmp_path / "drawn.json"
    image_features(images, hashes, tower, tower.encode_images, *stored, drawn_by)
    encode(tmp_path, counting_tower(), (images, hashes), "brought.json")
    assert read_json(tmp_path / "drawn.json")["drawn_by"] == drawn_by
    assert "drawn_by" not in read_json(tmp_path / "brought.json")
    first, second = (open_features(tmp_path / name) for name in ("drawn.json", "brought.json"))
    assert first.identity == second.identity


def test_a_single_shard_stays_on_the_disk(tmp_path: Path, counting_tower: MakeTower) -> None:
    encode(tmp_path, counting_tower(), shards(4))
    assert isinstance(open_features(tmp_path / "index.json").array, np.memmap)


def test_only_what_changed_is_encoded(tmp_path: Path, counting_tower: MakeTower) -> None:
    images, hashes = shards(3, 3, 2)
    encode(tmp_path, counting_tower(), (images, hashes))
    cases = [
        ((images, [hashes[0], "another picture", hashes[2]]), counting_tower(), 15),
        ((images[1:], hashes[1:]), counting_tower(), 0),
        ((images, hashes), counting_tower(name="another architecture"), 40),
    ]
    weights, preprocessing = counting_tower(), counting_tower()
    weights.identity["weights_sha256"] = "1" * 64
    preprocessing.identity["preprocess"]["size"] = 9
    cases += [((images, hashes), weights, 40), ((images, hashes), preprocessing, 40)]
    for content, tower, expected in cases:
        encode(tmp_path, tower, content, "other.json")
        assert tower.images == expected
    kept = counting_tower()
    encode(tmp_path, kept, (images, hashes))
    assert kept.images == 0


def test_views_of_the_view_store_are_keyed_by_its_checksums(tmp_path: Path, counting_tower: MakeTower) -> None:
    clouds = np.random.default_rng(0).normal(size=(4, 64, 3)).astype(np.float32)
    index = tmp_path / "views.json"
    render_cloud_views(clouds, cloud_view_spec(), tmp_path / "views", index)
    views = open_view_set(index)
    hashes = [shard["sha256"] for shard in read_json(index)["shards"]]
    tower = counting_tower()
    encode = tower.encode_images
    image_features(views.images, hashes, tower, encode, tmp_path / "store", tmp_path / "features.json")
    assert tower.images == 40
    assert hashes == [sha256_file(tmp_path / "views" / shard["file"]) for shard in read_json(index)["shards"]]
    assert open_features(tmp_path / "features.json").array.shape == (4, 10, 4)


TEXTS = [f"text {number}" for number in range(40)]


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SHARD_TEXTS", 10)


def encode_texts(folder: Path, tower: Any, texts: list[str], index: str = "texts.json") -> FeatureCount:
    return text_features(texts, tower, folder / "store", folder / index)


@pytest.mark.usefixtures("small_shards")
def test_every_text_is_encoded_once_and_found_again(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower, again = counting_tower(), counting_tower()
    count = encode_texts(tmp_path, tower, TEXTS + TEXTS[::-1] + TEXTS[:7])
    before = tree(tmp_path)
    encode_texts(tmp_path, again, sorted(TEXTS))
    assert (tower.texts, again.texts, count.shards_encoded) == (40, 0, 4)
    assert tree(tmp_path) == before
    features = open_features(tmp_path / "texts.json")
    assert sorted(features.texts) == sorted(TEXTS) and features.array.shape == (40, 4)
    expected = counting_tower().encode_texts(TEXTS).astype(np.float16)
    assert np.array_equal(features.encode_texts(TEXTS), expected.astype(np.float32))
    assert np.array_equal(features.array[[features.row_of[text] for text in TEXTS]], expected)


@pytest.mark.usefixtures("small_shards")
def test_a_changed_text_touches_one_shard(tmp_path: Path, counting_tower: MakeTower) -> None:
    encode_texts(tmp_path, counting_tower(), TEXTS)
    sizes = [entry["rows"] for entry in read_json(tmp_path / "texts.json")["shards"]]
    tower = counting_tower()
    encode_texts(tmp_path, tower, [*TEXTS[:-1], "a changed text"])
    assert 0 < tower.texts <= 2 * max(sizes) and tower.texts < 40
    with pytest.raises(BadText, match="text 39"):
        open_features(tmp_path / "texts.json").encode_texts(["text 39"])
    other = counting_tower(name="another")
    encode_texts(tmp_path, other, TEXTS)
    assert other.texts == 40


def test_texts_that_hold_nothing_are_absent(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower = counting_tower()
    strange = ["", " \t", "\ud800", "x" * 10_000, "椅子", "🪑", "стул", "a\nb"]
    count = encode_texts(tmp_path, tower, strange)
    features = open_features(tmp_path / "texts.json")
    assert count.left_out == 3 and set(features.row_of) == set(strange[3:])
    with pytest.raises(BadText, match="no stored features"):
        features.encode_texts(["椅子", ""])
    with pytest.raises(ConfigError, match="no texts"):
        encode_texts(tmp_path, tower, ["", "  "])
    with pytest.raises(ConfigError, match="no texts"):
        encode_texts(tmp_path, tower, [])


@settings(max_examples=25)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=30))
def test_any_texts_come_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    from concord3d.features.tower import is_unusable

    folder = tmp_path_factory.mktemp("texts")
    usable = {text for text in texts if not is_unusable(text)}

    class Lengths:
        dim, image_size, identity = 1, 8, {"architecture": "lengths"}

        def encode_texts(self, batch: list[str]) -> NDArray[np.float32]:
            return np.array([[len(text)] for text in batch], np.float32)

    if not usable:
        with pytest.raises(ConfigError):
            encode_texts(folder, Lengths(), texts)
        return
    encode_texts(folder, Lengths(), texts)
    features = open_features(folder / "texts.json")
    assert {text: features.array[row, 0] for text, row in features.row_of.items()} == {t: len(t) for t in usable}


def test_class_features_from_the_store_equal_those_of_the_tower(tmp_path: Path, counting_tower: MakeTower) -> None:
    tower, names = counting_tower(), ["chair", "night_stand"]
    encode_texts(tmp_path, tower, all_class_prompts(names))
    assert tower.texts == 128
    stored = class_features(open_features(tmp_path / "texts.json"), names)
    np.testing.assert_allclose(stored, class_features(tower, names), atol=2e-3)
    with pytest.raises(BadText, match="sofa"):
        class_features(open_features(tmp_path / "texts.json"), ["sofa"])


def test_pictures_without_checksums_are_refused(tmp_path: Path, counting_tower: MakeTower) -> None:
    images, hashes = shards(2, 2)
    for content in ((images, hashes[:1]), ([], [])):
        with pytest.raises(ConfigError, match="differ in number"):
            encode(tmp_path, counting_tower(), content)


def test_opening_notices_a_damaged_shard_and_another_file(tmp_path: Path, counting_tower: MakeTower) -> None:
    encode(tmp_path, counting_tower(), shards(3, 3))
    encode_texts(tmp_path, counting_tower(), TEXTS)
    index = read_json(tmp_path / "index.json")
    shard = tmp_path / "store" / index["shards"][1]["file"]
    content = shard.read_bytes()
    for damaged in (content[:-2], b"x" * len(content)):
        shard.write_bytes(damaged)
        with pytest.raises(UnreadableFile, match=shard.name):
            open_features(tmp_path / "index.json")
    shard.unlink()
    with pytest.raises(UnreadableFile, match="no file"):
        open_features(tmp_path / "index.json")
    record = (tmp_path / "store" / read_json(tmp_path / "texts.json")["shards"][0]["file"]).with_suffix(".json")
    record.write_text(record.read_text().replace("text 5", "text 6", 1))
    with pytest.raises(UnreadableFile, match="texts of a shard"):
        assert open_features(tmp_path / "texts.json").texts
    (tmp_path / "index.json").write_text('{"format": 99}')
    with pytest.raises(UnreadableFile, match="index of features"):
        open_features(tmp_path / "index.json")
