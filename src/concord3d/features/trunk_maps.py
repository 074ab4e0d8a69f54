"""A frozen trunk's maps of pictures: of each as it is, and of some strong versions with hidden patches.

What a frozen trunk makes of a picture never changes, so it is computed once for all trainings. The strong versions are
then a fixed set: a training draws among them.

Shape legend: S objects, V views, A strong versions of each, B batch, C channels of the map, g patches per side, s side
of the encoder's input, c channels of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features.efficientnet_adapter import Lite0Trunk
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.preprocess import Preprocess
from concord3d.features.strong_pictures import StrongPictures
from concord3d.models.patch_masks import random_masks
from concord3d.render.stored import ViewSet

# Objects whose pictures pass through the trunk together.
_BLOCK = 16


@dataclass(frozen=True)
class TrunkMaps:
    """Maps of the views of an ordered list of objects.

    Attributes:
        weak: (S, V, C, g, g) float16, of the pictures as they are.
        strong: (S, V, A, C, g, g) float16.
        pictures: (S, V, A, s, s, c) uint8, the strong pictures before patches are hidden.
        masks: (S, V, A, g, g) bool, True where hidden.
    """

    weak: NDArray[np.float16]
    strong: NDArray[np.float16]
    pictures: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.weak)

    @property
    def num_views(self) -> int:
        """V."""
        return int(self.weak.shape[1])

    @property
    def num_strong(self) -> int:
        """A."""
        return int(self.strong.shape[2])

    def write(self, path: Path) -> None:
        """Write the arrays, complete or not at all."""
        write_arrays(path, self.__dict__)

    @classmethod
    def read(cls, path: Path) -> TrunkMaps:
        """Read what :meth:`write` wrote.

        Raises:
            UnreadableFile: The file is absent, damaged, or holds something else.
        """
        try:
            return cls(**read_arrays(path, "maps of a trunk"))
        except TypeError as error:
            raise UnreadableFile(
                "Not the maps of a trunk", where=path, found=error, next_step="run the encoding step again"
            ) from error


def chosen_views(num_stored: int, num_views: int | None) -> NDArray[np.int64]:
    """Return which of the stored views are used, evenly spread.

    Args:
        num_stored: Views of a set.
        num_views: How many; None takes all.

    Raises:
        ConfigError: There are not so many.
    """
    if num_views is None:
        return np.arange(num_stored)
    if num_views > num_stored:
        raise ConfigError(
            "There are not so many views of each object",
            where="data.num_views",
            expected=f"at most {num_stored}",
            found=num_views,
        )
    return np.arange(num_views) * num_stored // num_views


@torch.no_grad()
def trunk_maps(
    views: ViewSet,
    trunk: Lite0Trunk,
    preprocess: Preprocess,
    num_views: int | None,
    num_strong: int,
    strength: PictureStrength,
    seed: int = 0,
) -> TrunkMaps:
    """Compute the maps of a set of views.

    Args:
        views: The pictures.
        trunk: From (B, 3, s, s) normalised pixels to (B, C, g, g).
        preprocess: What happens to pictures before.
        num_views: V, evenly spread over those stored; None takes all.
        num_strong: A.
        strength: Of the strong versions.
        seed: Decides them, with the numbers of object, view and version.
    """
    chosen, side = chosen_views(views.num_views, num_views), preprocess.size
    change = StrongPictures(side, strength, preprocess.mean)
    size, count = views.num_objects, len(chosen)
    strong_pictures = np.empty((size, count, num_strong, side, side, views.channels), np.uint8)
    grid, draw = side // trunk.patch_size, torch.Generator().manual_seed(seed)
    masks = drawn_masks(size * count * num_strong, grid, strength, draw).view(size, count, num_strong, grid, grid)
    weak_parts, strong_parts = [], []
    for start in range(0, size, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, size))
        pictures = views.read(rows, np.tile(chosen, (len(rows), 1)))
        for row, view, version in np.ndindex(len(rows), count, num_strong):
            place = np.random.SeedSequence([seed, start + row, int(chosen[view]), version])
            strong_pictures[start + row, view, version] = change(pictures[row, view], int(place.generate_state(1)[0]))
        weak_parts.append(_maps(trunk, preprocess, pictures))
        if num_strong:
            hidden = masks[start : start + len(rows)].flatten(0, 2)
            strong_parts.append(_maps(trunk, preprocess, strong_pictures[rows], hidden))
    weak = np.concatenate(weak_parts)
    empty = np.empty((size, count, 0, *weak.shape[2:]), np.float16)
    return TrunkMaps(weak, np.concatenate(strong_parts) if num_strong else empty, strong_pictures, masks.numpy())


def drawn_masks(count: int, grid: int, strength: PictureStrength, draw: torch.Generator) -> torch.Tensor:
    """Return (count, g, g) bool masks; on a small grid a cell is at most the whole."""
    return random_masks(count, grid, strength.mask_ratio, draw, min(strength.mask_cell, grid))


def normalised(pictures: NDArray[np.uint8], preprocess: Preprocess) -> torch.Tensor:
    """Return (n, 3, s, s) float32 encoder inputs of (n, H, W, c) pictures."""
    stack = preprocess.resize(torch.from_numpy(np.ascontiguousarray(pictures)))
    return preprocess.normalize(stack.float() / 255)


def hidden_pixels(pixels: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return (n, 3, s, s) pixels that are 0, the mean of normalised pictures, where (n, g, g) masks hide a patch."""
    times = pixels.shape[-1] // masks.shape[-1]
    return pixels.masked_fill(masks.repeat_interleave(times, 1).repeat_interleave(times, 2)[:, None], 0.0)


def _maps(
    trunk: Lite0Trunk, preprocess: Preprocess, pictures: NDArray[np.uint8], masks: torch.Tensor | None = None
) -> NDArray[np.float16]:
    pixels = normalised(pictures.reshape(-1, *pictures.shape[-3:]), preprocess)
    if masks is not None:
        pixels = hidden_pixels(pixels, masks)
    device = next(trunk.parameters()).device
    found: NDArray[np.float32] = trunk(pixels.to(device)).cpu().numpy()
    return found.astype(np.float16).reshape(*pictures.shape[:-3], *found.shape[1:])
