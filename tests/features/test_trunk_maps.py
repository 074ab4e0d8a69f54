"""Maps of a frozen trunk: they are what the trunk says of the same pixels, and nothing under a mask reaches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.features.fake_encoders import FakeTrunk
from torch import nn

from concord3d.arrays import write_arrays
from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features import encode
from concord3d.features.encode.task import EncodeTask
from concord3d.features.encode.trunk_maps import encode as encode_maps
from concord3d.features.frozen_encoders import open_frozen_trunk
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.preprocess import Preprocess
from concord3d.features.strong_pictures import StrongPictures
from concord3d.features.trunk_maps import (
    TrunkMaps,
    chosen_views,
    drawn_masks,
    hidden_pixels,
    normalised,
    trunk_maps,
)
from concord3d.models.hybrid_vit import HybridViT
from concord3d.render.shards import render_cloud_views
from concord3d.render.view_spec import cloud_view_spec

NUM_OBJECTS, NUM_VIEWS, SIZE = 19, 5, 48
PREPROCESS = Preprocess(SIZE, (0.498,) * 3, (0.502,) * 3)
STRENGTH = PictureStrength(rand_augment=None, mask_ratio=0.5, mask_cell=1)


class Random:
    """Pictures of noise, more than pass through the trunk together."""

    num_objects, num_views = NUM_OBJECTS, NUM_VIEWS

    def __init__(self, channels: int = 3) -> None:
        self.channels = channels
        rng = np.random.default_rng(0)
        self.pixels = rng.integers(0, 256, (NUM_OBJECTS, NUM_VIEWS, 40, 40, channels), dtype=np.uint8)

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[object_index[:, None], view_index]


@pytest.fixture(scope="module")
def trunk() -> FakeTrunk:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return FakeTrunk().eval()


def made(trunk: Any, views: Any = None, num_views: int | None = 2, num_strong: int = 3, seed: int = 0) -> TrunkMaps:
    return trunk_maps(views or Random(), trunk, PREPROCESS, num_views, num_strong, STRENGTH, seed)


def assert_half(found: NDArray[np.float16], expected: torch.Tensor) -> None:
    assert found.dtype == np.float16
    torch.testing.assert_close(torch.from_numpy(found).float(), expected, rtol=1e-3, atol=1e-4)


def test_maps_are_what_the_trunk_says_of_the_same_pixels(trunk: FakeTrunk) -> None:
    views, maps = Random(), made(trunk)
    assert (len(maps), maps.num_views, maps.num_strong) == (NUM_OBJECTS, 2, 3)
    assert maps.masks.shape == (NUM_OBJECTS, 2, 3, 3, 3) and maps.pictures.shape == (NUM_OBJECTS, 2, 3, SIZE, SIZE, 3)
    with torch.no_grad():
        for place, view in enumerate((0, 2)):
            assert_half(maps.weak[:, place], trunk(normalised(views.pixels[:, view], PREPROCESS)))
            for version in range(3):
                pixels = normalised(maps.pictures[:, place, version], PREPROCESS)
                hidden = hidden_pixels(pixels, torch.from_numpy(maps.masks[:, place, version]))
                assert_half(maps.strong[:, place, version], trunk(hidden))


def test_strong_versions_are_of_their_picture_and_all_different(trunk: FakeTrunk) -> None:
    maps = made(trunk)
    change = StrongPictures(SIZE, STRENGTH, PREPROCESS.mean)
    seed = int(np.random.SeedSequence([0, 17, 2, 1]).generate_state(1)[0])
    np.testing.assert_array_equal(maps.pictures[17, 1, 1], change(Random().pixels[17, 2], seed))
    assert len({one.tobytes() for one in maps.pictures.reshape(-1, SIZE * SIZE * 3)}) == NUM_OBJECTS * 6
    assert len({one.tobytes() for one in maps.masks.reshape(-1, 9)}) > 40
    assert set(maps.masks.sum((-2, -1)).ravel().tolist()) == {5}


def test_a_seed_decides_everything_and_one_of_many_views_is_the_same_picture(trunk: FakeTrunk) -> None:
    first, again, other, whole = made(trunk), made(trunk), made(trunk, seed=1), made(trunk, num_views=None)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, vars(again)[name])
    assert not np.array_equal(first.pictures, other.pictures) and not np.array_equal(first.masks, other.masks)
    np.testing.assert_array_equal(first.weak, other.weak)
    np.testing.assert_array_equal(first.pictures[:, 1], whole.pictures[:, 2])


def test_pixels_under_a_mask_do_not_reach_the_map(trunk: FakeTrunk) -> None:
    """As in :meth:`HybridViT.trunk_map`: every bit under a mask may change."""
    maps = made(trunk)
    pixels, masks = normalised(maps.pictures[:, 0, 0], PREPROCESS), torch.from_numpy(maps.masks[:, 0, 0])
    wide = masks.repeat_interleave(16, 1).repeat_interleave(16, 2)[:, None]
    changed = torch.where(wide, 1 - pixels, pixels)
    assert torch.equal(hidden_pixels(pixels, masks), hidden_pixels(changed, masks)) and not torch.equal(pixels, changed)
    vit = HybridViT(nn.Sequential(trunk), 6, 16, width=8, depth=1, num_heads=2, mlp_width=8, out_dim=4)
    with torch.no_grad():
        expected = vit.trunk_map(pixels, masks)
        assert torch.equal(vit.trunk_map(changed, masks), expected)
        assert_half(maps.strong[:, 0, 0], expected)
        assert not torch.allclose(trunk(pixels), expected)


def test_without_strong_versions_there_are_weak_maps_alone(trunk: FakeTrunk) -> None:
    maps = made(trunk, num_strong=0)
    assert maps.num_strong == 0 and maps.masks.size == maps.pictures.size == maps.strong.size == 0
    np.testing.assert_array_equal(maps.weak, made(trunk).weak)


def test_grey_pictures_are_kept_grey(trunk: FakeTrunk) -> None:
    maps = made(trunk, Random(channels=1))
    assert maps.pictures.shape[-1] == 1
    pixels = normalised(maps.pictures[:4, 0, 0], PREPROCESS)
    assert pixels.shape == (4, 3, SIZE, SIZE) and torch.equal(pixels[:, 0], pixels[:, 2])


def test_a_file_holds_them_and_something_else_is_named(tmp_path: Path, trunk: FakeTrunk) -> None:
    maps = made(trunk)
    maps.write(tmp_path / "maps.npz")
    for name, value in vars(TrunkMaps.read(tmp_path / "maps.npz")).items():
        np.testing.assert_array_equal(value, vars(maps)[name])
    write_arrays(tmp_path / "other.npz", {"weak": maps.weak})
    with pytest.raises(UnreadableFile, match="Not the maps of a trunk"):
        TrunkMaps.read(tmp_path / "other.npz")
    with pytest.raises(UnreadableFile):
        TrunkMaps.read(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("stored", "asked", "chosen"),
    [(10, None, list(range(10))), (10, 1, [0]), (10, 4, [0, 2, 5, 7]), (12, 12, list(range(12))), (1, 1, [0])],
)
def test_views_are_spread_evenly(stored: int, asked: int | None, chosen: list[int]) -> None:
    assert chosen_views(stored, asked).tolist() == chosen


def test_more_views_than_there_are_is_named() -> None:
    with pytest.raises(ConfigError, match=r"(?s)not so many views.*num_views.*at most 3.*found: 4"):
        chosen_views(3, 4)


def test_a_cell_is_at_most_the_whole_grid() -> None:
    strength = PictureStrength(mask_ratio=0.3, mask_cell=2)
    draw = torch.Generator().manual_seed(0)
    assert drawn_masks(3, 1, strength, draw).all()
    published = drawn_masks(5, 14, strength, draw)
    assert published.sum((1, 2)).tolist() == [60] * 5


def test_the_encoding_step_writes_what_its_settings_say(tmp_path: Path, trunk: FakeTrunk) -> None:
    points = np.random.default_rng(0).normal(size=(3, 64, 3)).astype(np.float32)
    render_cloud_views(points, cloud_view_spec(image_size=32), tmp_path / "views", tmp_path / "index.json")

    def opened(opening: Any, *told: Any) -> Any:
        assert (opening, told) == (open_frozen_trunk, ("fake",))
        return trunk

    params = {
        "trunk": {"encoder": "fake", "image_size": 32}, "num_views": 3, "num_strong": 2,
        "strength": STRENGTH.model_dump(mode="json"),
    }  # fmt: skip
    task = EncodeTask({"views": [tmp_path / "index.json"]}, [tmp_path / "maps.npz"], params, opened, tmp_path)
    count = encode_maps(task)
    maps = TrunkMaps.read(tmp_path / "maps.npz")
    assert (len(maps), maps.num_views, maps.num_strong) == (3, 3, 2) and count.encoded == 3 * 3 * 3
    assert maps.masks.sum((-2, -1)).max() == 2 and encode.__name__ == "concord3d.features.encode"
