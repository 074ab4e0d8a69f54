"""Encoders of what a scan shows and says, by name: those that run here, and published ones whose features are given.

Read without PyTorch, by the plan of all jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from concord3d.errors import nearest
from concord3d.features.frozen_encoders import PICTURE_ENCODERS, SENTENCE_ENCODERS
from concord3d.features.packaged_weights import PACKAGED
from concord3d.features.tower import TowerWeightsMissing

# What the paper encodes with (CrossOver spec 2). Nothing here runs them: their features are read from files.
GIVEN_PICTURES: Mapping[str, str] = {
    "dinov2_vitg14": "the value facet of block 31 of DINOv2 ViT-g/14 at 224 pixels, each token of unit length; a frame "
    "is its CLS token and the mean over its patch tokens, an object and a floorplan are CLS tokens",
    "ulip2_pictures": "features of ULIP-2's picture encoder, of objects' crops, key frames and floorplans; "
    "a frame is its feature twice",
    "point_bind_pictures": "features of ImageBind's picture encoder, of objects' crops, key frames and "
    "floorplans; a frame is its feature twice",
}
GIVEN_SENTENCES: Mapping[str, str] = {
    "blip_large": "the first token's last hidden state of the text encoder of BLIP, model_large",
    "ulip2_texts": "features of ULIP-2's text encoder, of objects' referrals and of the text of a scene",
    "point_bind_texts": "features of ImageBind's text encoder, of objects' referrals and of the text of a scene",
}
# Of clouds, and of one space with the pictures and sentences above of the same model.
GIVEN_POINTS: Mapping[str, str] = {
    "ulip2_points": "features of ULIP-2's point encoder, of an object's vertices and of its CAD model",
    "point_bind_points": "features of Point-Bind's point encoder, of an object's vertices and of its CAD model",
}
GIVEN: Mapping[str, str] = {**GIVEN_PICTURES, **GIVEN_SENTENCES, **GIVEN_POINTS}


def known_picture_encoder(name: str) -> str:
    """Return the name of an encoder of a scan's pictures; it is a validator of settings.

    Raises:
        ValueError: There is no such encoder; the nearest name is given.
    """
    return _known(name, (*PICTURE_ENCODERS, *GIVEN_PICTURES), "picture encoder")


def known_sentence_encoder(name: str) -> str:
    """Return the name of an encoder of a scan's texts; it is a validator of settings.

    Raises:
        ValueError: There is no such encoder; the nearest name is given.
    """
    return _known(name, (*SENTENCE_ENCODERS, *GIVEN_SENTENCES), "sentence encoder")


def known_point_encoder(name: str) -> str:
    """Return the name of an encoder of a scan's clouds whose features are given; it is a validator of settings.

    Raises:
        ValueError: There is no such encoder; the nearest name is given.
    """
    return _known(name, tuple(GIVEN_POINTS), "given point encoder")


def _known(name: str, names: tuple[str, ...], what: str) -> str:
    if name not in names:
        raise ValueError(f"no such {what}{nearest(name, names)}; there are {', '.join(names)}")
    return name


def weights_checksums(name: str) -> dict[str, str] | None:
    """Return the SHA-256 of the files of an encoder by role; None for one whose features are given."""
    return None if name in GIVEN else {role: file.sha256 for role, file in PACKAGED[name].files.items()}


def require_given(name: str, path: Path) -> None:
    """Refuse a published encoder whose features nobody has placed.

    Args:
        name: One of ``GIVEN``.
        path: Where the file belongs.

    Raises:
        TowerWeightsMissing: It is absent; the message says what belongs there.
    """
    if not path.is_file():
        raise TowerWeightsMissing(
            f"'{name}' does not run here, and its features are not there",
            where=path,
            expected=GIVEN[name],
            found="no file",
            next_step="write them in the form of concord3d.features.scan_features, or name another encoder in data",
        )
