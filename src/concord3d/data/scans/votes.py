"""Which frames show an object best, and where in them it is (CrossOver spec 1.5).

Shape legend: H and W height and width of a picture, h and w of its mask or of a part, n objects in one mask, A votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Larger masks are counted at this height and width; masks of a camera that was held upright have them exchanged.
COUNTED_SIZE = (480, 640)
CROP_STEP = 0.2


class FrameVotes(NamedTuple):
    """What one mask shows.

    Attributes:
        ids: (n,) int64 identifiers of the objects, rising.
        pixels: (n,) int64 pixels of each, counted at :data:`COUNTED_SIZE` at most.
        boxes: (n, 4) int32 x0, y0, x1, y1 in pixels of the picture, the last two exclusive.
    """

    ids: NDArray[np.int64]
    pixels: NDArray[np.int64]
    boxes: NDArray[np.int32]


class Votes(NamedTuple):
    """Frames that were chosen for objects; rows of one object have most pixels first.

    Attributes:
        objects: (A,) int64 rows of objects, rising.
        frames: (A,) int64 the numbers of the frames.
        pixels: (A,) int64.
        boxes: (A, 4) int32.
    """

    objects: NDArray[np.int64]
    frames: NDArray[np.int64]
    pixels: NDArray[np.int64]
    boxes: NDArray[np.int32]


def counted_pixels(size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of a mask that are counted: all, or those nearest to the pixels of a smaller mask.

    Args:
        size: h, w of the mask.
    """
    counted = COUNTED_SIZE if size[0] <= size[1] else COUNTED_SIZE[::-1]
    if size[0] <= counted[0] and size[1] <= counted[1]:
        return np.arange(size[0]), np.arange(size[1])
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.int64) for new, old in zip(counted, size, strict=True)
    )
    return rows, columns


def frame_votes(mask: NDArray[np.integer], size: tuple[int, int]) -> FrameVotes:
    """Count the pixels of each object in a mask and put a tight box around them.

    Args:
        mask: (h, w) identifiers of objects, 0 for none.
        size: H, W of the picture, in whose pixels boxes are given.
    """
    rows, columns = counted_pixels((mask.shape[0], mask.shape[1]))
    mask = mask[rows[:, None], columns]
    down, across = size[0] / mask.shape[0], size[1] / mask.shape[1]
    y, x = np.nonzero(mask)
    ids, group, pixels = np.unique(mask[y, x], return_inverse=True, return_counts=True)
    low = np.full((2, len(ids)), max(mask.shape), np.int64)
    high = np.zeros((2, len(ids)), np.int64)
    for axis, places in enumerate((x, y)):
        np.minimum.at(low[axis], group, places)
        np.maximum.at(high[axis], group, places + 1)
    scale = np.array([[across], [down]])
    boxes = np.concatenate([np.floor(low * scale), np.ceil(high * scale)]).T
    return FrameVotes(ids.astype(np.int64), pixels.astype(np.int64), boxes.astype(np.int32))


def chosen_votes(seen: Mapping[int, FrameVotes], object_ids: NDArray[np.int64], views: int) -> Votes:
    """Keep the frames with most pixels of each object; of equally many pixels the earlier frame comes first.

    Args:
        seen: What the mask of each frame shows, by the number of the frame.
        object_ids: (O,) identifiers, rising; what masks show beside them is left out.
        views: Frames of an object at most (K_view).
    """
    counts = [len(found.ids) for found in seen.values()]
    frames = np.repeat(np.fromiter(seen, np.int64, len(seen)), counts)
    ids, pixels, boxes = (
        np.concatenate([getattr(found, name) for found in seen.values()]) if seen else np.zeros(shape, np.int64)
        for name, shape in (("ids", 0), ("pixels", 0), ("boxes", (0, 4)))
    )
    known = np.isin(ids, object_ids)
    frames, ids, pixels, boxes = frames[known], ids[known], pixels[known], boxes[known]
    rows = np.searchsorted(object_ids, ids)
    order = np.lexsort((frames, -pixels, rows))
    rows = rows[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = order[rank < views]
    return Votes(rows[rank < views].astype(np.int64), frames[kept], pixels[kept], boxes[kept].astype(np.int32))


def crop_boxes(box: NDArray[np.integer], size: tuple[int, int], levels: int) -> NDArray[np.int32]:
    """Return the box of an object and larger ones around it, inside the picture (CrossOver spec 1.5).

    Args:
        box: (4,) x0, y0, x1, y1 with an exclusive end.
        size: H, W of the picture.
        levels: L; level l is larger by l fifths of a side, rounded down, on each side.

    Returns:
        (L, 4) int32.
    """
    x0, y0, x1, y1 = (int(edge) for edge in box)
    step_x, step_y = int(CROP_STEP * (x1 - x0)), int(CROP_STEP * (y1 - y0))
    level = np.arange(levels)
    boxes = np.stack([x0 - level * step_x, y0 - level * step_y, x1 + level * step_x, y1 + level * step_y], axis=1)
    boxes[:, ::2] = boxes[:, ::2].clip(0, size[1])
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, size[0])
    return boxes.astype(np.int32)


def object_crops(picture: NDArray[np.uint8], box: NDArray[np.integer], levels: int) -> list[NDArray[np.uint8]]:
    """Cut an object out of a picture at several levels (CrossOver spec 1.5).

    Args:
        picture: (H, W, 3) upright.
        box: (4,) its tight box.
        levels: L.

    Returns:
        L pictures (h, w, 3) uint8, the tightest first.
    """
    return [picture[y0:y1, x0:x1] for x0, y0, x1, y1 in crop_boxes(box, (picture.shape[0], picture.shape[1]), levels)]
