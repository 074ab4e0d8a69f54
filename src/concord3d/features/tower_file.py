"""Files of towers of pre-trained encoders: which encoders the weights belong to stands in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.features.tower import TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.files import canonical_json, differing_keys
from concord3d.models.weights import read_tensors

# Header entry: the encoders that the weights were trained with, and the shape of what was trained.
ENCODERS_ENTRY = "aligned_encoders"


def plain_json(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as JSON gives it back: tuples are lists."""
    plain: dict[str, Any] = json.loads(canonical_json(described))
    return plain


def encoders_header(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the header entry of weights.

    Args:
        described: The encoders that they were trained with, and their shape.
    """
    return {ENCODERS_ENTRY: canonical_json(described)}


def require_fp32(spec: TowerSpec) -> None:
    """Refuse a tower in half precision.

    Raises:
        ConfigError: It is asked for.
    """
    if spec.precision != "fp32":
        raise ConfigError("Towers of pre-trained encoders compute in fp32", where=spec.model, found=spec.precision)


def require_encoders(path: Path, described: Mapping[str, Any]) -> None:
    """Refuse weights of a tower's trained part that are absent, or were trained with other encoders.

    Args:
        path: The file.
        described: The encoders that are there, and the shape that is configured.

    Raises:
        TowerWeightsMissing: There is no such file.
        CheckpointCorrupt: The file cannot be read, or is no trained part of such a tower.
        TowerMismatch: The encoders or the shape differ.
    """
    if not path.is_file():
        raise TowerWeightsMissing(
            "The trained part of a tower does not exist",
            where=path,
            next_step="correct 'weights', or make the file: the tower step trains it",
        )
    _, header = read_tensors(path)
    if ENCODERS_ENTRY not in header:
        raise CheckpointCorrupt(
            "Not the trained part of a tower of pre-trained encoders",
            where=path,
            expected=f"a header entry '{ENCODERS_ENTRY}'",
            found=sorted(header),
            next_step="use the weights that the tower's training saved",
        )
    differing = differing_keys(json.loads(header[ENCODERS_ENTRY]), described)
    if differing:
        raise TowerMismatch(
            "The tower's weights were trained with other encoders",
            where=path,
            expected={key: pair[0] for key, pair in differing.items()},
            found={key: pair[1] for key, pair in differing.items()},
            next_step="use the configuration that it was trained with, or train the tower again",
        )
