"""What a patch tower learns from: texts of the objects that it is fitted on, and maps of a frozen trunk.

Shape legend: S all objects, F objects that are fitted on, V pictures per object, C channels of the trunk's map, g
patches per side, D width of sentence features, K classes that are fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.features.pairs import Pairs
from concord3d.features.patch_tower import PatchEncoder, PatchTowerParts
from concord3d.features.prompts import class_features
from concord3d.features.text_targets import text_targets
from concord3d.features.tower import TextEncoder
from concord3d.features.unseen_classes import NO_CLASSES, UnseenClasses


@dataclass(frozen=True)
class TextData:
    """The texts, measured from their mean.

    Attributes:
        row_of: (S,) int64 row of each object, -1 for those that are not fitted on.
        labels: (F,) int64 index into ``classes``, -1 for objects without a class.
        targets: (F, D) float32: what each object is.
        classes: (K, D) float32: the sentences about each class.
        mean: (D,) float32: what was subtracted from both.
    """

    row_of: Tensor
    labels: Tensor
    targets: Tensor
    classes: Tensor
    mean: Tensor


def text_data(
    parts: PatchTowerParts,
    pairs: Pairs,
    objects: NDArray[np.int64],
    class_share: float,
    unseen: UnseenClasses = NO_CLASSES,
) -> TextData:
    """Encode the texts of the objects that are fitted on and the names of their classes, and of no others.

    Args:
        parts: Has the sentence encoder.
        pairs: All objects.
        objects: (F,) indices.
        class_share: See :class:`concord3d.methods.alignment_settings.AlignmentSettings`.
        unseen: Texts that name one of these classes are left out.
    """
    row_of = np.full(pairs.num_objects, -1, np.int64)
    row_of[objects] = np.arange(len(objects))
    encoder = _Remembered(parts.texts)
    targets = text_targets(encoder, pairs, objects, class_share, unseen)
    mean = targets.astype(np.float64).mean(axis=0).astype(np.float32)
    labels = pairs.labels[objects]
    known = np.unique(labels[labels >= 0])
    names = [pairs.class_names[label] for label in known]
    classes = class_features(_Centred(encoder, mean), names) if names else np.zeros((0, len(mean)), np.float32)
    places = np.where(labels >= 0, np.searchsorted(known, labels), -1)
    arrays = (row_of, places, targets - mean, classes, mean)
    return TextData(*(torch.from_numpy(array) for array in arrays))


class _Remembered:
    """A text encoder that encodes a text once."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= dict(zip(new, self._encoder.encode_texts(new), strict=True))
        return np.stack([self._known[text] for text in texts])


@dataclass(frozen=True)
class _Centred:
    """A text encoder whose features are measured from a mean, as the tower's are."""

    encoder: TextEncoder
    mean: NDArray[np.float32]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        centred: NDArray[np.float32] = self.encoder.encode_texts(texts) - self.mean
        return centred


@torch.no_grad()
def trunk_maps(
    encoder: PatchEncoder, parts: PatchTowerParts, pairs: Pairs, objects: NDArray[np.int64], device: torch.device
) -> Tensor:
    """Return a frozen trunk's maps of all pictures of some objects, on the CPU.

    At 128 pixels a picture takes 29 kB.

    Args:
        encoder: Has the trunk.
        parts: Knows what happens to pictures before.
        pairs: All objects.
        objects: (F,) indices.
        device: Where to compute.

    Returns:
        (F, V, C, g, g) float32.
    """
    vit, grid = encoder.vit, parts.config.trunk.image_size // encoder.vit.patch_size
    maps = torch.empty(len(objects), pairs.num_views, vit.channels, grid, grid)
    for row in range(len(objects)):
        pictures = torch.from_numpy(pairs.read(objects[row : row + 1], pairs.every_view)[0]).to(device)
        maps[row] = vit.trunk_map(parts.preprocess.normalize(pictures.permute(0, 3, 1, 2).float() / 255)).cpu()
    return maps
