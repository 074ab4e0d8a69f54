"""The configuration of an aligned tower: which frozen encoders, and the projection between them. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.errors import nearest
from concord3d.features import frozen_encoders
from concord3d.features.packaged_weights import PACKAGED

# Keys of a configuration in open_clip's form.
OPEN_CLIP_KEYS = frozenset({"model_cfg", "preprocess_cfg"})
# What the encoders' last maps need.
MIN_IMAGE_SIZE = 32


def _known_picture_encoder(name: str) -> str:
    return _known(name, "picture encoder", frozen_encoders.PICTURE_ENCODERS)


def _known_sentence_encoder(name: str) -> str:
    return _known(name, "sentence encoder", frozen_encoders.SENTENCE_ENCODERS)


def _known(name: str, what: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise ValueError(f"no such {what}{nearest(name, names)}; there are {', '.join(names)}")
    return name


class _Strict(StrictModel):
    # A number in quotes, or true for 1, is a slip.
    model_config = ConfigDict(strict=True)


class PictureSide(_Strict):
    """The frozen picture encoder.

    Attributes:
        encoder: One of :data:`concord3d.features.frozen_encoders.PICTURE_ENCODERS`.
        image_size: Pixels of each side that it sees.
    """

    encoder: Annotated[str, AfterValidator(_known_picture_encoder)]
    image_size: int = Field(ge=MIN_IMAGE_SIZE)


class TextSide(_Strict):
    """The frozen sentence encoder.

    Attributes:
        encoder: One of :data:`concord3d.features.frozen_encoders.SENTENCE_ENCODERS`.
    """

    encoder: Annotated[str, AfterValidator(_known_sentence_encoder)]


class ProjectionShape(_Strict):
    """The map from picture features to the space of the sentences.

    Attributes:
        hidden_width: Width of the hidden layer that is added to the linear map; null leaves it linear.
    """

    hidden_width: PositiveInt | None = None


class AlignedTowerConfig(_Strict):
    """A frozen picture encoder and a frozen sentence encoder, with a projection between them.

    Attributes:
        pictures: The picture encoder.
        texts: The sentence encoder, in whose space the features lie.
        projection: What is trained.
    """

    pictures: PictureSide
    texts: TextSide
    projection: ProjectionShape = ProjectionShape()


def is_aligned(content: Any) -> bool:
    """Whether the content of a tower's configuration is to be read as :class:`AlignedTowerConfig`.

    Args:
        content: What a file below ``config/towers/`` holds.
    """
    return isinstance(content, Mapping) and not OPEN_CLIP_KEYS & set(content)


def encoder_checksums(config: AlignedTowerConfig) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of the files of both frozen encoders, by name and role, without looking for the files.

    Args:
        config: The tower.
    """
    names = (config.pictures.encoder, config.texts.encoder)
    return {name: {role: file.sha256 for role, file in PACKAGED[name].files.items()} for name in names}


def feature_widths(config: AlignedTowerConfig) -> tuple[int, int]:
    """Return the widths of the frozen features of pictures and of sentences; the latter is the tower's.

    Args:
        config: The tower.
    """
    return PACKAGED[config.pictures.encoder].dim, PACKAGED[config.texts.encoder].dim
