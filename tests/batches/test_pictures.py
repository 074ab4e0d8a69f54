"""Batches of pictures with the texts of their objects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from concord3d.batches.pictures import PictureData, opened, pictured_objects
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.preprocess import Preprocess
from concord3d.methods.clip.settings import ClipSettings
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import cloud_view_spec

PLAIN = Preprocess(4, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize_mode="squash")


class Greys:
    """Pictures of one grey each: ten times the object plus the view."""

    num_objects, num_views = 6, 5

    def read(self, object_index: np.ndarray, view_index: np.ndarray) -> np.ndarray:
        grey = (10 * object_index[:, None] + view_index).astype(np.uint8)
        return np.broadcast_to(grey[..., None, None, None], (*grey.shape, 4, 4, 3))


def greys() -> PictureData:
    texts = tuple(ShapeTexts(f"object {number}") for number in range(6))
    return PictureData(Pairs([PicturedObjects("g", {"v": Greys()}, texts, np.zeros(6, np.int64), ("x",))], PLAIN))


def test_each_object_has_one_randomly_chosen_picture_of_its_own_and_its_texts() -> None:
    data, units = greys(), np.array([4, 0, 5])
    seen: set[tuple[int, ...]] = set()
    for seed in range(40):
        batch = data.read(units, torch.Generator().manual_seed(seed))
        assert batch.pixels.shape == (3, 3, 4, 4) and batch.pixels.dtype == torch.float32
        levels = (batch.pixels[:, 0, 0, 0] * 255).round().long()
        assert (levels // 10).tolist() == units.tolist()
        seen.add(tuple((levels % 10).tolist()))
        assert [choice.description for choice in batch.texts] == ["object 4", "object 0", "object 5"]
    assert {view for views in seen for view in views} == set(range(5)) and len(seen) > 20
    again = [data.read(units, torch.Generator().manual_seed(1)).pixels for _ in range(2)]
    assert torch.equal(*again)


def test_moving_a_batch_keeps_its_texts() -> None:
    batch = greys().read(np.arange(3), torch.Generator().manual_seed(0))
    moved = batch.to(torch.device("meta"))
    assert moved.pixels.device.type == "meta" and moved.texts == batch.texts


def test_stores_and_view_sets_of_several_data_sets_are_opened_in_turn(tmp_path: Path) -> None:
    model = tmp_path / "micro.json"
    vision = {"image_size": 8, "patch_size": 4, "width": 16, "layers": 1, "head_width": 8}
    text = {"context_length": 10, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1}
    model.write_text(json.dumps({"model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}}))
    files: dict[str, list[Path]] = {"clouds": [], "views": []}
    for seed, name in enumerate(("first", "second")):
        points = np.random.default_rng(seed).normal(size=(2, 64, 3)).astype(np.float32)
        texts = (ShapeTexts(f"{name} thing"), ShapeTexts() if seed else ShapeTexts("another"))
        labels, names = np.array([0, -1]), (f"{name} 0", f"{name} 1")
        store = CloudSplit(name, "train", "synthetic", points, labels, (f"class of {name}",), names, texts=texts)
        store.save(tmp_path / f"{name}.npz")
        files["clouds"].append(tmp_path / f"{name}.npz")
        for view_set in ("near", "far"):
            shown = points if view_set == "near" else points / 2
            index = tmp_path / f"{name}_{view_set}.json"
            render_cloud_views(shown, cloud_view_spec(), tmp_path / "views", index)
            files["views"].append(index)
    run = {"data": {"view_sets": ["near", "far"]}, "encoder": {"model": str(model)}}
    data = opened(run, ClipSettings(min_image_to_text_r1=None, min_zero_shot_top1=None), files)
    assert (len(data), data.pairs.num_without_text, data.unit) == (3, 1, "pairs")
    assert data.pairs.ranges == {"near": (0, 10), "far": (10, 20)}
    assert data.pairs.class_names == ("class of first", "class of second") and data.pairs.labels.tolist() == [0, -1, 1]
    whole = open_view_set(files["views"][3]).read(np.array([0]), np.array([[2]]))
    expected = data.pairs._preprocess.resize(torch.from_numpy(np.ascontiguousarray(whole[:, 0])))
    found = data.pairs.read(np.array([2]), np.array([[12]]))
    np.testing.assert_array_equal(found[0, 0], expected[0].permute(1, 2, 0).expand(-1, -1, 3))


def test_a_data_set_without_texts_is_described_by_its_classes(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(3, 64, 3)).astype(np.float32)
    labels, names = np.array([1, -1, 0]), ("a", "b", "c")
    CloudSplit("plain", "train", "synthetic", points, labels, ("night_stand", "cup"), names).save(
        tmp_path / "plain.npz"
    )
    render_cloud_views(points, cloud_view_spec(image_size=16), tmp_path / "views", tmp_path / "index.json")
    views = open_view_set(tmp_path / "index.json")
    pairs = Pairs(pictured_objects(["pointclip_v2_10"], [tmp_path / "plain.npz"], [views]), PLAIN)
    assert [choice.description for choice in pairs.texts] == ["cup", "night stand"]
    assert pairs.num_without_text == 1 and pairs.labels.tolist() == [1, 0]
