"""open_clip adapter: models by name or by a configuration of ours, weights without unpickling, the real tokenizer.

Shape legend: B batch, H and W image height and width, C channels, D feature width, L tokens of a text.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.errors import ConfigError, DependencyMissing, UnreadableFile, nearest
from concord3d.features.preprocess import Preprocess
from concord3d.features.tower import TowerError, TowerSpec, check_pictures, check_texts
from concord3d.features.weights import find_weights, load_clip_weights
from concord3d.files import read_json, sha256_file, write_json

BATCH = 256
READ_CHARACTERS, READ_RUN = 4000, 100
_LONG_RUN = re.compile(rf"([^\W\d_]{{{READ_RUN}}})[^\W\d_]+|([^\w\s]{{{READ_RUN}}})[^\w\s]+")
_CONFIG_KEYS = {"model_cfg", "preprocess_cfg"}
_MODEL_KEYS = {"embed_dim", "vision_cfg", "text_cfg"}
# What open_clip raises on a configuration that it cannot build.
_BUILD_ERRORS = (TypeError, KeyError, ValueError, RuntimeError, AssertionError, AttributeError, OSError)


@dataclass(frozen=True)
class ClipParts:
    """An open_clip model with what belongs to it.

    Attributes:
        module: The model, with random weights until others are loaded.
        config: ``model_cfg`` and ``preprocess_cfg`` in open_clip's form.
        preprocess: What happens to pictures.
        tokenize: Maps texts to (B, L) int64 tokens; a longer text is cut.
    """

    module: nn.Module
    config: dict[str, Any]
    preprocess: Preprocess
    tokenize: Callable[[Sequence[str]], Tensor]


def import_open_clip() -> ModuleType:
    """Return open_clip.

    Raises:
        DependencyMissing: It is not installed.
    """
    try:
        import open_clip
    except ImportError as error:
        raise DependencyMissing(
            "open_clip cannot be imported", found=error, next_step="pip install open_clip_torch"
        ) from error
    module: ModuleType = open_clip
    return module


@contextmanager
def _quiet() -> Iterator[None]:
    # While it builds a model, open_clip warns through the root logger that the weights are random.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def clip_config(model: str) -> dict[str, Any]:
    """Return the configuration of a model, ``{"model_cfg": ..., "preprocess_cfg": ...}``.

    Args:
        model: Name known to open_clip, or path of a ``.json`` file in this form.

    Raises:
        ConfigError: The name is unknown, or the file is not of this form.
    """
    if model.endswith(".json"):
        return _own_config(Path(model))
    open_clip = import_open_clip()
    names = open_clip.list_models()
    if model not in names:
        raise ConfigError(
            f"Unknown tower '{model}'{nearest(model, names)}",
            where="model",
            expected="a name of open_clip.list_models() or the path of a .json file",
            found=model,
        )
    return {"model_cfg": copy.deepcopy(open_clip.get_model_config(model)), "preprocess_cfg": {}}


def _own_config(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except UnreadableFile as error:
        raise ConfigError("A tower's configuration cannot be read", where=path, found=error.found) from error
    keys = set(content) if isinstance(content, dict) else set()
    model_keys = set(content["model_cfg"]) if isinstance(content, dict) and "model_cfg" in content else set()
    text_keys = set(content["model_cfg"]["text_cfg"]) if model_keys >= _MODEL_KEYS else set()
    remote = {key for key in text_keys if key.startswith("hf_")}
    if "model_cfg" not in keys or keys - _CONFIG_KEYS or not model_keys >= _MODEL_KEYS or remote:
        raise ConfigError(
            "Not the configuration of a tower",
            where=path,
            expected=f"{sorted(_CONFIG_KEYS)} with {sorted(_MODEL_KEYS)} and open_clip's own text transformer",
            found=sorted(keys | model_keys | remote),
        )
    return {"model_cfg": content["model_cfg"], "preprocess_cfg": content.get("preprocess_cfg", {})}


def build_clip(model: str, preprocess_cfg: dict[str, Any] | None = None) -> ClipParts:
    """Build a model with random weights, drawn from torch's global generator.

    Args:
        model: See :func:`clip_config`.
        preprocess_cfg: Preprocessing that released weights ask for; it wins over the configuration's.

    Raises:
        ConfigError: open_clip cannot build it.
        DependencyMissing: open_clip is not installed.
    """
    open_clip = import_open_clip()
    config = clip_config(model)
    with _refused(model):
        module = _module(config["model_cfg"], {**config["preprocess_cfg"], **(preprocess_cfg or {})})
        tokenizer = _tokenizer(open_clip, model, config["model_cfg"]["text_cfg"])
    preprocess = Preprocess.from_config(module.visual.preprocess_cfg)
    plain = json.loads(json.dumps({"model_cfg": config["model_cfg"], "preprocess_cfg": preprocess.to_config()}))
    return ClipParts(module, plain, preprocess, lambda texts: tokenizer([_readable(text) for text in texts]))


def build_picture_encoder(model_cfg: Mapping[str, Any]) -> nn.Module:
    """Build the picture encoder of a model alone, with random weights.

    Args:
        model_cfg: ``model_cfg`` of :func:`clip_config`.

    Raises:
        ConfigError: open_clip cannot build it.
        DependencyMissing: open_clip is not installed.
    """
    with _refused("model_cfg"):
        encoder: nn.Module = _module(model_cfg, {}).visual
    return encoder


def _module(model_cfg: Mapping[str, Any], preprocess_cfg: Mapping[str, Any]) -> Any:
    open_clip = import_open_clip()
    config = {"model_cfg": dict(model_cfg), "preprocess_cfg": dict(preprocess_cfg)}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        write_json(Path(folder) / "open_clip_config.json", config)
        return open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)


@contextmanager
def _refused(where: str) -> Iterator[None]:
    try:
        yield
    except _BUILD_ERRORS as error:
        raise ConfigError(
            "open_clip cannot build this tower",
            where=where,
            found=f"{type(error).__name__}: {error}",
            next_step="compare the configuration with open_clip's model_configs",
        ) from error


def preprocess_of(model: str, weights: str | None = None) -> Preprocess:
    """Return what happens to pictures before a model sees them, without building it.

    Args:
        model: See :func:`clip_config`.
        weights: Tag of its release, which may have a preprocessing of its own; None, a file or an unknown tag leaves
            that of the configuration.

    Raises:
        ConfigError: As :func:`clip_config`, or the preprocessing cannot be carried out.
        DependencyMissing: open_clip is not installed.
    """
    transform = import_open_clip().transform
    config = clip_config(model)
    own_size = {"size": config["model_cfg"]["vision_cfg"].get("image_size", 224)}
    released = (import_open_clip().get_pretrained_cfg(model, weights) if weights is not None else None) or {}
    asked = {**config["preprocess_cfg"], **released}
    merged = transform.merge_preprocess_dict(transform.PreprocessCfg(), asked)
    return Preprocess.from_config(transform.merge_preprocess_dict(merged, own_size))


def _tokenizer(open_clip: ModuleType, model: str, text_cfg: dict[str, Any]) -> Callable[[list[str]], Tensor]:
    if not model.endswith(".json"):
        with _quiet():
            return open_clip.get_tokenizer(model)
    length = text_cfg.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
    return open_clip.SimpleTokenizer(context_length=length, **text_cfg.get("tokenizer_kwargs", {}))


def _readable(text: str) -> str:
    # The tokenizer's time grows with the square of a word's length. What is cut here lies beyond what an encoder reads,
    # or in a "word" of more letters than any word has.
    return _LONG_RUN.sub(r"\1\2", " ".join(text.split())[:READ_CHARACTERS])


def open_clip_parts(spec: TowerSpec, weights_folder: Path | None = None) -> tuple[ClipParts, Path]:
    """Return a model with its weights, and the file that they were read from.

    Args:
        spec: Model and weights.
        weights_folder: See :func:`concord3d.features.open_tower.open_tower`, also for what it raises.
    """
    config = clip_config(spec.model)
    found = find_weights(import_open_clip(), spec, config["model_cfg"], weights_folder)
    parts = build_clip(spec.model, found.preprocess_cfg)
    load_clip_weights(parts.module, found.path, parts.config["model_cfg"])
    return parts, found.path


def resolve_device(device: str) -> torch.device:
    """Return the device called ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: A GPU is asked for and there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            "No CUDA device is visible", where="device", found=device, next_step="set device: cpu or auto"
        )
    return torch.device(device)


class OpenClipTower:
    """A frozen open_clip model; see :func:`concord3d.features.open_tower.open_tower`.

    Args:
        parts: Model with its weights, and what belongs to it.
        weights_sha256: Digest of the weights file.
        device: Where to compute.
        precision: ``fp32`` or ``bf16``.
    """

    def __init__(self, parts: ClipParts, weights_sha256: str, device: torch.device, precision: str = "fp32") -> None:
        self._parts, self._device = parts, device
        self._autocast = precision == "bf16"
        self._clip: Any = parts.module.to(device).eval().requires_grad_(False)
        self.dim = int(parts.config["model_cfg"]["embed_dim"])
        self.image_size = parts.preprocess.size
        self.identity: dict[str, Any] = {
            "architecture": parts.config["model_cfg"],
            "preprocess": parts.config["preprocess_cfg"],
            "weights_sha256": weights_sha256,
            "precision": precision,
        }

    @classmethod
    def open(cls, spec: TowerSpec, device: str, weights_folder: Path | None) -> OpenClipTower:
        """Build a tower from its specification."""
        target = resolve_device(device)
        parts, path = open_clip_parts(spec, weights_folder)
        return cls(parts, sha256_file(path), target, spec.precision)

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated).

        Raises:
            BadPictures: Another form of array.
        """
        check_pictures(images)

        def encode(rows: slice) -> Tensor:
            pixels = torch.from_numpy(np.ascontiguousarray(images[rows])).to(self._device)
            ready = self._parts.preprocess.normalize(self._parts.preprocess.resize(pixels).float() / 255)
            features: Tensor = self._clip.encode_image(ready)
            return features

        return self._in_batches(len(images), encode)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised; of a long text only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
        """
        check_texts(texts)

        def encode(rows: slice) -> Tensor:
            features: Tensor = self._clip.encode_text(self._parts.tokenize(texts[rows]).to(self._device))
            return features

        return self._in_batches(len(texts), encode)

    @torch.inference_mode()
    def _in_batches(self, count: int, encode: Callable[[slice], Tensor]) -> NDArray[np.float32]:
        features = np.empty((count, self.dim), np.float32)
        for start in range(0, count, BATCH):
            rows = slice(start, min(start + BATCH, count))
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._autocast):
                part = encode(rows).float().cpu().numpy()
            if part.shape[1] != self.dim:
                raise TowerError(
                    "A tower gives features of another width than its configuration says",
                    expected=self.dim,
                    found=part.shape[1],
                )
            features[rows] = part
        return features
