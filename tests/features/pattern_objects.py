"""Sixty objects of six classes, whose pictures show their class in four quarters and their colour beside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.features.fake_encoders import FakePictures

from concord3d.data.stores.objects import ShapeTexts
from concord3d.features.pairs import PicturedObjects

NUM_OBJECTS = 60
NAMES = ("ball", "box", "cone", "ring", "star", "tube")
LABELS = np.arange(NUM_OBJECTS) % len(NAMES)


class Patterns:
    """Each class has bright quarters of its own, each object a colour; a memory of which objects were read."""

    num_objects, num_views = NUM_OBJECTS, 3

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        pixels = rng.integers(0, 60, (NUM_OBJECTS, self.num_views, 2, 2, 3))
        for row, label in enumerate(LABELS):
            places = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0), (1, 1)]
            pixels[row, :, places[label][0], places[label][1]] += 120
            if label > 3:
                pixels[row, :, 0, 1] += 120
        self.pixels = pixels.astype(np.uint8).repeat(16, axis=2).repeat(16, axis=3)
        self.read_objects: set[int] = set()

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[Any]:
        self.read_objects |= set(object_index.tolist())
        return self.pixels[object_index[:, None], view_index]


class PatternFeatures(Patterns):
    """What the fake encoder of pictures made of them."""

    def __init__(self) -> None:
        super().__init__()
        features = FakePictures(32, "").encode_images(self.pixels.reshape(-1, 32, 32, 3))
        self.features = features.astype(np.float16).reshape(NUM_OBJECTS, self.num_views, -1)

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[Any]:
        self.read_objects |= set(object_index.tolist())
        return self.features[object_index[:, None], view_index]


def objects_of(views: Patterns | None = None, **options: Any) -> PicturedObjects:
    colours = ("red", "blue", "green")
    texts = tuple(
        ShapeTexts(NAMES[label] if n % 2 else "", (f"a {colours[n % 3]} {NAMES[label]} number {n}",), ("best price",))
        for n, label in enumerate(LABELS)
    )
    fields = {"name": "p", "views": {"v": views or Patterns()}, "texts": texts, "labels": LABELS, "class_names": NAMES}
    return PicturedObjects(**{**fields, **options})
