"""Boxes of sweeps come back from a store, some sweeps keep theirs, and faults are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.batches.small_boxes import boxed_sweeps

from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, UnreadableFile

STORE = boxed_sweeps()


def boxes_of(store: SweepSplit) -> Any:
    assert store.boxes is not None
    return store.boxes


def test_a_store_brings_them_back(tmp_path: Path) -> None:
    STORE.save(tmp_path / "store.npz")
    again = SweepSplit.load(tmp_path / "store.npz").validated()
    for name, array in boxes_of(STORE).arrays().items():
        np.testing.assert_array_equal(boxes_of(again).arrays()[name], array)
        assert boxes_of(again).arrays()[name].dtype == array.dtype
    replace(STORE, boxes=None).save(tmp_path / "without.npz")
    assert SweepSplit.load(tmp_path / "without.npz").boxes is None


def test_some_sweeps_keep_theirs() -> None:
    chosen = boxes_of(STORE.subset(np.array([3, 1])))
    assert chosen.offsets.tolist() == [0, 3, 6] and chosen.sweeps.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(chosen.centres, boxes_of(STORE).centres[[9, 10, 11, 3, 4, 5]])
    assert len(boxes_of(STORE.subset(np.zeros(0, np.int64))).centres) == 0


def test_sweeps_may_have_none() -> None:
    boxes = boxes_of(STORE)
    offsets = np.array([0, 0, 5, 5, 12])
    STORE.validated()
    replace(STORE, boxes=replace(boxes, offsets=offsets)).validated()
    assert replace(boxes, offsets=offsets).sweeps.tolist() == [1] * 5 + [3] * 7


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("offsets", lambda each: each[:-1], "differ in number"),
        ("offsets", lambda each: each[[0, 2, 1, 3, 4]], "Offsets do not cut the boxes"),
        ("offsets", lambda each: each + 1, "Offsets do not cut the boxes"),
        ("classes", lambda each: each[1:], "differ in number"),
        ("yaws", lambda each: each * np.nan, "yaws that are not finite"),
        ("centres", lambda each: each + np.inf, "centres that are not finite"),
        ("sizes", lambda each: -each, "no extent"),
    ],
)
def test_faults_are_named(name: str, change: Any, words: str) -> None:
    boxes = boxes_of(STORE)
    with pytest.raises(BadCloud, match=words):
        replace(STORE, boxes=replace(boxes, **{name: change(getattr(boxes, name))})).validated()


def test_a_store_that_lacks_an_array_of_boxes_is_refused(tmp_path: Path) -> None:
    STORE.save(tmp_path / "store.npz")
    with np.load(tmp_path / "store.npz") as stored:
        kept = {name: stored[name] for name in stored.files if name != "boxes.yaws"}
    np.savez(tmp_path / "broken.npz", **kept)
    with pytest.raises(UnreadableFile, match="yaws"):
        SweepSplit.load(tmp_path / "broken.npz")
