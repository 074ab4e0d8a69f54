"""Batches of blocks of rooms: which blocks a training reads, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from concord3d.batches.rooms import RoomData, opened
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import BadCloud, ConfigError
from concord3d.methods.semantic_segmentation.settings import SemanticSegmentationSettings


def rooms(split: str, areas: list[int], seed: int) -> RoomBlocks:
    rng = np.random.default_rng(seed)
    names = tuple(f"Area_{area}_hall/{i:05d}" for i, area in enumerate(areas))
    features = rng.normal(size=(len(areas), 5, 9)).astype(np.float32)
    return RoomBlocks(
        "s3dis", split, "real", features, rng.integers(0, 2, features.shape[:2]), ("a", "b"), names, np.array(areas)
    )


TRAIN, TEST = rooms("train", [1, 2, 1, 3], 0), rooms("test", [5, 5, 1], 1)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[Path]]:
    for blocks in (TRAIN, TEST):
        blocks.save(tmp_path / f"{blocks.split}.npz")
    return {"blocks": [tmp_path / "train.npz", tmp_path / "test.npz"]}


def read(data: RoomData, units: list[int]) -> np.ndarray:
    return data.read(np.array(units), torch.Generator()).features.numpy()


def test_without_an_area_to_leave_out_it_is_the_given_split(files: dict[str, list[Path]]) -> None:
    data = opened({}, SemanticSegmentationSettings(), {"blocks": files["blocks"][:1]})
    assert len(data) == 4 and (data.num_classes, data.num_channels, data.unit) == (2, 9, "blocks")
    np.testing.assert_array_equal(read(data, [3, 0]), TRAIN.features[[3, 0]])
    labels = data.read(np.array([3, 0]), torch.Generator()).labels
    assert labels.dtype == torch.int64 and labels.numpy().tolist() == TRAIN.labels[[3, 0]].tolist()
    data.validated()


def test_a_left_out_area_is_never_read_whatever_its_split(files: dict[str, list[Path]]) -> None:
    data = opened({}, SemanticSegmentationSettings(left_out_area=1), files)
    expected = np.concatenate([TRAIN.features[[1, 3]], TEST.features[:2]])
    np.testing.assert_array_equal(read(data, [0, 1, 2, 3]), expected)
    other = opened({}, SemanticSegmentationSettings(left_out_area=5), files)
    assert len(data) == 4 and len(other) == 5 and data.identity != other.identity
    again = opened({}, SemanticSegmentationSettings(left_out_area=1), files)
    assert data.identity == again.identity


@pytest.mark.parametrize("area", [4, 7])
def test_an_area_without_blocks_cannot_be_left_out(files: dict[str, list[Path]], area: int) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)Area {area} cannot.*left_out_area"):
        opened({}, SemanticSegmentationSettings(left_out_area=area), files)
    for blocks in files["blocks"]:
        replace(TEST, split=blocks.stem, areas=np.full(3, area)).save(blocks)
    with pytest.raises(ConfigError, match="cannot be left out"):
        opened({}, SemanticSegmentationSettings(left_out_area=area), files)


def test_what_would_fail_late_is_refused() -> None:
    features, labels = TRAIN.features.copy(), TRAIN.labels.copy()
    features[1, 2, 3], labels[0, 0] = np.nan, 2
    with pytest.raises(BadCloud, match="not finite"):
        RoomData(replace(TRAIN, features=features), np.arange(4)).validated()
    for label in (2, -1):
        labels[0, 0] = label
        with pytest.raises(ConfigError, match="without a class"):
            RoomData(replace(TRAIN, labels=labels), np.arange(4)).validated()
