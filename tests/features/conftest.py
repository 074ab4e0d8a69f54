"""A tower of seconds and a tower that only counts, for the tests of features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from concord3d.features.open_clip_adapter import build_clip
from concord3d.features.tower import TowerSpec, check_texts
from concord3d.features.weights import CONFIG_ENTRY
from concord3d.files import canonical_json
from concord3d.models.weights import save_weights

MICRO: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 6,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear"},
}


class CountingTower:
    """Features that depend on nothing but the content, and a count of what went through."""

    def __init__(self, dim: int = 4, name: str = "counting", scale: float = 1.0) -> None:
        self.dim, self.image_size, self._scale = dim, 8, scale
        self.identity: dict[str, Any] = {"architecture": name, "preprocess": {"size": 8}, "weights_sha256": "0" * 64}
        self.images = self.texts = 0

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.images += len(images)
        return self._features([image.tobytes() for image in images])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        check_texts(texts)
        self.texts += len(texts)
        return self._features([text.encode() for text in texts])

    def _features(self, contents: list[bytes]) -> NDArray[np.float32]:
        seeds = [int.from_bytes(hashlib.sha256(content).digest()[:8], "big") for content in contents]
        rows = [np.random.default_rng(seed).normal(size=self.dim) * self._scale for seed in seeds]
        return np.array(rows, np.float32).reshape(len(contents), self.dim)


@pytest.fixture
def counting_tower() -> Callable[..., CountingTower]:
    """The class itself."""
    return CountingTower


@pytest.fixture
def write_micro(tmp_path: Path) -> Callable[..., TowerSpec]:
    """Write a configuration with changes and weights of a seed; returns the specification."""

    def write(name: str = "micro", seed: int = 0, changes: dict[str, Any] | None = None) -> TowerSpec:
        config = json.loads(json.dumps(MICRO))
        for key, value in (changes or {}).items():
            *sections, last = key.split(".")
            target = config
            for section in sections:
                target = target[section]
            target[last] = value
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        torch.manual_seed(seed)
        weights = tmp_path / f"{name}.safetensors"
        save_weights(build_clip(str(path)).module, weights, {CONFIG_ENTRY: canonical_json(config["model_cfg"])})
        return TowerSpec(str(path), str(weights))

    return write
