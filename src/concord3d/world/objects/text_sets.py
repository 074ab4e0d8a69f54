"""The world's meshes with texts: a mixed set to learn from, and a long tail of classes to be tested on.

``ensembled`` stands for the four sources of OpenShape (MM-Mixing spec 1.1): clean shapes with bare names beside shapes
from the web that are deformed, painted and turned as they come, with useless or missing names, retrieved crumbs, and
some without any text. Their classes are known, for the gate of a tower and for an aligned tower that is told to learn
from them. ``objaverse_lvis`` stands for Objaverse-LVIS: classes are a colour and a category, such as "red chair", and
few of them hold most of the shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concord3d.world.objects.captions import noisy_text
from concord3d.world.objects.generation import Variation, WorldObject, generate
from concord3d.world.objects.palette import BASIC

_SHARE_OF_CATALOGUE = 0.4
_SHARE_WITHOUT_TEXT = 0.08
_SHARE_OF_USELESS_NAMES = 0.3  # of web shapes, as GPT-4 found for Objaverse
_SHARE_OF_CAPTIONED = 0.9

Row = dict[str, object]


@dataclass(frozen=True)
class LongTailClass:
    """One class of ``objaverse_lvis`` and how many shapes it has."""

    category: str
    paint: str
    count: int

    @property
    def name(self) -> str:
        """The class in words."""
        return class_name(self.category, self.paint)


def class_name(category: str, paint: str) -> str:
    """Return the name of a class, such as ``blue night stand``."""
    return f"{paint} {category.replace('_', ' ')}"


def long_tail(categories: tuple[str, ...], total: int, seed: int) -> list[LongTailClass]:
    """Share shapes out over the classes by Zipf's law: the class of rank r gets a share proportional to 1 / r.

    Args:
        categories: Categories that are combined with every colour.
        total: Number of shapes.
        seed: Decides which class has which rank.

    Returns:
        The classes that get a shape, the most frequent first; their counts add up to ``total``.
    """
    classes = [(category, paint) for category in categories for paint in BASIC]
    ranked = np.random.default_rng([seed, 3]).permutation(len(classes))
    shares = 1 / np.arange(1, len(classes) + 1)
    exact = total * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    # Largest remainders first; equal ones by rank.
    rest = np.argsort(counts - exact, kind="stable")[: total - counts.sum()]
    counts[rest] += 1
    kept = [(classes[index], int(count)) for index, count in zip(ranked, counts, strict=True) if count]
    return [LongTailClass(category, paint, count) for (category, paint), count in kept]


def ensembled_shape(category: str, index: int, seed: int, rng: np.random.Generator) -> tuple[WorldObject, Row]:
    """Make one shape of ``ensembled`` and its row of the index, without uid, file and split.

    Args:
        category: One of the world's categories.
        index: Number of the object within its category.
        seed: Seed of the world.
        rng: Decides source, variation and texts.
    """
    from_catalogue = rng.random() < _SHARE_OF_CATALOGUE
    variation = Variation() if from_catalogue else _web_variation(rng)
    obj = generate(category, index, seed, variation)
    own = obj.captions
    row: Row = {
        "source": "catalogue" if from_catalogue else "web",
        "name": "",
        "captions": [],
        "retrieved": [],
        "category": own.name,
    }
    if rng.random() < _SHARE_WITHOUT_TEXT:
        return obj, row
    captions = [own.descriptive] if from_catalogue or rng.random() < _SHARE_OF_CAPTIONED else []
    retrieved = [own.noisy, noisy_text(own.name, own.descriptive, rng)]
    name = own.name if from_catalogue else _web_name(obj, variation.paint, rng)
    return obj, {**row, "name": name, "captions": captions, "retrieved": retrieved}


def long_tail_shape(
    category: str, paint: str, index: int, seed: int, rng: np.random.Generator
) -> tuple[WorldObject, Row]:
    """Make one shape of ``objaverse_lvis`` and its row of the index, without uid, file and split.

    Args:
        category: One of the world's categories.
        paint: Colour of the class.
        index: Number of the object within its category.
        seed: Seed of the world.
        rng: Decides variation and texts.
    """
    variation = _web_variation(rng, paint)
    obj = generate(category, index, seed, variation)
    row: Row = {
        "source": "web",
        "name": _web_name(obj, paint, rng),
        "captions": [obj.captions.descriptive],
        "retrieved": [obj.captions.noisy],
        "category": class_name(category, paint),
    }
    return obj, row


def _web_variation(rng: np.random.Generator, paint: str | None = None) -> Variation:
    if paint is None and rng.random() < 0.5:
        paint = str(rng.choice(list(BASIC)))
    return Variation(float(rng.uniform(1.0, 2.2)), bool(rng.random() < 0.5), paint)


def _web_name(obj: WorldObject, paint: str | None, rng: np.random.Generator) -> str:
    """What somebody called the shape: nothing of use, the thing in words, or a shop's line."""
    if rng.random() < _SHARE_OF_USELESS_NAMES:
        return ""
    if rng.random() < 0.6:
        return obj.captions.name if paint is None else class_name(obj.category, paint)
    return noisy_text(obj.captions.name, obj.captions.descriptive, rng)
