"""Data sets of filmed objects: what the families of Redwood and CO3D share.

Shape legend: V frames, H and W height and width of a frame, P points.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError
from concord3d.files import write_text
from concord3d.world.datasets.interface import DatasetFamily, Layout, WorldRecipe
from concord3d.world.objects.film import NUM_FRAMES, handheld_walk, photographed, reconstructed
from concord3d.world.objects.generation import GENERATORS, Variation, WorldObject, generate
from concord3d.world.objects.items import ObjectItem, item_rng, spread_evenly

_JPEG_QUALITY = 90
# The rarest variant is one object in eleven. All attempts stay between the first objects of two splits.
_ATTEMPTS, _STRIDE = 190, 10_000


@dataclass(frozen=True)
class ShapesOf:
    """What a class is made of.

    Attributes:
        category: Category of the world; it may lack it.
        variants: Those of its variants that belong to the class; all where there are none named.
    """

    category: str
    variants: tuple[str, ...] = ()

    def object(self, index: int, seed: int) -> WorldObject:
        """Make an object, turned to any side; equal arguments give equal objects.

        Classes made of different variants of one category never share an object.

        Raises:
            ConfigError: The category has no such variant.
        """
        for attempt in range(_ATTEMPTS):
            made = generate(self.category, index + attempt * _STRIDE, seed, Variation(any_heading=True))
            if not self.variants or made.style.get("variant") in self.variants:
                return made
        raise ConfigError(
            "No object of these variants was found", where=self.category, expected=", ".join(self.variants)
        )


def filmed_layout(series: int, shapes: Mapping[str, ShapesOf]) -> Layout:
    """Return the layout of a data set, which shows the classes that the world has shapes for.

    Args:
        series: Its number.
        shapes: What each class would be made of, in label order.
    """
    shown = tuple(name for name, of in shapes.items() if of.category in GENERATORS)
    return Layout(series, ("train", "test"), shown, tuple(name for name in shapes if name not in shown))


class FilmedSets(DatasetFamily[ObjectItem, str]):
    """A reconstructed cloud and ten frames of each object, and a list of the objects of each split.

    Attributes:
        shapes: What each class would be made of, in label order.
        list_files: File below ``out`` that lists the objects of a split; ``{split}`` stands for its name.
    """

    shapes: ClassVar[Mapping[str, ShapesOf]]
    list_files: ClassVar[str]

    @abstractmethod
    def key(self, item: ObjectItem) -> str:
        """Return what the lists of the splits call an object."""

    @abstractmethod
    def places(self, out: Path, item: ObjectItem) -> tuple[Path, Path]:
        """Return the file of an object's cloud, and the folder of its frames."""

    def points(self, cloud: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (P, 3) points in the axes of the format, of a cloud that is y up."""
        return cloud

    def items(self, recipe: WorldRecipe, split: str) -> list[ObjectItem]:
        return spread_evenly(recipe, self.layouts[recipe.dataset], split)

    def make(self, recipe: WorldRecipe, out: Path, item: ObjectItem) -> str:
        obj = self.shapes[item.category].object(item.index, recipe.seed)
        cloud, frames = self.places(out, item)
        write_cloud(cloud, self.points(reconstructed(obj, recipe.num_points, item_rng(recipe, item))))
        rng = item_rng(recipe, item, 1)
        write_frames(frames, photographed(obj.mesh, handheld_walk(NUM_FRAMES, rng), rng))
        return self.key(item)

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ObjectItem], made: Sequence[str]) -> None:
        for split in self.layouts[recipe.dataset].splits:
            keys = [key for item, key in zip(items, made, strict=True) if item.split == split]
            write_text(out / self.list_files.format(split=split), "".join(f"{key}\n" for key in keys))


def write_cloud(path: Path, points: NDArray[np.float32]) -> None:
    """Write one (P, 3) cloud as ``.npy``; not synced, for the caller renames the whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, points.astype(np.float32), allow_pickle=False)


def write_frames(folder: Path, frames: NDArray[np.uint8]) -> None:
    """Write (V, H, W, 3) frames as ``frame000001.jpg`` and so on; not synced, for the caller renames the whole."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / f"frame{number:06d}.jpg", quality=_JPEG_QUALITY)
