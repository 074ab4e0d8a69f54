"""Frozen encoders of microseconds, under names of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.features import frozen_encoders, packaged_weights
from concord3d.features.packaged_weights import PackagedFile, PackagedWeights
from concord3d.features.tower import check_pictures, check_texts

ALIGNED: dict[str, Any] = {
    "pictures": {"encoder": "fake_pictures", "image_size": 32},
    "texts": {"encoder": "fake_sentences"},
    "projection": {"hidden_width": None},
}


PATCHES: dict[str, Any] = {
    "trunk": {"encoder": "fake_pictures", "image_size": 32},
    "tokens": {"width": 8, "depth": 1, "num_heads": 2, "mlp_width": 16},
    "texts": {"encoder": "fake_sentences"},
}


def picture_identity(image_size: int, release: str = "0" * 64) -> dict[str, Any]:
    """What the fake encoder of pictures says that it is."""
    return {"architecture": "fake", "size": image_size, "weights_sha256": release}


def sentence_identity(release: str = "0" * 64) -> dict[str, Any]:
    """What the fake encoder of sentences says that it is."""
    return {"architecture": "words", "weights_sha256": release}


class FakeTrunk(nn.Module):
    """Mean colours of patches and of their surroundings, and a memory of how many pictures were seen."""

    channels, patch_size = 6, 16

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, self.channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(self.channels)
        self.seen = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen += len(pixels)
        found: Tensor = self.norm(self.conv(nn.functional.avg_pool2d(pixels, self.patch_size)))
        return found


class FakePictures:
    """Mean colours of the four quarters, never zero, and a memory of how many pictures were seen.

    Its network is one weight, by which the colours are multiplied: 1 in the release, 0 where there are no weights.
    """

    dim = 13

    def __init__(self, image_size: int, release: str, weight: float = 1.0) -> None:
        self.image_size, self.seen = image_size, 0
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.network.weight, weight)
        self.identity = picture_identity(image_size, release)

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        check_pictures(images)
        self.seen += len(images)
        images = np.broadcast_to(images, (*images.shape[:3], 3))
        count, half = len(images), images.shape[1] // 2
        weight = float(self.network.weight.detach())
        quarters = [weight * images[:, y : y + half, x : x + half].mean((1, 2)) for y in (0, half) for x in (0, half)]
        return np.concatenate([*quarters, np.full((count, 1), 50.0)], axis=1).astype(np.float32)


class FakeSentences:
    """The sum of a vector per word, with unit length, and a memory of the texts that were read."""

    dim = 16

    def __init__(self, release: str) -> None:
        self.identity = sentence_identity(release)
        self.read: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        check_texts(texts)
        self.read += texts
        rows = np.array([sum(map(self._word, text.lower().replace(".", "").split())) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def _word(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.dim)


def register(patch: pytest.MonkeyPatch, release: str = "0" * 64) -> None:
    """Make the fakes known by their names, as the encoders of one release."""

    def pictures(name: str, image_size: int, device: str = "auto", weights_folder: Path | None = None) -> FakePictures:
        return FakePictures(image_size, release)

    def without_weights(name: str, image_size: int = 224) -> FakePictures:
        return FakePictures(image_size, release, weight=0.0)

    def sentences(name: str, device: str = "auto", weights_folder: Path | None = None) -> FakeSentences:
        return FakeSentences(release)

    def released_trunk(name: str, weights_folder: Path | None = None) -> FakeTrunk:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return FakeTrunk()

    for name, dim in (("fake_pictures", FakePictures.dim), ("fake_sentences", FakeSentences.dim)):
        file = PackagedFile(name, name, release)
        made_up = PackagedWeights(name, "1", "MIT", f"made up: {name}", dim, {"weights": file})
        patch.setitem(packaged_weights.PACKAGED, name, made_up)
    patch.setattr(frozen_encoders, "PICTURE_ENCODERS", ("fake_pictures",))
    patch.setattr(frozen_encoders, "SENTENCE_ENCODERS", ("fake_sentences",))
    patch.setattr(frozen_encoders, "picture_identity", lambda name, size: picture_identity(size, release))
    patch.setattr(frozen_encoders, "sentence_identity", lambda name: sentence_identity(release))
    patch.setattr(frozen_encoders, "open_picture_encoder", pictures)
    patch.setattr(frozen_encoders, "build_picture_encoder", without_weights)
    patch.setattr(frozen_encoders, "open_sentence_encoder", sentences)
    patch.setattr(frozen_encoders, "open_trunk", released_trunk)
    patch.setattr(frozen_encoders, "new_trunk", lambda name: FakeTrunk())
