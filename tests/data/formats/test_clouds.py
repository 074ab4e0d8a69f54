"""Clouds in files of NumPy, and samples that depend on a name alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.data.formats.clouds import read_npy_cloud, rng_of, sampled
from concord3d.errors import BadCloud, UnreadableFile

SOMEWHERE = Path("a.npy")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int32"])
def test_numbers_of_every_kind_become_float32(tmp_path: Path, dtype: str) -> None:
    points = np.arange(12).reshape(4, 3).astype(dtype)
    np.save(tmp_path / "a.npy", points)
    read = read_npy_cloud(tmp_path / "a.npy")
    assert read.dtype == np.float32 and read.tolist() == points.tolist()


@pytest.mark.parametrize("shape", [(3,), (0, 3), (4, 6), (2, 4, 3)])
def test_another_shape_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(BadCloud, match=r"a\.npy"):
        read_npy_cloud(tmp_path / "a.npy")


def test_what_is_no_array_of_numbers_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "text.npy", np.array([["a", "b", "c"]]))
    np.save(tmp_path / "object.npy", np.array([[{}, 1, 2]], dtype=object), allow_pickle=True)
    np.save(tmp_path / "cut.npy", np.zeros((40, 3)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:300])
    (tmp_path / "other.npy").write_bytes(b"ply\n")
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("text", "object", "cut", "other", "empty", "absent"):
        with pytest.raises(UnreadableFile, match=rf"{name}\.npy"):
            read_npy_cloud(tmp_path / f"{name}.npy")


@given(count=st.integers(1, 60), asked=st.integers(1, 60), seed=st.integers(0, 9))
def test_points_are_drawn_without_repetition_by_the_name(count: int, asked: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    if asked > count:
        with pytest.raises(BadCloud, match=f"fewer points(.|\n)*found: {count}"):
            sampled(points, asked, "a", SOMEWHERE)
        return
    drawn = sampled(points, asked, "a", SOMEWHERE)
    rows = {tuple(row) for row in drawn.tolist()}
    assert len(rows) == asked and rows <= {tuple(row) for row in points.tolist()}
    np.testing.assert_array_equal(drawn, sampled(points, asked, "a", SOMEWHERE))
    if asked == count:
        np.testing.assert_array_equal(drawn, points)


def test_another_name_draws_other_points() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    assert not np.array_equal(sampled(points, 100, "a", SOMEWHERE), sampled(points, 100, "b", SOMEWHERE))
    seed = int.from_bytes(hashlib.sha256(b"a").digest()[:8], "little")
    assert rng_of("a").random() == np.random.default_rng(seed).random(), "stores made earlier keep their points"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_point_that_is_not_finite_is_found_before_the_draw(bad: float) -> None:
    points = np.zeros((1000, 3), np.float32)
    points[999, 1] = bad
    with pytest.raises(BadCloud, match="1 of 1000 points"):
        sampled(points, 1, "a", SOMEWHERE)
