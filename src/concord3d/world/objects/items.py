"""Objects as items of a data set: which there are, the randomness of each, and the clouds of a split.

Shape legend: S shapes, P points per shape.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, Layout, WorldRecipe
from concord3d.world.formats.labelled_h5 import LabelledClouds


@dataclass(frozen=True)
class ObjectItem:
    """One object of the world and how many clouds are made of it (more than one for perturbed scans).

    Attributes:
        split: The split that it belongs to.
        category: Its category.
        index: Number of the object within its category.
        count: Clouds that are made of it.
        paint: The colour of its class in a long tail.
    """

    split: str
    category: str
    index: int
    count: int = 1
    paint: str | None = None

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.category}_{self.index:08d}"


@dataclass(frozen=True)
class ObjectClouds:
    """Clouds of one object.

    Attributes:
        points: (count, P, 3) float32.
        point_labels: (count, P) int64 part number, or -1 on background points, or None.
    """

    points: NDArray[np.float32]
    point_labels: NDArray[np.int64] | None = None


def chosen_categories(recipe: WorldRecipe, layout: Layout) -> tuple[str, ...]:
    """Return the categories of a recipe in the order of the data set."""
    return tuple(name for name in layout.categories if name in (recipe.categories or layout.categories))


def first_index(layout: Layout, split: str) -> int:
    """Return the number of the first object of a split in each category."""
    return layout.series * SERIES_OFFSET + SPLIT_OFFSET[split]


def spread_evenly(recipe: WorldRecipe, layout: Layout, split: str, clouds_per_object: int = 1) -> list[ObjectItem]:
    """Spread a split's shapes evenly over the categories; which get one more is drawn by the seed."""
    categories = chosen_categories(recipe, layout)
    order = np.random.default_rng([recipe.seed, SPLIT_OFFSET[split], 1]).permutation(len(categories))
    share, rest = divmod(recipe.splits[split], len(categories))
    first = first_index(layout, split)
    items = []
    for place, category in zip(order.argsort(), categories, strict=True):
        clouds = share + (1 if place < rest else 0)
        for number, start in enumerate(range(0, clouds, clouds_per_object)):
            items.append(ObjectItem(split, category, first + number, min(clouds_per_object, clouds - start)))
    return items


def item_rng(recipe: WorldRecipe, item: ObjectItem, purpose: int = 0) -> np.random.Generator:
    """Return an object's own source of randomness."""
    return np.random.default_rng([recipe.seed, zlib.crc32(item.category.encode()), item.index, purpose])


def unit_sphere(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (P, 3) points with zero mean and the farthest at distance 1, as in ModelNet40 (MM-Point spec 1.2)."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    return (centred / max(float(np.linalg.norm(centred, axis=1).max()), 1e-12)).astype(np.float32)


def labelled_splits(
    recipe: WorldRecipe, label_of: Mapping[str, int], items: Sequence[ObjectItem], made: Sequence[ObjectClouds]
) -> dict[str, LabelledClouds]:
    """Gather the clouds of every split, in an order shuffled by the seed.

    Args:
        recipe: What is built.
        label_of: Label of each category.
        items: All items.
        made: The clouds of each.
    """
    return {split: _labelled_split(recipe, split, label_of, items, made) for split in recipe.splits}


def _labelled_split(
    recipe: WorldRecipe,
    split: str,
    label_of: Mapping[str, int],
    items: Sequence[ObjectItem],
    made: Sequence[ObjectClouds],
) -> LabelledClouds:
    chosen = [(item, clouds) for item, clouds in zip(items, made, strict=True) if item.split == split]
    points = np.concatenate([clouds.points for _, clouds in chosen])
    labels = np.array([label_of[item.category] for item, _ in chosen for _ in range(item.count)], dtype=np.int64)
    names = [f"{item.category}/{item.name}" for item, _ in chosen for _ in range(item.count)]
    marks = [clouds.point_labels for _, clouds in chosen if clouds.point_labels is not None]
    order = np.random.default_rng([recipe.seed, SPLIT_OFFSET[split], 2]).permutation(len(points))
    return LabelledClouds(
        points[order],
        labels[order],
        tuple(names[i] for i in order),
        np.concatenate(marks)[order] if marks else None,
    )
