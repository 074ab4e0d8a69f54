"""Frozen pairs of an image and a text encoder, and what makes their features what they are.

Shape legend: B batch, H and W image height and width, C channels, D feature width.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConcordError

Precision = Literal["fp32", "bf16"]


class TowerError(ConcordError):
    """Something about a frozen tower; see the subclasses."""


class TowerMismatch(TowerError):
    """Weights, configuration and preprocessing of a tower do not belong together."""


class TowerWeightsMissing(TowerError):
    """The weights of a tower are not on this machine and cannot be fetched."""


class BadText(TowerError):
    """A text holds nothing that a tower can read."""


class BadPictures(TowerError):
    """Pictures have a form that no tower takes."""


@dataclass(frozen=True)
class TowerSpec:
    """Which tower to use.

    Attributes:
        model: Name of an open_clip model such as ``ViT-bigG-14``, or the path of a configuration (``.json``).
        weights: Tag of weights released for that model such as ``laion2b_s39b_b160k``, or a file: ``.safetensors``, or
            a torch file (``.pt``, ``.pth``, ``.bin``) that holds nothing but tensors.
        precision: Arithmetic of the matrix products; ``bf16`` is for GPUs. Weights and features are float32.
    """

    model: str
    weights: str
    precision: Precision = "fp32"


class FeatureSpace(Protocol):
    """A space of features: a tower, or one frozen encoder."""

    @property
    def dim(self) -> int:
        """D."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the features: architecture, weights, precision and preprocessing, as plain JSON."""
        ...


class TextEncoder(Protocol):
    """Anything that turns texts into features: a tower, or features that were stored before."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised.

        Raises:
            BadText: A text is one of :func:`is_unusable`.
        """
        ...


class Tower(FeatureSpace, TextEncoder, Protocol):
    """A frozen image encoder and a frozen text encoder with one space of features."""

    @property
    def image_size(self) -> int:
        """Pixels of each side that the image encoder sees."""
        ...

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated)."""
        ...


def is_unusable(text: str) -> bool:
    """Whether a text counts as absent: it has no visible character, or cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return not any(letter.isprintable() and not letter.isspace() for letter in html.unescape(text))


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts that hold nothing to read.

    Raises:
        BadText: A text is one of :func:`is_unusable`; the message gives its position.
    """
    for position, text in enumerate(texts):
        if is_unusable(text):
            raise BadText(
                "A text holds nothing to read",
                where=f"text {position} of {len(texts)}",
                expected="at least one visible character",
                found=repr(text[:40]),
                next_step="leave out empty texts; an object without text is no error",
            )


def check_pictures(images: NDArray[Any]) -> None:
    """Refuse what is not a batch of pictures.

    Raises:
        BadPictures: Not (B, H, W, 1 or 3) uint8, or without pixels.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape[1:]:
        raise BadPictures(
            "Pictures have another form", expected="uint8 (B, H, W, 3 or 1)", found=f"{images.dtype} {images.shape}"
        )
