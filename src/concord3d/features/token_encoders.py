"""Picture encoders with patch tokens, of towers of either form: with the weights of a tower, or to be filled again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.features import frozen_encoders
from concord3d.features.open_clip_adapter import build_picture_encoder, open_clip_parts
from concord3d.features.patch_tower import hybrid_vit, saved_encoder
from concord3d.features.tower import TowerSpec
from concord3d.features.tower_config import PatchTowerConfig, config_kind, has_patch_tokens
from concord3d.files import read_json
from concord3d.models.clip_patches import ClipPatches


class TokenEncoder(NamedTuple):
    """A picture encoder with patch tokens, and what builds another one like it.

    Attributes:
        network: A :class:`concord3d.models.hybrid_vit.HybridViT` or a
            :class:`concord3d.models.clip_patches.ClipPatches`, which have the same functions.
        built_from: Its configuration as plain JSON, see :func:`new_token_encoder`.
    """

    network: nn.Module
    built_from: dict[str, Any]


def open_token_encoder(
    encoder: Mapping[str, Any], weights: Path | str, weights_folder: Path | None = None
) -> TokenEncoder:
    """Open the picture encoder of a tower that is to be trained further.

    What the tower has no weights of, such as the mask token of a CLIP, is drawn from torch's global generator.

    Args:
        encoder: The ``encoder`` section of the tower's training; of a released tower ``model`` alone.
        weights: File of the weights that the training saved, or the tag of a release.
        weights_folder: See :func:`concord3d.features.open_tower.open_tower`, also for what it raises.

    Raises:
        ConfigError: The tower has no patch tokens.
        CheckpointCorrupt: The file cannot be read or does not fit.
    """
    content = _content(encoder)
    if not has_patch_tokens(content):
        raise ConfigError(
            "The tower has no patch tokens",
            where="data.tower",
            expected="a patch tower, or a vision transformer of open_clip",
            found=encoder.get("model", "an aligned tower"),
        )
    if config_kind(content) is PatchTowerConfig:
        config = validate(PatchTowerConfig, dict(content), encoder.get("model", "encoder"))
        return TokenEncoder(saved_encoder(config, Path(weights)).vit, config.model_dump())
    with torch.random.fork_rng():
        parts, _ = open_clip_parts(TowerSpec(encoder["model"], str(weights)), weights_folder)
    module: Any = parts.module
    return TokenEncoder(ClipPatches(module.visual), {"model_cfg": parts.config["model_cfg"]})


def _content(encoder: Mapping[str, Any]) -> Any:
    """Return a tower's configuration, or the name of open_clip's model."""
    if "model" not in encoder:
        return encoder
    return read_json(Path(encoder["model"])) if encoder["model"].endswith(".json") else encoder["model"]


def new_token_encoder(built_from: Mapping[str, Any], out_dim: int) -> nn.Module:
    """Build a picture encoder with random weights, into which saved ones can be loaded.

    Args:
        built_from: The same of :class:`TokenEncoder`.
        out_dim: Width of its output.
    """
    if config_kind(built_from) is not PatchTowerConfig:
        return ClipPatches(build_picture_encoder(built_from["model_cfg"]))
    config = PatchTowerConfig.model_validate(dict(built_from))
    return hybrid_vit(config, frozen_encoders.new_trunk(config.trunk.encoder), out_dim)
