"""Configurations of towers that are made from pre-trained encoders, of two forms. Read without torch.

An aligned tower (method ``aligned``) has two frozen encoders and a projection between them; a patch tower (method
``patch_tower``) has patch tokens above the trunk of a picture encoder, trained in the space of a frozen sentence
encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, PositiveInt, model_validator

from concord3d.config.validation import StrictModel
from concord3d.errors import nearest
from concord3d.features import frozen_encoders
from concord3d.features.packaged_weights import PACKAGED

# Keys of a configuration in open_clip's form.
OPEN_CLIP_KEYS = frozenset({"model_cfg", "preprocess_cfg"})
# Keys that only a patch tower has; a misspelt one beside the other is then named.
PATCH_TOWER_KEYS = frozenset({"trunk", "tokens"})
# What the encoders' last maps need.
MIN_IMAGE_SIZE = 32
# Side in pixels of the patches of a trunk's tokens.
PATCH_SIZE = 16


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

    @property
    def encoders(self) -> tuple[str, str]:
        """Names of the pre-trained encoders, of pictures and of sentences."""
        return (self.pictures.encoder, self.texts.encoder)


class TrunkSide(_Strict):
    """The convolutional trunk below the tokens, up to its map of one value per patch of 16 x 16 pixels.

    Attributes:
        encoder: The picture encoder that it is the lower part of, one of
            :data:`concord3d.features.frozen_encoders.PICTURE_ENCODERS`.
        image_size: Pixels of each side that it sees, a multiple of 16.
    """

    encoder: Annotated[str, AfterValidator(_known_picture_encoder)]
    image_size: int = Field(ge=MIN_IMAGE_SIZE, multiple_of=PATCH_SIZE)


class TokenShape(_Strict):
    """The transformer over the patches; see :class:`concord3d.models.hybrid_vit.HybridViT`.

    Attributes:
        width: Width of the tokens, a multiple of 4 and of ``num_heads``.
        depth: Blocks.
        num_heads: Attention heads.
        mlp_width: Hidden width of the blocks' MLPs.
    """

    width: PositiveInt
    depth: PositiveInt
    num_heads: PositiveInt
    mlp_width: PositiveInt

    @model_validator(mode="after")
    def _shared_evenly(self) -> TokenShape:
        if self.width % self.num_heads or self.width % 4:
            raise ValueError(f"a width of {self.width} is no multiple of 4 and of {self.num_heads} heads")
        return self


class PatchTowerConfig(_Strict):
    """A picture encoder with patch tokens, trained in the space of a frozen sentence encoder.

    Attributes:
        trunk: What the tokens are made of.
        tokens: The transformer above.
        texts: The sentence encoder, in whose space the features lie.
    """

    trunk: TrunkSide
    tokens: TokenShape
    texts: TextSide

    @property
    def encoders(self) -> tuple[str, str]:
        """Names of the pre-trained encoders, of pictures and of sentences."""
        return (self.trunk.encoder, self.texts.encoder)


PretrainedTowerConfig: TypeAlias = AlignedTowerConfig | PatchTowerConfig


def config_kind(content: Any) -> type[AlignedTowerConfig] | type[PatchTowerConfig] | None:
    """Return as what the content of a tower's configuration is to be read; None for open_clip's form.

    Args:
        content: What a file below ``config/towers/`` holds.
    """
    if not isinstance(content, Mapping) or OPEN_CLIP_KEYS & set(content):
        return None
    return PatchTowerConfig if PATCH_TOWER_KEYS & set(content) else AlignedTowerConfig


def has_patch_tokens(content: Any) -> bool:
    """Whether the picture encoder of a tower is a transformer over patches.

    Args:
        content: What a file below ``config/towers/`` holds, or the name of a model of open_clip, which is taken to be
            one: only open_clip knows its configuration.
    """
    kind = config_kind(content)
    if kind is not None or not isinstance(content, Mapping):
        return kind is not AlignedTowerConfig
    model: Any = content.get("model_cfg")
    vision: Any = model.get("vision_cfg") if isinstance(model, Mapping) else None
    # Of a list of layers open_clip builds a residual network; without any it takes 12.
    return isinstance(vision, Mapping) and "timm_model_name" not in vision and isinstance(vision.get("layers", 12), int)


def encoder_checksums(config: PretrainedTowerConfig) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of the files of both pre-trained encoders, by name and role, without looking for the files.

    Args:
        config: The tower.
    """
    return {name: {role: file.sha256 for role, file in PACKAGED[name].files.items()} for name in config.encoders}


def feature_widths(config: PretrainedTowerConfig) -> tuple[int, int]:
    """Return the widths of the features of both pre-trained encoders; that of sentences is the tower's.

    Args:
        config: The tower.
    """
    pictures, texts = config.encoders
    return PACKAGED[pictures].dim, PACKAGED[texts].dim
