"""Pictures of one grey each, for the tests of what towers are trained and measured on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.stores.objects import ShapeTexts
from concord3d.features.pairs import PicturedObjects
from concord3d.features.preprocess import Preprocess

PLAIN = Preprocess(8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize_mode="squash")


class Pictures:
    """Pictures in memory of one grey each: 10 times the object plus the view, plus an offset."""

    def __init__(self, num_objects: int, num_views: int, offset: int = 0, channels: int = 3, size: int = 8) -> None:
        self.num_objects, self.num_views = num_objects, num_views
        grey = offset + 10 * np.arange(num_objects)[:, None] + np.arange(num_views)
        self.pixels = np.broadcast_to(grey[..., None, None, None], (*grey.shape, size, size, channels)).astype(np.uint8)

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[object_index[:, None], view_index]


def pictured(name: str, texts: list[ShapeTexts], offset: int = 0, **options: Any) -> PicturedObjects:
    count = len(texts)
    views = {"clean": Pictures(count, 3, offset, **options), "photo": Pictures(count, 2, offset + 100, **options)}
    return PicturedObjects(name, views, tuple(texts), np.arange(count) % 2, ("chair", "table"))
