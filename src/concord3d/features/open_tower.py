"""Opens a frozen tower of any form: a model of open_clip, two aligned encoders, or patch tokens above a trunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord3d.errors import UnreadableFile
from concord3d.features.aligned_tower import AlignedTower
from concord3d.features.efficientnet_adapter import preprocess_at
from concord3d.features.open_clip_adapter import OpenClipTower, clip_config, preprocess_of
from concord3d.features.patch_tower import PatchTower
from concord3d.features.preprocess import Preprocess
from concord3d.features.tower import Tower, TowerSpec
from concord3d.features.tower_config import PATCH_SIZE, AlignedTowerConfig, PatchTowerConfig, config_kind
from concord3d.files import read_json


def open_tower(spec: TowerSpec, device: str = "auto", weights_folder: Path | None = None) -> Tower:
    """Build a frozen tower in evaluation mode.

    Nothing is unpickled. Weights given by a tag are looked for in ``weights_folder`` and fetched from their publisher
    only if they are not there.

    Args:
        spec: Model and weights.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        weights_folder: Where released weights lie, as ``<model>__<tag>.safetensors``; None for the libraries' own
            caches.

    Raises:
        ConfigError: The model or the tag is unknown, or the configuration has neither form.
        TowerMismatch: The weights were trained with another activation, configuration or encoder.
        TowerWeightsMissing: There are no weights; the message says which file to place where.
        CheckpointCorrupt: The weights file cannot be read safely, or names or shapes differ; both sides are listed.
        DependencyMissing: A library is not installed.
    """
    kind = _kind_of_file(spec.model)
    if kind is None:
        return OpenClipTower.open(spec, device, weights_folder)
    opened = PatchTower if kind is PatchTowerConfig else AlignedTower
    return opened.open(spec, device, weights_folder)


def _kind_of_file(model: str) -> type[AlignedTowerConfig] | type[PatchTowerConfig] | None:
    path = Path(model)
    # A file that cannot be read is left to open_clip's adapter, which says so.
    return config_kind(_content(path)) if path.suffix == ".json" and path.is_file() else None


def _content(path: Path) -> Any:
    try:
        return read_json(path)
    except UnreadableFile:
        return None


def encoder_preprocess(encoder: Mapping[str, Any]) -> Preprocess:
    """Return what happens to pictures before the picture encoder of a training sees them, without opening it.

    Args:
        encoder: The ``encoder`` section of a tower's run: the name of an open_clip model, or a tower of
            pre-trained encoders.

    Raises:
        ConfigError: See :func:`concord3d.features.open_clip_adapter.preprocess_of`.
        DependencyMissing: open_clip is needed and not installed.
    """
    if "model" in encoder:
        return preprocess_of(encoder["model"])
    config = (config_kind(encoder) or AlignedTowerConfig).model_validate(dict(encoder))
    side = config.trunk if isinstance(config, PatchTowerConfig) else config.pictures
    return preprocess_at(side.image_size)


def tower_preprocess(model: str, weights: str | None = None) -> Preprocess:
    """Return what happens to pictures before a tower sees them, without opening it.

    Args:
        model: Name of an open_clip model, or the path of a configuration.
        weights: Tag of a release, which may have a preprocessing of its own, or a file; None if it is trained here.

    Raises:
        ConfigError, DependencyMissing: See :func:`encoder_preprocess`.
    """
    if _kind_of_file(model) is None:
        return preprocess_of(model, weights)
    return encoder_preprocess(read_json(Path(model)))


def tower_patch_size(model: str) -> int:
    """Return the side in pixels of the patches whose tokens a tower's picture encoder has, without opening it.

    Args:
        model: See :func:`tower_preprocess`, also for what it raises.
    """
    if _kind_of_file(model) is not None:
        return PATCH_SIZE
    return int(clip_config(model)["model_cfg"]["vision_cfg"].get("patch_size", PATCH_SIZE))
