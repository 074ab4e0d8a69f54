"""Crops of pictures, and where pixels end up in them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as pictures_of

from concord3d.errors import ConfigError
from concord3d.geometry.picture_crops import Crop, CropRanges, cropped_pixels, drawn_crop, whole_picture

SIZE = (36, 64)


def every_pixel(size: tuple[int, int]) -> torch.Tensor:
    return torch.cartesian_prod(torch.arange(size[0]), torch.arange(size[1]))


@given(st.integers(0, 2**20), st.integers(0, 200))
def test_crops_lie_in_the_picture_and_have_the_asked_area_where_they_fit(seed: int, count: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    pixels = every_pixel(SIZE)[torch.randperm(SIZE[0] * SIZE[1], generator=draw)[:count]]
    ranges = CropRanges(area=(0.3, 0.5), min_pairs=5)
    crop = drawn_crop(pixels, SIZE, ranges, draw)
    assert 0 <= crop.top <= crop.top + crop.height <= SIZE[0] and 0 <= crop.left <= crop.left + crop.width <= SIZE[1]
    assert 0.25 < crop.height * crop.width / (SIZE[0] * SIZE[1]) < 0.55
    assert 1.3 < crop.width / crop.height < 2.2


def kept_corner(seed: int, count: int) -> bool:
    """Whether a crop keeps the corner of a picture that has ``count`` pairs there."""
    corner = torch.zeros(100, 2, dtype=torch.int64)
    crop = drawn_crop(corner[:count], SIZE, CropRanges(area=(0.5, 0.5)), torch.Generator().manual_seed(seed))
    return len(cropped_pixels(corner, crop, SIZE)[0]) > 0


def test_a_crop_that_loses_too_many_pairs_is_drawn_again_but_not_for_ever() -> None:
    with_pairs, without = (sum(kept_corner(seed, count) for seed in range(200)) for count in (100, 0))
    assert without < with_pairs
    # Nothing of half the size keeps both corners: the tenth crop is taken.
    corners = torch.tensor([[0, 0], [35, 63]])
    assert drawn_crop(corners, SIZE, CropRanges(area=(0.5, 0.5)), torch.Generator().manual_seed(0)).height < SIZE[0]


@given(st.integers(0, 2**20), st.booleans(), st.integers(8, 50), st.integers(8, 70))
def test_a_bright_pixel_is_found_where_the_resized_crop_is_brightest(
    seed: int, mirrored: bool, height: int, width: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    crop = drawn_crop(torch.zeros(0, 2, dtype=torch.int64), SIZE, CropRanges(flip=float(mirrored)), draw)
    inside = torch.tensor([[crop.top + crop.height // 2, crop.left + crop.width // 3]])
    picture = torch.zeros(1, *SIZE)
    picture[0, inside[0, 0], inside[0, 1]] = 1
    size = (height, width)
    shown = pictures_of.resized_crop(picture, *crop[:4], list(size), antialias=True)[0]
    shown = shown.flip(1) if crop.mirrored else shown
    kept, [place] = cropped_pixels(inside, crop, size)
    assert kept.tolist() == [0]
    brightest = (shown == shown.max()).nonzero()
    reach = max(1, height / crop.height, width / crop.width)
    assert ((brightest - place).abs().amin(0) <= reach).all()


def test_the_whole_picture_leaves_pixels_where_they_are_and_mirrors_swap_sides() -> None:
    pixels = every_pixel(SIZE)
    kept, places = cropped_pixels(pixels, whole_picture(SIZE), SIZE)
    assert torch.equal(places, pixels) and torch.equal(kept, torch.arange(len(pixels)))
    _, swapped = cropped_pixels(pixels, whole_picture(SIZE)._replace(mirrored=True), SIZE)
    assert torch.equal(swapped[:, 1], SIZE[1] - 1 - pixels[:, 1])


def test_what_lies_outside_is_left_out() -> None:
    crop = Crop(10, 20, 8, 12, mirrored=False)
    kept, places = cropped_pixels(every_pixel(SIZE), crop, (16, 24))
    assert len(kept) == 8 * 12 and places.amin(0).tolist() == [0, 0] and places.amax(0).tolist() == [14, 22]


@pytest.mark.parametrize("told", [{"area": (0.0, 1.0)}, {"area": (0.5, 0.3)}, {"aspect": (2.0, 1.0)}])
def test_impossible_ranges_are_refused(told: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(ConfigError, match="cannot be cropped"):
        CropRanges(**told)
