"""Picture encoders that many nodes of one job begin with: each is built once, and every node gets a copy.

To build a trunk takes four times as long as to copy it. Released towers are large, and no job opens many; they are not
kept, also because what they have no weights of is drawn anew for each training.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.features.token_encoders import TokenEncoder, new_token_encoder, open_token_encoder
from concord3d.features.tower_config import PatchTowerConfig, config_kind
from concord3d.files import canonical_json

# The one that was opened last, by its configuration and its file.
_opened: dict[str, TokenEncoder] = {}


def unfilled(built_from: Mapping[str, Any], out_dim: int) -> nn.Module:
    """Return a picture encoder into which saved weights can be loaded; until then its weights mean nothing.

    Args:
        built_from: See :class:`concord3d.features.token_encoders.TokenEncoder`.
        out_dim: Width of its output.
    """
    if config_kind(built_from) is not PatchTowerConfig:
        return new_token_encoder(built_from, out_dim)
    return copy.deepcopy(_new(canonical_json(dict(built_from)), out_dim))


@lru_cache(maxsize=2)
def _new(built_from: str, out_dim: int) -> nn.Module:
    return new_token_encoder(json.loads(built_from), out_dim)


def of_trained_tower(encoder: Mapping[str, Any], weights: Path) -> TokenEncoder:
    """Return the picture encoder of a tower that was trained here.

    Args:
        encoder: The ``encoder`` section of its training.
        weights: File of the weights that it saved; one that is written anew is read anew.

    Raises:
        ConfigError: The tower has no patch tokens.
        CheckpointCorrupt: The file cannot be read or does not fit.
    """
    key = f"{canonical_json(dict(encoder))} {weights.resolve()} {_state(weights)}"
    opened = _opened.get(key)
    if opened is None:
        opened = open_token_encoder(encoder, weights)
        if config_kind(opened.built_from) is not PatchTowerConfig:
            return opened
        _opened.clear()
        _opened[key] = opened
    return TokenEncoder(copy.deepcopy(opened.network), dict(opened.built_from))


def _state(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written anew."""
    if not path.is_file():
        return ()
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns
