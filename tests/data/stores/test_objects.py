"""Stores of objects: what is written is read, and what is left out is left out everywhere."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d import arrays
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import BadCloud, UnreadableFile

TEXTS = (
    ShapeTexts("chair", ("a red chair", "ein Stuhl\nmit Lehne"), ("SKU 12",)),
    ShapeTexts(),
    ShapeTexts("", ("x" * 10_000,), ()),
    ShapeTexts("椅子 كرسي 🪑 \u2028", (), ('"quoted" \\ back', "\x00")),
)


def split(num_points: int = 5, colored: bool = True, texts: tuple[ShapeTexts, ...] | None = TEXTS) -> CloudSplit:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, num_points, 3)).astype(np.float32)
    colors = rng.integers(0, 256, points.shape, dtype=np.uint8) if colored else None
    names = ("a", "b", "c", "d")
    return CloudSplit(
        "s", "train", "synthetic", points, np.array([0, -1, 1, 0]), ("x", "y"), names, None, None, colors, texts
    )


@pytest.mark.parametrize("colored", [True, False])
@pytest.mark.parametrize("texts", [TEXTS, None, (ShapeTexts(),) * 4])
def test_colours_and_texts_come_back(tmp_path: Path, colored: bool, texts: tuple[ShapeTexts, ...] | None) -> None:
    given_split = split(colored=colored, texts=texts)
    given_split.save(tmp_path / "a.npz")
    read = CloudSplit.load(tmp_path / "a.npz")
    assert read.texts == texts and read.names == given_split.names and read.class_names == given_split.class_names
    np.testing.assert_array_equal(read.points, given_split.points)
    if colored:
        assert read.colors is not None and read.colors.dtype == np.uint8
        np.testing.assert_array_equal(read.colors, given_split.colors)
    else:
        assert read.colors is None
    given_split.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_one_long_text_does_not_make_all_of_them_long(tmp_path: Path) -> None:
    texts = (ShapeTexts("y" * 10_000), *(ShapeTexts("z"),) * 3)
    split(texts=texts).save(tmp_path / "long.npz")
    split(texts=(ShapeTexts("z"),) * 4).save(tmp_path / "short.npz")
    assert (tmp_path / "long.npz").stat().st_size - (tmp_path / "short.npz").stat().st_size < 11_000


word = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=30)
@given(st.lists(st.builds(ShapeTexts, word, st.tuples(word, word), st.tuples(word)), min_size=4, max_size=4))
def test_any_text_survives(texts: list[ShapeTexts]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        split(texts=tuple(texts)).save(Path(folder) / "a.npz")
        assert CloudSplit.load(Path(folder) / "a.npz").texts == tuple(texts)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 99))
def test_any_clouds_come_back(num_shapes: int, num_points: int, coloured: bool, mapped: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(num_shapes, num_points, 3)).astype(np.float32)
    colors = rng.integers(0, 256, points.shape, dtype=np.uint8) if coloured else None
    names = tuple(f"shape {index}" for index in range(num_shapes))
    labels = rng.integers(-1, 2, num_shapes)
    given_split = CloudSplit("s", "val", "real", points, labels, ("x", "y"), names, colors=colors).validated()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "MAPPED_BYTES", 1 if mapped else 1 << 30)
        given_split.save(Path(folder) / "a.npz")
        read = CloudSplit.load(Path(folder) / "a.npz")
        assert isinstance(read.points, np.memmap) == mapped and read.names == names
        assert (read.dataset, read.split, read.data_kind) == ("s", "val", "real") and read.class_names == ("x", "y")
        for name, array in given_split.arrays().items():
            np.testing.assert_array_equal(read.arrays()[name], array)
        assert (read.colors is None) == (not coloured)


def test_shapes_and_points_are_chosen_together() -> None:
    whole = split()
    assert whole.colors is not None
    part = whole.subset(np.array([2, 0]))
    assert part.texts == (TEXTS[2], TEXTS[0]) and part.names == ("c", "a")
    np.testing.assert_array_equal(part.colors, whole.colors[[2, 0]])
    fewer = whole.first_points(2)
    assert fewer.texts == TEXTS
    np.testing.assert_array_equal(fewer.colors, whole.colors[:, :2])


def test_labels_of_points_are_chosen_with_their_points(tmp_path: Path) -> None:
    parts = np.arange(20).reshape(4, 5)
    whole = replace(split(), part_labels=parts, foreground=parts % 3 > 0)
    whole.save(tmp_path / "a.npz")
    read = CloudSplit.load(tmp_path / "a.npz")
    for chosen, expected in (
        (read, parts),
        (read.subset(np.array([3, 1])), parts[[3, 1]]),
        (read.first_points(2), parts[:, :2]),
    ):
        np.testing.assert_array_equal(chosen.part_labels, expected)
        np.testing.assert_array_equal(chosen.foreground, expected % 3 > 0)


def test_what_does_not_fit_is_named() -> None:
    whole = split()
    assert whole.validated() is whole and whole.colors is not None
    with pytest.raises(BadCloud, match="Colours do not fit"):
        replace(whole, colors=whole.colors[:, :3]).validated()
    with pytest.raises(BadCloud, match="differ in number"):
        replace(whole, texts=TEXTS[:3]).validated("here")


def test_a_truncated_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    split().save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UnreadableFile, match=r"a\.npz"):
        CloudSplit.load(path)


def test_every_text_in_its_order() -> None:
    assert TEXTS[0].all == ("chair", "a red chair", "ein Stuhl\nmit Lehne", "SKU 12")
    assert TEXTS[1].all == () and TEXTS[3].all[0].startswith("椅子")
