"""Weights of towers: where they lie, and whether they fit the model that receives them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.errors import CheckpointCorrupt, ConfigError, UnreadableFile, nearest
from concord3d.features.tower import TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.files import canonical_json, differing_keys, read_json
from concord3d.models.weights import load_matching, read_tensors

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
# Header entry of weights that were trained here: the configuration they were trained with.
CONFIG_ENTRY = "model_cfg"
# What publishers put beside weights.
CONFIG_FILE = "open_clip_config.json"
_MAX_LISTED = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundWeights:
    """A weights file and the preprocessing that belongs to it.

    Attributes:
        path: The file.
        preprocess_cfg: What the publisher's release, or the configuration beside a file, says about pictures; empty
            where nothing does.
    """

    path: Path
    preprocess_cfg: dict[str, Any]


def find_weights(
    open_clip: ModuleType, spec: TowerSpec, model_cfg: Mapping[str, Any], folder: Path | None
) -> FoundWeights:
    """Return the weights file of a tower, fetched from its publisher if it is released and not on this machine.

    Args:
        open_clip: The library, which knows the released weights.
        spec: Model and weights.
        model_cfg: The model's configuration.
        folder: Where released weights lie, as ``<model>__<tag>`` with a usual suffix; None for open_clip's caches.

    Raises:
        ConfigError: No weights of this tag are released for this model.
        TowerMismatch: They were trained with another activation function, or the configuration beside a file is of
            another model.
        UnreadableFile: The configuration beside a file is none.
        TowerWeightsMissing: The file does not exist or cannot be fetched.
    """
    if spec.weights.endswith(SUFFIXES):
        return _local_file(open_clip, spec.model, model_cfg, Path(spec.weights))
    tags = open_clip.list_pretrained_tags_by_model(spec.model)
    release = open_clip.get_pretrained_cfg(spec.model, spec.weights)
    if not release:
        raise ConfigError(
            f"No weights '{spec.weights}' are released for '{spec.model}'{nearest(spec.weights, tags)}",
            where="weights",
            expected=f"one of {tags} or a file ending in {', '.join(SUFFIXES)}",
            found=spec.weights,
        )
    _check_activation(open_clip, spec, model_cfg, release)
    candidates = [folder / f"{spec.model}__{spec.weights}{suffix}" for suffix in SUFFIXES] if folder else []
    present = next((path for path in candidates if path.is_file()), None)
    return FoundWeights(present or _fetch(open_clip, spec, release, folder), dict(release))


def _local_file(open_clip: ModuleType, model: str, model_cfg: Mapping[str, Any], path: Path) -> FoundWeights:
    if not path.is_file():
        raise TowerWeightsMissing(
            "The weights of a tower do not exist",
            where=path,
            next_step="correct 'weights', or make the file: towers of ours are trained by the tower step",
        )
    beside = path.with_name(CONFIG_FILE)
    if not beside.is_file():
        twin = f"{model.removesuffix('-quickgelu')}-quickgelu"
        if not model.endswith(".json") and twin in open_clip.list_models():
            _log.warning(
                "%s: no %s beside it says whether it belongs to %s or to %s, of the same shapes",
                path, CONFIG_FILE, twin.removesuffix("-quickgelu"), twin,
            )  # fmt: skip
        return FoundWeights(path, {})
    config = read_json(beside)
    if not isinstance(config, dict) or not isinstance(config.get("model_cfg"), dict):
        raise UnreadableFile("Not the configuration of a tower", where=beside, expected="model_cfg and preprocess_cfg")
    _check_beside(open_clip, model, model_cfg, config["model_cfg"], beside)
    return FoundWeights(path, dict(config.get("preprocess_cfg") or {}))


def _check_beside(
    open_clip: ModuleType, model: str, model_cfg: Mapping[str, Any], beside: Mapping[str, Any], where: Path
) -> None:
    """Raise TowerMismatch where the configuration beside the weights is of another model."""
    own, needed = _meant(model_cfg), _meant(beside)
    differing = differing_keys(own, needed)
    if not differing:
        return
    alike = [name for name in open_clip.list_models() if _meant(open_clip.get_model_config(name)) == needed]
    raise TowerMismatch(
        "Weights and model have different configurations",
        where=f"{model}, and {where}",
        expected={key: after for key, (_, after) in differing.items()},
        found={key: before for key, (before, _) in differing.items()},
        next_step=f"set model: {alike[0] if alike else where}",
    )


def _meant(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without what is null or only says where the library finds a tokenizer."""
    kept = {
        key: _meant(value) if isinstance(value, Mapping) else value
        for key, value in json.loads(json.dumps(dict(config))).items()
        if value is not None and not key.startswith("hf_tokenizer")
    }
    return {**kept, "quick_gelu": bool(kept.get("quick_gelu", False))} if "embed_dim" in kept else kept


def _check_activation(
    open_clip: ModuleType, spec: TowerSpec, model_cfg: Mapping[str, Any], release: Mapping[str, Any]
) -> None:
    quick, needed = bool(model_cfg.get("quick_gelu", False)), bool(release.get("quick_gelu", False))
    if quick == needed:
        return
    other = spec.model.removesuffix("-quickgelu") if quick else f"{spec.model}-quickgelu"
    exists = other in open_clip.list_models()
    raise TowerMismatch(
        "Weights and model use different activation functions",
        where=f"{spec.model} with {spec.weights}",
        expected=f"quick_gelu={needed}, with which the weights were trained",
        found=f"quick_gelu={quick}",
        next_step=f"use the model '{other}'" if exists else "use a configuration file with the right quick_gelu",
    )


def _fetch(open_clip: ModuleType, spec: TowerSpec, release: Mapping[str, Any], folder: Path | None) -> Path:
    source = _address(open_clip, release)
    cache = None if folder is None else str(folder / "fetched")
    _log.info("fetching the weights of %s from %s", spec.model, source)
    try:
        fetched = open_clip.download_pretrained(dict(release), cache_dir=cache)
    except Exception as error:  # the libraries below raise whatever their transports raise
        place = f"{folder}/{spec.model}__{spec.weights}{Path(source).suffix or '.safetensors'}" if folder else None
        place = f"place it at {place}, or" if place else "place it anywhere and"
        raise TowerWeightsMissing(
            "The weights of a tower are not on this machine and cannot be fetched",
            where=f"{spec.model} with {spec.weights}",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            next_step=f"fetch {source} where there is a network, {place} set 'weights' to its path",
        ) from error
    return Path(fetched)


def _address(open_clip: ModuleType, release: Mapping[str, Any]) -> str:
    if not release.get("hf_hub"):
        return str(release["url"])
    repository, _, file = str(release["hf_hub"]).rpartition("/")
    return f"https://huggingface.co/{repository}/resolve/main/{file or open_clip.constants.HF_SAFE_WEIGHTS_NAME}"


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read named tensors and the header's strings without running code from the file.

    Raises:
        CheckpointCorrupt: The file is damaged, or holds anything but tensors and plain types.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several unrelated types on damaged or unsafe files
        raise CheckpointCorrupt(
            "Cannot read a weights file safely",
            where=path,
            expected="a complete torch file of tensors and plain types",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            next_step="use the safetensors file of the same weights",
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointCorrupt("A weights file holds no named tensors", where=path, found=type(loaded).__name__)
    return {str(name).removeprefix("module."): value for name, value in state.items()}, {}


def load_clip_weights(module: nn.Module, path: Path, model_cfg: Mapping[str, Any]) -> None:
    """Load weights that must fit a model exactly; no embedding is resized and no name is left over.

    Args:
        module: Receives the values; of no use after an error.
        path: The weights file.
        model_cfg: The model's configuration, compared with the one that the file was trained with if it says so.

    Raises:
        CheckpointCorrupt: The file cannot be read, or names or shapes differ; both sides are listed.
        TowerMismatch: The file was trained with another configuration of equal shapes.
    """
    state, header = read_state(path)
    _check_config(path, header, model_cfg)
    state = _in_own_form(module, state)
    own = module.state_dict()
    try:
        report = load_matching(module, state)
    except CheckpointCorrupt as error:
        extra = [f"extra {name}" for name in state if name not in own]
        raise _misfit(path, own, "; ".join([str(error.found), *extra[:_MAX_LISTED]])) from error
    if report.unused:
        raise _misfit(path, own, "; ".join(f"extra {name}" for name in report.unused[:_MAX_LISTED]))


def _misfit(path: Path, own: Mapping[str, Tensor], found: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(
        "Weights do not fit the tower",
        where=path,
        expected=f"the {len(own)} tensors of the configuration",
        found=found,
        next_step="use the configuration that the weights were trained with",
    )


def _in_own_form(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    state = convert_state_dict(module, state)
    if "positional_embedding" in state and not hasattr(module, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    own = module.state_dict()
    # An index table that old releases carry along.
    state = {name: value for name, value in state.items() if name in own or not name.endswith("position_ids")}
    for name in state.keys() & own.keys():
        if state[name].is_floating_point():
            state[name] = state[name].to(own[name].dtype)
        if name in ("logit_scale", "logit_bias") and state[name].numel() == own[name].numel():
            state[name] = state[name].reshape(own[name].shape)
    return state


def _check_config(path: Path, header: Mapping[str, str], model_cfg: Mapping[str, Any]) -> None:
    if CONFIG_ENTRY not in header or header[CONFIG_ENTRY] == canonical_json(dict(model_cfg)):
        return
    trained = json.loads(header[CONFIG_ENTRY])
    differing = sorted(
        key for key in {*trained, *model_cfg} if canonical_json(trained.get(key)) != canonical_json(model_cfg.get(key))
    )
    raise TowerMismatch(
        "The weights were trained with another configuration",
        where=path,
        expected={key: trained.get(key) for key in differing},
        found={key: model_cfg.get(key) for key in differing},
        next_step="use the configuration that lies beside the weights",
    )
