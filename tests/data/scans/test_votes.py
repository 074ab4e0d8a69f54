"""Votes of frames for objects, boxes around them, and crops at levels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.data.scans.votes import FrameVotes, chosen_votes, crop_boxes, frame_votes, object_crops


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 4), st.integers(0, 99))
def test_pixels_and_boxes_are_those_of_each_object(height: int, width: int, highest: int, seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, highest + 1, (height, width)).astype(np.uint8)
    found = frame_votes(mask, (height, width))
    assert found.ids.tolist() == sorted(set(mask[mask > 0].tolist()))
    for number, pixels, (x0, y0, x1, y1) in zip(*found, strict=True):
        rows, columns = np.nonzero(mask == number)
        assert pixels == len(rows)
        assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_large_masks_are_counted_small_and_boxes_are_those_of_the_picture() -> None:
    mask = np.zeros((960, 1280), np.uint8)
    mask[100:300, 400:800] = 7
    found = frame_votes(mask, (960, 1280))
    assert found.pixels.tolist() == [100 * 200] and found.boxes.tolist() == [[400, 100, 800, 300]]
    upright = frame_votes(mask.T, (1280, 960))
    assert upright.pixels.tolist() == [100 * 200] and upright.boxes.tolist() == [[100, 400, 300, 800]]
    # A mask of half the size of its picture.
    half = frame_votes(mask[::2, ::2], (960, 1280))
    assert half.boxes.tolist() == [[400, 100, 800, 300]]


def votes(ids: list[int], pixels: list[int]) -> FrameVotes:
    boxes = np.array([[i, 0, i + 1, p] for i, p in zip(ids, pixels, strict=True)], np.int32).reshape(-1, 4)
    return FrameVotes(np.array(ids, np.int64), np.array(pixels, np.int64), boxes)


def test_the_frames_with_most_pixels_are_kept() -> None:
    seen = {0: votes([3, 9], [5, 2]), 2: votes([3], [8]), 4: votes([1, 3], [1, 5]), 6: votes([3, 99], [5, 50])}
    found = chosen_votes(seen, np.array([1, 3, 5, 9]), views=3)
    assert found.objects.tolist() == [0, 1, 1, 1, 3]
    # Of equally many pixels the earlier frame comes first; object 99 is none of the scan's.
    assert found.frames.tolist() == [4, 2, 0, 4, 0] and found.pixels.tolist() == [1, 8, 5, 5, 2]
    assert found.boxes[:, 0].tolist() == [1, 3, 3, 3, 9]


def test_without_frames_or_objects_there_are_no_votes() -> None:
    for found in (
        chosen_votes({}, np.array([1, 2]), 3),
        chosen_votes({0: votes([4], [3])}, np.zeros(0, np.int64), 3),
        chosen_votes({0: frame_votes(np.zeros((4, 5), np.uint8), (4, 5))}, np.array([1]), 3),
    ):
        assert [part.shape for part in found] == [(0,), (0,), (0,), (0, 4)]


def test_crops_grow_by_a_fifth_of_each_side_inside_the_picture() -> None:
    boxes = crop_boxes(np.array([10, 20, 31, 59]), (70, 40), 4)
    # A fifth of 21 is 4, of 39 is 7.
    assert boxes.tolist() == [[10, 20, 31, 59], [6, 13, 35, 66], [2, 6, 39, 70], [0, 0, 40, 70]]
    picture = np.random.default_rng(0).integers(0, 255, (70, 40, 3), dtype=np.uint8)
    crops = object_crops(picture, np.array([10, 20, 31, 59]), 3)
    assert [crop.shape for crop in crops] == [(39, 21, 3), (53, 29, 3), (64, 37, 3)]
    np.testing.assert_array_equal(crops[1], picture[13:66, 6:35])
    assert object_crops(picture, np.array([5, 5, 6, 6]), 3)[2].shape == (1, 1, 3)
