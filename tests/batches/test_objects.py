"""Batches of single objects: what is read, what is drawn, and what does not belong together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.features.conftest import CountingTower
from tests.training.tiny_training import ArrayViews, tiny_data, tiny_points, tiny_run

from concord3d.batches.objects import ObjectData, Targets, opened
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import BadCloud, ConfigError
from concord3d.features.cache import image_features, text_features
from concord3d.features.stored import open_features
from concord3d.methods.mm_mixing.settings import MMMixingSettings
from concord3d.methods.supervised.settings import SupervisedSettings


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_views_of_an_object_are_distinct_and_drawn_anew_for_each_object() -> None:
    data = tiny_data(tiny_run({"objective.views": 3}))
    chosen: list[NDArray[np.int64]] = []
    read = data.views.read
    data.views.read = lambda objects, views: chosen.append(views) or read(objects, views)
    batch = data.read(np.arange(40), drawn())
    (views,) = chosen
    assert views.shape == (40, 3) and all(len(set(row)) == 3 for row in views.tolist())
    assert set(views.ravel()) == set(range(5)) and len({tuple(row) for row in views.tolist()}) > 20
    np.testing.assert_array_equal(batch.labels, np.arange(40) % 4)
    np.testing.assert_array_equal(batch.views, data.views.pixels[np.arange(40)[:, None], views])


class FixedTargets:
    """The number of an object as its features."""

    dim, identity = 1, "towers"

    def __init__(self, num_objects: int) -> None:
        self.num_objects = num_objects

    def read(self, objects: NDArray[np.int64], generator: torch.Generator) -> tuple[NDArray, NDArray, NDArray]:
        column = objects[:, None].astype(np.float32)
        return column, -column, objects % 2 == 0


def test_what_is_not_stored_is_absent_and_targets_have_names() -> None:
    batch = ObjectData(tiny_points()).read(np.array([3, 1]), drawn())
    assert batch.views is batch.labels is batch.colors is batch.targets is None
    np.testing.assert_array_equal(batch.points, tiny_points()[[3, 1]])
    colors = np.arange(44 * 24 * 3).reshape(44, 24, 3).astype(np.uint8)
    batch = ObjectData(tiny_points(), colors=colors, targets=FixedTargets(44)).read(np.array([3, 2]), drawn())
    np.testing.assert_array_equal(batch.colors, colors[[3, 2]])
    assert isinstance(batch.targets, Targets)
    assert (batch.targets.image.tolist(), batch.targets.text.tolist()) == ([[3.0], [2.0]], [[-3.0], [-2.0]])
    assert batch.targets.has_text.tolist() == [False, True]


def test_without_drawn_views_none_is_read() -> None:
    data = ObjectData(tiny_points(), views=ArrayViews())
    assert data.read(np.arange(4), drawn()).views is None and data.views.reads == 0
    assert (data.num_views, data.num_classes, data.target_dim) == (5, 0, 0)


def test_identity_follows_every_part() -> None:
    labels, colors = np.arange(44) % 4, np.zeros((44, 24, 3), np.uint8)
    other_views, other_targets = ArrayViews(), FixedTargets(44)
    other_views.identity, other_targets.identity = "drawn again", "another tower"
    parts = [
        {},
        {"labels": labels},
        {"labels": labels[::-1]},
        {"colors": colors},
        {"views": ArrayViews()},
        {"views": other_views},
        {"targets": FixedTargets(44)},
        {"targets": other_targets},
    ]
    identities = [ObjectData(tiny_points(), **part).identity for part in parts]
    identities.append(ObjectData(tiny_points() * 2).identity)
    assert len(set(identities)) == len(identities)
    assert ObjectData(tiny_points(), labels=labels).identity == identities[1]


def test_parts_that_do_not_belong_together_are_refused_by_name() -> None:
    points = tiny_points()
    broken = tiny_points()
    broken[3, 2, 1] = np.nan
    for wrong in (broken, points[0], points[..., :2]):
        with pytest.raises(BadCloud, match="Training clouds are unusable"):
            ObjectData(wrong).validated()
    few = np.zeros(3, np.int64)
    cases = {
        "labels": {"labels": few},
        "views": {"points": points[:40], "views": ArrayViews()},
        "colours": {"colors": np.zeros((3, 24, 3), np.uint8)},
        "tower features": {"targets": FixedTargets(3)},
    }
    for name, parts in cases.items():
        with pytest.raises(ConfigError, match=f"The {name} do not belong to the clouds"):
            ObjectData(**{"points": points, **parts}).validated()
    ObjectData(points, labels=np.arange(44), views=ArrayViews(), targets=FixedTargets(44)).validated()


def data_set(folder: Path, name: str, captions: tuple[str, ...], tower: CountingTower) -> dict[str, Path]:
    """Files of a data set of two objects with two pictures and a caption each."""
    points = np.random.default_rng(len(name)).normal(size=(2, 24, 3)).astype(np.float32)
    texts = tuple(ShapeTexts(captions=(caption,)) for caption in captions)
    colors = np.full(points.shape, len(name), np.uint8)
    names = (f"{name} 0", f"{name} 1")
    files = {kind: folder / f"{name}_{kind}" for kind in ("clouds", "image_features", "text_features")}
    split = CloudSplit(
        name, "train", "synthetic", points, np.array([0, 1]), ("a", "b"), names, texts=texts, colors=colors
    )
    files["clouds"] = files["clouds"].with_suffix(".npz")
    split.save(files["clouds"])
    pictures = np.random.default_rng(len(name)).integers(0, 256, (2, 2, 8, 8, 3), dtype=np.uint8)
    image_features([pictures], [name], tower, tower.encode_images, folder / "store", files["image_features"])
    text_features(list(captions), tower, folder / "store", files["text_features"])
    return files


def test_objects_of_joined_data_sets_are_opened_with_their_own_targets(tmp_path: Path) -> None:
    tower = CountingTower()
    # Both sets have one caption in common, at another row.
    captions = (("a chair", "a lamp"), ("a lamp", "a boat"))
    sets = [data_set(tmp_path, name, own, tower) for name, own in zip(("first", "second"), captions, strict=True)]
    files = {kind: [made[kind] for made in sets] for kind in sets[0]}
    data = opened({"data": {}}, MMMixingSettings(), files)
    assert len(data) == 4 and data.target_dim == 4 and data.labels is None and data.views is None
    data.validated()
    expected_text = tower.encode_texts([caption for own in captions for caption in own]).astype(np.float16)
    pictures = [open_features(path).array for path in files["image_features"]]
    for seed in range(4):
        batch = data.read(np.arange(4), drawn(seed))
        np.testing.assert_array_equal(batch.targets.text.numpy(), expected_text.astype(np.float32))
        assert batch.targets.has_text.all()
        for unit, feature in enumerate(batch.targets.image.numpy()):
            own = pictures[unit // 2][unit % 2].astype(np.float32)
            assert any(np.array_equal(feature, picture) for picture in own)
        assert batch.colors[:, 0, 0].tolist() == [5, 5, 6, 6]


def test_classes_that_are_left_out_reach_neither_clouds_nor_targets(tmp_path: Path) -> None:
    tower = CountingTower()
    captions = (("a chair", "a lamp"), ("a lamp", "a boat without a"))
    sets = [data_set(tmp_path, name, own, tower) for name, own in zip(("first", "second"), captions, strict=True)]
    files = {kind: [made[kind] for made in sets] for kind in sets[0]}
    data = opened({"data": {"without_classes": ["a"]}}, MMMixingSettings(), files)
    whole = opened({"data": {}}, MMMixingSettings(), files)
    # Of each data set the second shape is left; every text here names class "a".
    np.testing.assert_array_equal(data.points, whole.points[[1, 3]])
    data.validated()
    batch = data.read(np.arange(2), drawn(0))
    assert not batch.targets.has_text.any()
    pictures = [open_features(path).array for path in files["image_features"]]
    for unit, feature in enumerate(batch.targets.image.numpy()):
        assert any(np.array_equal(feature, picture.astype(np.float32)) for picture in pictures[unit][1])
    assert data.identity != whole.identity


def test_colours_belong_to_methods_that_read_targets(tmp_path: Path) -> None:
    files = data_set(tmp_path, "first", ("a chair", "a lamp"), CountingTower())
    data = opened({"data": {}}, SupervisedSettings(), {"clouds": [files["clouds"]]})
    assert data.colors is None and data.targets is None and data.num_classes == 2
