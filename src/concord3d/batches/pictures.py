"""Pictures of objects and what is written about them, from which image and text encoders are trained.

Shape legend: B objects of a batch, m pictures per object, s side of the encoder's input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.data.stores.objects import CloudSplit
from concord3d.features.open_tower import encoder_preprocess
from concord3d.features.pairs import DescribedObjects, Pairs, PicturedObjects, PictureReader, TextChoice
from concord3d.features.prompts import texts_of
from concord3d.methods.settings import MethodSettings
from concord3d.render.stored import open_view_set

Objects = TypeVar("Objects", bound=DescribedObjects[Any])


@dataclass(frozen=True)
class PictureBatch(Batch):
    """Pictures with the texts to choose from.

    Attributes:
        pixels: (B, 3, s, s) float32 in [0, 1], one randomly chosen picture of each object.
        texts: The usable texts of each object.
        units: (B,) int64, which object each is.
        views: (B,) int64, which of its pictures.
    """

    pixels: Tensor
    texts: tuple[TextChoice, ...]
    units: Tensor
    views: Tensor


@dataclass(frozen=True)
class DescribedData(Generic[Objects]):
    """Objects that have pictures and at least one usable text; how a batch of them is read is left to subclasses.

    Attributes:
        pairs: The objects.
    """

    pairs: Objects
    unit: str = field(default="pairs", init=False)

    def __len__(self) -> int:
        return self.pairs.num_objects

    @property
    def identity(self) -> str:
        """See :attr:`concord3d.features.pairs.DescribedObjects.identity`."""
        return self.pairs.identity

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def validated(self) -> None:
        """Nothing is left to check: data that do not fit are refused where they are opened."""


@dataclass(frozen=True)
class PictureData(DescribedData[Pairs]):
    """Objects of which the pictures themselves are read."""

    def read(self, units: IntArray, draw: torch.Generator) -> PictureBatch:
        """Return one picture of each of some objects, with their texts."""
        chosen = drawn_views(len(units), self.pairs.num_views, draw)
        pictures = torch.from_numpy(np.ascontiguousarray(self.pairs.read(units, chosen)))
        pixels = pictures[:, 0].permute(0, 3, 1, 2).float() / 255
        texts = tuple(self.pairs.texts[unit] for unit in units.tolist())
        return PictureBatch(pixels, texts, torch.from_numpy(units.copy()), torch.from_numpy(chosen[:, 0].copy()))


def drawn_views(num_objects: int, num_views: int, draw: torch.Generator) -> IntArray:
    """Return (B, 1): one randomly chosen picture of each of B objects.

    Args:
        num_objects: B.
        num_views: Pictures of each.
        draw: Source of the choice.
    """
    places = torch.rand((num_objects, num_views), generator=draw)
    chosen: IntArray = places.argsort(dim=1)[:, :1].numpy()
    return chosen


def pictured_objects(
    view_sets: Sequence[str], stores: Sequence[Path], readers: Iterable[PictureReader]
) -> list[PicturedObjects]:
    """Return the objects of some data sets with their texts and classes.

    In a data set without texts, the names of its classes stand for them.

    Args:
        view_sets: Names of the view sets of each data set.
        stores: One store per data set.
        readers: For each data set in turn, one reader per view set.

    Raises:
        UnreadableFile: A store is absent or damaged.
    """
    reading = iter(readers)
    sets = []
    for path in stores:
        clouds = CloudSplit.load(path)
        views = {name: next(reading) for name in view_sets}
        sets.append(PicturedObjects(clouds.dataset, views, texts_of(clouds), clouds.labels, clouds.class_names))
    return sets


def opened(run: Mapping[str, Any], settings: MethodSettings, files: Mapping[str, Sequence[Path]]) -> PictureData:
    """Open the files of a training on pictures and texts.

    Args:
        run: Resolved configuration; ``data`` names the data sets and the view sets, ``encoder`` the tower whose input
            size the pictures get.
        settings: Settings of the method.
        files: ``clouds``: one store per data set, for texts and classes; ``views``: for each data set in turn, one
            index per view set.

    Raises:
        UnreadableFile: A store or index is absent or damaged.
        ConfigError: Data sets do not fit together, or no object has a text.
    """
    sets = pictured_objects(run["data"]["view_sets"], files["clouds"], map(open_view_set, files["views"]))
    return PictureData(Pairs(sets, encoder_preprocess(run["encoder"])))
