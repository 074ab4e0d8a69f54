"""Superpixels of pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.errors import ConfigError, DependencyMissing
from concord3d.features.slic_adapter import superpixels_of


def pictures(height: int = 40, width: int = 60, seed: int = 0) -> NDArray[np.uint8]:
    """Two sweeps of three pictures: a bright part whose left edge differs from picture to picture, and noise."""
    drawn = np.random.default_rng(seed).integers(0, 20, (2, 3, height, width, 3), dtype=np.uint8)
    for number, (sweep, picture) in enumerate(np.ndindex(2, 3)):
        drawn[sweep, picture, :, 20 + 4 * number :] += 200
    return drawn


def test_each_picture_has_about_as_many_as_asked_for_counted_from_0() -> None:
    found = superpixels_of(pictures(), 24)
    assert found.shape == (2, 3, 40, 60) and found.dtype == np.uint8
    for one in found.reshape(-1, 40, 60):
        numbers = np.unique(one)
        assert numbers.tolist() == list(range(len(numbers))) and 12 <= len(numbers) <= 30
    assert len({one.tobytes() for one in found.reshape(6, -1)}) == 6


def test_a_superpixel_holds_one_side_of_an_edge() -> None:
    drawn = pictures()
    for one, picture in zip(superpixels_of(drawn, 24).reshape(-1, 40, 60), drawn.reshape(-1, 40, 60, 3), strict=True):
        bright = picture[..., 0] >= 200
        shares = np.array([bright[one == number].mean() for number in range(one.max() + 1)])
        assert (np.minimum(shares, 1 - shares) < 0.2).mean() > 0.8 and (shares > 0.8).any() and (shares < 0.2).any()


def test_published_numbers_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def slic(picture: NDArray[np.uint8], **settings: float) -> NDArray[np.int64]:
        told.append(settings)
        return picture[..., 0].astype(np.int64)

    monkeypatch.setattr("skimage.segmentation.slic", slic)
    drawn = pictures()
    np.testing.assert_array_equal(superpixels_of(drawn, 150), drawn[..., 0])
    assert told == 6 * [{"n_segments": 150, "compactness": 6.0, "sigma": 3.0, "start_label": 0}]


def test_pictures_may_be_mapped_and_large_results_lie_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = pictures()
    monkeypatch.setattr("concord3d.data.storage.MAPPED_BYTES", 1)
    monkeypatch.setattr("concord3d.arrays.MAPPED_BYTES", 1)
    write_arrays(tmp_path / "p.npz", {"pictures": drawn})
    mapped = read_arrays(tmp_path / "p.npz")["pictures"]
    found = superpixels_of(mapped, 24)
    assert isinstance(mapped, np.memmap) and isinstance(found, np.memmap)
    monkeypatch.undo()
    np.testing.assert_array_equal(found, superpixels_of(drawn, 24))


def test_more_superpixels_than_a_byte_counts_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)a byte can count.*data\.num_superpixels.*found: \d{3} where 600"):
        superpixels_of(pictures(80, 120), 600)


def test_without_the_library_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(DependencyMissing, match=r"(?s)scikit-image.*\[superpixels\]"):
        superpixels_of(pictures(), 24)
