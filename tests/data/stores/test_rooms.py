"""Stores of rooms: blocks come back with all channels, and faults are named."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.data.stores import open_store
from concord3d.data.stores.interface import Limits
from concord3d.data.stores.rooms import RoomBlocks, joined_rooms
from concord3d.errors import BadCloud, UnreadableFile, WrongRelease


def rooms(num_blocks: int = 4, num_points: int = 6, channels: int = 9, seed: int = 0) -> RoomBlocks:
    rng = np.random.default_rng(seed)
    return RoomBlocks(
        "s3dis",
        "test",
        "real",
        rng.normal(size=(num_blocks, num_points, channels)).astype(np.float32),
        rng.integers(0, 3, (num_blocks, num_points)),
        ("wall", "floor", "clutter"),
        tuple(f"Area_{index % 6 + 1}_hall_{index // 2}/{index:05d}" for index in range(num_blocks)),
        np.arange(num_blocks) % 6 + 1,
    )


@settings(max_examples=20)
@given(st.integers(1, 8), st.integers(1, 12), st.integers(3, 9), st.integers(0, 99), st.data())
def test_blocks_come_back(num_blocks: int, num_points: int, channels: int, seed: int, data: st.DataObject) -> None:
    blocks = rooms(num_blocks, num_points, channels, seed).validated()
    index = np.array(data.draw(st.lists(st.integers(0, num_blocks - 1), min_size=1)))
    with tempfile.TemporaryDirectory() as folder:
        blocks.save(Path(folder) / "a.npz")
        read = open_store(Path(folder) / "a.npz")
    assert isinstance(read, RoomBlocks) and len(read) == num_blocks and read.rooms[0] == "Area_1_hall_0"
    for first, second in ((read, blocks), (read.subset(index), blocks.subset(index))):
        assert first.names == second.names and first.class_names == second.class_names
        for name, array in first.arrays().items():
            np.testing.assert_array_equal(array, second.arrays()[name])
    np.testing.assert_array_equal(read.subset(index).features, blocks.features[index])
    np.testing.assert_array_equal(read.subset(index).areas, blocks.areas[index])
    assert read.subset(index).rooms == tuple(blocks.rooms[i] for i in index)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    blocks = rooms()
    features = blocks.features.copy()
    features[2, 0, 8] = np.nan
    for wrong, message in (
        (replace(blocks, features=features), "block 2 and 0 more"),
        (replace(blocks, labels=blocks.labels[:, 1:]), "wrong shape"),
        (replace(blocks, features=blocks.features[..., :2]), "wrong shape"),
        (replace(blocks, areas=blocks.areas[1:]), "differ in number"),
        (replace(blocks, names=blocks.names[1:]), "differ in number"),
        (blocks.subset(np.zeros(0, np.int64)), "wrong shape"),
    ):
        with pytest.raises(BadCloud, match=message):
            wrong.validated()
    blocks.check(Limits(max_radius=50.0), "here")
    with pytest.raises(WrongRelease, match="0 to 1"):
        replace(blocks, class_names=("wall", "floor")).check(Limits(), "here")
    with pytest.raises(WrongRelease, match="too far"):
        blocks.check(Limits(max_radius=0.1), "here")
    blocks.save(tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:-200])
    with pytest.raises(UnreadableFile, match=r"a\.npz"):
        RoomBlocks.load(tmp_path / "a.npz")


def test_splits_that_are_joined_keep_their_blocks_and_must_fit() -> None:
    first, second = rooms(4), replace(rooms(3, seed=1), split="train")
    assert joined_rooms([first]) is first
    both = joined_rooms([first, second])
    assert len(both) == 7 and both.split == "test+train" and both.names == first.names + second.names
    np.testing.assert_array_equal(both.features[4:], second.features)
    np.testing.assert_array_equal(both.labels[:4], first.labels)
    assert both.areas.tolist() == [*first.areas.tolist(), *second.areas.tolist()]
    for other in (rooms(channels=3), replace(rooms(), class_names=("wall",))):
        with pytest.raises(BadCloud, match="differ"):
            joined_rooms([first, other])
