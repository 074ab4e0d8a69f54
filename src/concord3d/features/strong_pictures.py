"""Pictures as a student sees them: cropped, mirrored, changed by RandAugment (Cross-MoST spec 3.2).

The operations are timm's. They draw from Python's and NumPy's global generators; these are set for each picture from a
seed of its own, and put back afterwards, so that a picture depends on its seed alone.

Shape legend: H and W height and width of a picture, s side of the encoder's input, C channels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from concord3d.errors import DependencyMissing
from concord3d.features.picture_strength import PictureStrength


class StrongPictures:
    """Makes strong pictures of one size.

    Args:
        size: s.
        strength: How strongly pictures are changed.
        mean: Grey that fills what an operation leaves empty, per channel, of values in [0, 1].

    Raises:
        DependencyMissing: timm is not installed.
    """

    def __init__(self, size: int, strength: PictureStrength, mean: tuple[float, ...]) -> None:
        self.size, self._strength = size, strength
        self._crop, self._change = _operations(size, strength.crop_area, strength.rand_augment, mean)

    def __call__(self, picture: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Return a strong picture.

        Args:
            picture: (H, W, C) uint8, C = 3 or 1; grey pictures stay grey.
            seed: Decides everything that is drawn.

        Returns:
            (s, s, C) uint8.
        """
        with seeded(seed):
            image = self._crop(Image.fromarray(picture.repeat(3, 2) if picture.shape[2] == 1 else picture))
            if random.random() < self._strength.flip:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            if self._change is not None:
                image = self._change(image)
        return np.asarray(image)[..., : picture.shape[2]]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Set Python's and NumPy's global generators, and put them back.

    NumPy's own advice is against its global generator; timm draws from no other. One thread at a time may be inside:
    the one that reads a training's batches.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@cache
def _operations(
    size: int, crop_area: tuple[float, float], rand_augment: str | None, mean: tuple[float, ...]
) -> tuple[Callable[[Any], Any], Callable[[Any], Any] | None]:
    try:
        from timm.data.auto_augment import rand_augment_transform
        from timm.data.transforms import RandomResizedCropAndInterpolation
    except ImportError as error:
        raise DependencyMissing("timm is not installed", found=error, next_step="run 'make setup'") from error
    crop = RandomResizedCropAndInterpolation(size, scale=crop_area, interpolation="bicubic")
    if rand_augment is None:
        return crop, None
    told = {"translate_const": int(size * 0.45), "img_mean": tuple(round(255 * value) for value in mean)}
    change = rand_augment_transform(rand_augment, told)
    for operation in change.ops:
        if operation.name.startswith("Posterize"):
            operation.aug_fn = _posterized(operation.aug_fn)
    return crop, change


def _posterized(operation: Callable[..., Any]) -> Callable[..., Any]:
    # At its largest strength timm asks to keep no bit at all, which Pillow refuses.
    def change(image: Any, bits: int, **told: Any) -> Any:
        return operation(image, max(1, bits), **told)

    return change
